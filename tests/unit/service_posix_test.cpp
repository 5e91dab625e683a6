// The service in one process with its tests: what starts, what does not, and how it ends. On Linux
// an invalid handle is never readable, which is what the signals of these tests need.
#include "serve/service.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "backends/posix/socket.h"
#include "temp_tree.h"
#include "until.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// What comes from another thread.
class Sent {
  public:
    void send(Signal signal) {
        const std::scoped_lock lock(mutex_);
        signals_.push_back(signal);
        if (events_ != nullptr) {
            events_->wake();
        }
    }
    [[nodiscard]] Signal take() {
        const std::scoped_lock lock(mutex_);
        if (signals_.empty()) {
            return Signal::none;
        }
        const Signal first = signals_.front();
        signals_.pop_front();
        return first;
    }
    void wakes(Events* events) {
        const std::scoped_lock lock(mutex_);
        events_ = events;
    }

  private:
    std::mutex mutex_;
    std::deque<Signal> signals_;
    Events* events_ = nullptr;
};

class FakeSignals final : public Signals {
  public:
    explicit FakeSignals(Sent& sent) : sent_(sent) {}
    [[nodiscard]] std::intptr_t wait_handle() const noexcept override { return -1; }
    [[nodiscard]] Signal take() noexcept override { return sent_.take(); }

  private:
    Sent& sent_;
};

class ServiceTest : public testing::Test {
  protected:
    ServiceTest() {
        config_.root = tree_.root();
        config_.listen = {"127.0.0.1:0"};
        config_.workers = 2;
        config_.pin = false;
    }

    // Until it ends.
    Service::Outcome run() {
        auto backend = choose_backend("auto");
        auto events = Events::create();
        EXPECT_TRUE(backend && events);
        sent_.wakes(events->get());
        Service service(config_, std::move(*backend), std::make_unique<FakeSignals>(sent_),
                        std::move(*events), [this](std::string_view line) {
                            const std::scoped_lock lock(mutex_);
                            lines_.emplace_back(line);
                        });
        Service::Outcome outcome = service.run();
        sent_.wakes(nullptr);
        return outcome;
    }
    [[nodiscard]] std::vector<std::string> lines() {
        const std::scoped_lock lock(mutex_);
        return lines_;
    }
    // What cannot start says so once, and ends.
    void expect_failure(const std::string& part) {
        const Service::Outcome outcome = run();
        ASSERT_FALSE(outcome.started);
        EXPECT_THAT(outcome.started.error().what, HasSubstr(part));
        EXPECT_EQ(outcome.end, Service::End::orderly);
        EXPECT_THAT(lines(), ElementsAre(outcome.started.error().what));
    }

    test::TempTree tree_;
    ServeConfig config_;
    Sent sent_;

  private:
    std::mutex mutex_;
    std::vector<std::string> lines_;
};

std::string ask(const std::string& url, const std::string& path) {
    const std::size_t begin = url.find("//") + 2;
    const auto endpoint = Endpoint::parse(url.substr(begin, url.find('/', begin) - begin));
    EXPECT_TRUE(endpoint) << url;
    const posix::Connecting connecting = posix::begin_connect(*endpoint);
    const timeval timeout{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(connecting.fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    ::fcntl(connecting.fd, F_SETFL, 0);
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    EXPECT_EQ(::send(connecting.fd, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    std::string answer;
    char bytes[4096];
    for (ssize_t n = 0; (n = ::recv(connecting.fd, bytes, sizeof bytes, 0)) > 0;) {
        answer.append(bytes, static_cast<std::size_t>(n));
    }
    ::close(connecting.fd);
    return answer;
}

TEST_F(ServiceTest, ServesUntilItIsToldToStop) {
    tree_.write("page.txt", "hello");
    config_.access_log = tree_.beside("log");
    Service::Outcome outcome;
    std::jthread control([&] { outcome = run(); });
    ASSERT_TRUE(test::until([this] { return !lines().empty(); }));
    const std::string line = lines().front();
    EXPECT_THAT(line, AllOf(StartsWith("serving "), HasSubstr("; 2 workers)")));
    const std::string url = line.substr(line.find("http://"));
    EXPECT_THAT(ask(url, "/page.txt"),
                AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("hello")));
    sent_.send(Signal::reload);
    ASSERT_TRUE(test::until([this] { return lines().size() > 1; }));
    EXPECT_THAT(lines()[1], StartsWith("SIGHUP: "));
    sent_.send(Signal::stop);
    control.join();
    EXPECT_TRUE(outcome.started);
    EXPECT_EQ(outcome.end, Service::End::orderly);
    EXPECT_EQ(lines().size(), 2U) << "nothing to say of an end that takes no time";
    std::ifstream log(tree_.beside("log"));
    const std::string logged{std::istreambuf_iterator<char>(log), {}};
    EXPECT_THAT(logged, HasSubstr("GET /page.txt"));
}

TEST_F(ServiceTest, ASignalToStopIsHeardBeforeAnythingIsServed) {
    sent_.send(Signal::stop);
    const Service::Outcome outcome = run();
    EXPECT_TRUE(outcome.started);
    EXPECT_EQ(outcome.end, Service::End::orderly);
    EXPECT_THAT(lines(), IsEmpty());
}

TEST_F(ServiceTest, WhatIsNotThereIsSaidOnce) {
    config_.root = tree_.path("missing");
    expect_failure("missing");
}

TEST_F(ServiceTest, ALogThatCannotBeWritten) {
    config_.access_log = tree_.path("no/such/folder/log");
    expect_failure("no/such/folder/log");
}

TEST_F(ServiceTest, APortThatIsTaken) {
    const auto taken = posix::open_listener(*Endpoint::parse("127.0.0.1:0"), ListenOptions{});
    ASSERT_TRUE(taken);
    const std::string port = std::to_string(posix::local_of(*taken)->port);
    config_.listen = {"127.0.0.1:0", "127.0.0.1:" + port};
    expect_failure(port);
    ::close(*taken);
}

}  // namespace
}  // namespace sluice

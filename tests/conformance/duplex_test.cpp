// The reactor over every backend with a protocol that sends while it receives, plainly and through
// the test transport: nothing gets stuck, nothing is lost, nobody holds more than his share.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/reactor.h"
#include "tests/conformance/fixture.h"
#include "tests/conformance/sealed_peer.h"
#include "tests/support/echo_session.h"

namespace sluice::conformance {

namespace {

constexpr std::size_t kMuch = 400'000;

// One that writes and reads at its own pace, and compares.
class Echoed {
  public:
    Echoed(std::unique_ptr<Peer> peer, std::size_t bytes, std::size_t read_max, std::uint64_t seed)
        : peer_(std::move(peer)), out_(pattern(bytes, seed)), read_max_(read_max) {
        // The bytes that mean something to the echo are left out.
        for (char& byte : out_) {
            byte = static_cast<char>(byte | 0x40);
        }
    }
    // True when all has come back.
    bool step() {
        if (written_ < out_.size()) {
            written_ += peer_->write(std::string_view(out_).substr(written_, 50'000));
        }
        in_ += peer_->read(read_max_);
        return in_.size() >= out_.size();
    }
    [[nodiscard]] bool same() const { return in_ == out_; }
    [[nodiscard]] std::size_t written() const { return written_; }
    [[nodiscard]] Peer& peer() { return *peer_; }

  private:
    std::unique_ptr<Peer> peer_;
    std::string out_;
    std::string in_;
    std::size_t written_ = 0;
    std::size_t read_max_;
};

std::vector<Configuration> chosen(bool simulated) {
    std::vector<Configuration> some = configurations();
    std::erase_if(some, [simulated](const Configuration& one) {
        return one.name.starts_with("sim") != simulated;
    });
    return some;
}

}  // namespace

class Duplex : public testing::TestWithParam<Configuration> {
  protected:
    static constexpr Nanos kPatience = 20 * kSecond;

    void SetUp() override {
        limits_.connections_per_worker = 64;
        limits_.head_timeout = kSecond;
        limits_.write_timeout = 5 * kSecond;
        BackendLimits limits;
        limits.slots = Reactor::slots(limits_);
        limits.listeners = 2;
        limits.recv_buffers = 32;
        rig_ = GetParam().make_rig();
        backend_ = rig_->make_backend(limits);
        ASSERT_NE(backend_, nullptr);
        reactor_ = std::make_unique<Reactor>(*backend_, sessions_, limits_);
        for (const bool sealed : {false, true}) {
            const auto bound =
                reactor_->listen(loopback(), ListenOptions{}, sealed ? &transports_ : nullptr);
            ASSERT_TRUE(bound.has_value());
            endpoints_.push_back(bound->local);
        }
    }
    void TearDown() override {
        if (reactor_ != nullptr) {
            reactor_->stop();
            EXPECT_TRUE(pump([this] { return reactor_->finished(); }));
            EXPECT_EQ(sessions_.counts.created, sessions_.counts.destroyed);
        }
    }
    template <typename Condition>
    bool pump(Condition&& condition) {
        const Nanos until = backend_->now() + kPatience;
        while (!condition()) {
            if (backend_->now() > until) {
                return false;
            }
            reactor_->turn(backend_->now() + kMillisecond);
        }
        return true;
    }
    // One byte there and back.
    bool greet(Peer& peer, std::string& in) {
        (void)peer.write("x");
        return pump([&] { return (in += peer.read(100)) == "x"; });
    }
    void turns(int count) {
        for (int i = 0; i < count; ++i) {
            reactor_->turn(backend_->now() + kMillisecond);
        }
    }
    std::unique_ptr<Peer> connect(bool sealed, const PeerOptions& options = {}) {
        auto peer = rig_->connect(endpoints_[sealed ? 1 : 0], options);
        if (sealed) {
            return std::make_unique<SealedPeer>(std::move(peer), ++seed_);
        }
        return peer;
    }

    Limits limits_;
    test::EchoFactory sessions_;
    test::XorTransports transports_{7};
    std::unique_ptr<Rig> rig_;
    std::unique_ptr<Backend> backend_;
    std::unique_ptr<Reactor> reactor_;
    std::vector<Endpoint> endpoints_;
    std::uint64_t seed_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Backend, Duplex, testing::ValuesIn(configurations()), configuration_name);

// A simulated peer takes whatever it is given.
class DuplexOnSockets : public Duplex {};
INSTANTIATE_TEST_SUITE_P(Backend, DuplexOnSockets, testing::ValuesIn(chosen(false)),
                         configuration_name);

// What takes a minute, in virtual time.
class DuplexOnSim : public Duplex {};
INSTANTIATE_TEST_SUITE_P(Backend, DuplexOnSim, testing::ValuesIn(chosen(true)), configuration_name);

TEST_P(DuplexOnSockets, MessagesOfOtherThreadsAreRunInOrder) {
    constexpr int kThreads = 3;
    constexpr int kMessages = 1'000;
    std::array<int, kThreads> ran{};
    bool in_order = true;
    std::vector<std::jthread> threads;
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&, thread] {
            for (int i = 0; i < kMessages; ++i) {
                while (!reactor_->post([&, thread, i](Reactor&) {
                    in_order = in_order && ran[thread] == i;
                    ++ran[thread];
                })) {
                    std::this_thread::yield();
                }
            }
        });
    }
    EXPECT_TRUE(pump(
        [&] { return std::ranges::all_of(ran, [](int count) { return count == kMessages; }); }));
    EXPECT_TRUE(in_order);
}

TEST_P(DuplexOnSockets, AnotherThreadReplacesAListener) {
    const auto before = rig_->connect(endpoints_[0], {});
    std::string in;
    EXPECT_TRUE(greet(*before, in));
    bool stopped = false;
    bool replaced = false;
    std::jthread thread([&] {
        EXPECT_TRUE(reactor_->post([&](Reactor& reactor) {
            reactor.stop_listening(0);
            stopped = true;
        }));
    });
    EXPECT_TRUE(pump([&] { return stopped; }));
    turns(20);
    thread = std::jthread([&] {
        EXPECT_TRUE(reactor_->post([&](Reactor& reactor) {
            const auto made = reactor.listen(endpoints_[0], ListenOptions{});
            ASSERT_TRUE(made.has_value()) << made.error().what;
            EXPECT_EQ(made->local, endpoints_[0]);
            replaced = true;
        }));
    });
    EXPECT_TRUE(pump([&] { return replaced; }));
    const auto after = connect(false);
    for (Peer* peer : {before.get(), after.get()}) {
        in.clear();
        EXPECT_TRUE(greet(*peer, in));
    }
}

TEST_P(Duplex, WhatComesInGoesOutMeanwhile) {
    for (const bool sealed : {false, true}) {
        std::vector<Echoed> all;
        for (std::size_t i = 0; i < 12; ++i) {
            const std::size_t read_max = i % 3 == 0 ? 700 : 60'000;
            all.emplace_back(connect(sealed, {.small_window = i % 2 == 0}), kMuch, read_max, i);
        }
        EXPECT_TRUE(pump([&] {
            std::size_t done = 0;
            for (Echoed& one : all) {
                done += one.step() ? 1U : 0U;
            }
            return done == all.size();
        })) << sealed;
        for (const Echoed& one : all) {
            EXPECT_TRUE(one.same());
        }
    }
    EXPECT_EQ(sessions_.counts.created, 24U) << "sessions that stay";
}

// Who writes and does not read is not read either.
TEST_P(DuplexOnSockets, NobodyHoldsMoreThanHisShare) {
    for (const bool sealed : {false, true}) {
        auto peer = connect(sealed, {.small_window = true});
        const std::string much(std::size_t{1} << 20, 'x');
        std::size_t written = 0;
        // A full socket takes something only when a good part of it is free again.
        int still = 0;
        for (int round = 0; round < 5'000 && still < 200; ++round) {
            const std::size_t taken = peer->write(much);
            written += taken;
            still = taken == 0 ? still + 1 : 0;
            turns(1);
        }
        EXPECT_EQ(still, 200) << "it takes without end";
        EXPECT_GT(sessions_.counts.fed_while_sending, 0U);
        std::size_t read = 0;
        EXPECT_TRUE(pump([&] {
            read += peer->read(1 << 20).size();
            return read == written;
        })) << read
            << " of " << written;
    }
}

TEST_P(Duplex, TheSessionKnowsWhatWasAgreedOnAndWhereItCameIn) {
    for (const bool sealed : {false, true}) {
        auto peer = connect(sealed);
        (void)peer->write("x");
        std::string got;
        EXPECT_TRUE(pump([&] {
            got += peer->read(100);
            return got == "x";
        }));
        EXPECT_EQ(sessions_.protocol, sealed ? test::XorTransport::kProtocol : "");
        EXPECT_EQ(sessions_.listener, sealed ? 1U : 0U);
    }
}

TEST_P(Duplex, ADrainSaysFarewell) {
    for (const bool sealed : {false, true}) {
        std::vector<std::unique_ptr<Peer>> peers;
        std::vector<std::string> got(3);
        for (std::size_t i = 0; i < got.size(); ++i) {
            peers.push_back(connect(sealed));
            (void)peers.back()->write("x");
        }
        const auto all_read = [&](const std::string& wanted) {
            bool all = true;
            for (std::size_t i = 0; i < got.size(); ++i) {
                got[i] += peers[i]->read(100);
                all = all && got[i] == wanted;
            }
            return all;
        };
        EXPECT_TRUE(pump([&] { return all_read("x"); }));
        if (!sealed) {
            continue;  // those of both kinds are drained together
        }
        auto plain = connect(false);
        (void)plain->write("y");
        std::string other;
        EXPECT_TRUE(pump([&] { return (other += plain->read(100)) == "y"; }));
        reactor_->drain();
        EXPECT_TRUE(pump([&] {
            other += plain->read(100);
            return all_read("xfarewell") && other == "yfarewell" && plain->eof();
        })) << got[0]
            << " " << other;
        EXPECT_TRUE(pump([&] {
            return all_read("xfarewell") && peers[0]->eof() && peers[1]->eof() && peers[2]->eof();
        }));
        for (const auto& peer : peers) {
            EXPECT_FALSE(peer->broken());
            peer->close();
        }
        plain->close();
        EXPECT_TRUE(pump([&] { return reactor_->finished(); }));
    }
}

TEST_P(Duplex, ThoseWhoLeaveAreForgotten) {
    for (const bool sealed : {false, true}) {
        for (int way = 0; way < 3; ++way) {
            auto peer = connect(sealed, {.small_window = true});
            (void)peer->write(std::string(200'000, 'x'));
            turns(20);
            (void)peer->read(10);
            if (way == 0) {
                peer->reset();
            } else if (way == 1) {
                peer->close();
            } else {
                peer->shutdown_write();
            }
            EXPECT_TRUE(pump([&] {
                if (way == 2) {
                    (void)peer->read(1 << 20);
                }
                return reactor_->connections() == 0;
            })) << sealed
                << " way " << way;
            EXPECT_EQ(reactor_->requests_in_use(), 0U);
        }
    }
}

// What the session waits for has its deadline, whether or not something is being sent meanwhile.
TEST_P(DuplexOnSim, WaitsOfTheSessionEndInTime) {
    struct Case {
        char wait;
        Nanos limit;
        std::size_t before;  // bytes that nobody reads for a while
    };
    for (const bool sealed : {false, true}) {
        for (const Case& one : {Case{test::EchoSession::kWaitHead, limits_.head_timeout, 0},
                                Case{test::EchoSession::kWaitHead, limits_.head_timeout, 300'000},
                                Case{test::EchoSession::kWaitWindow, limits_.write_timeout, 0}}) {
            auto peer = connect(sealed, {.small_window = true});
            std::string greeting;
            ASSERT_TRUE(greet(*peer, greeting));
            std::string out(one.before, 'x');
            out += one.wait;
            std::size_t written = 0;
            const auto write_on = [&] {
                written += peer->write(std::string_view(out).substr(written));
                return written == out.size();
            };
            std::string in;
            EXPECT_TRUE(pump([&] {
                const bool all = write_on();
                in += in.size() + 40'000 < one.before ? peer->read(1000) : "";
                return all && in.size() + 40'000 >= one.before;
            }));
            const Nanos since = backend_->now();
            EXPECT_TRUE(pump([&] {
                if (backend_->now() > since + one.limit) {
                    in += peer->read(1000);
                }
                return in.ends_with(test::EchoSession::kTimedOut) && peer->eof();
            })) << in.size()
                << " after byte " << static_cast<int>(one.wait);
            EXPECT_GE(backend_->now() - since, one.limit - 200 * kMillisecond);
            EXPECT_LE(backend_->now() - since, one.limit + 1'200 * kMillisecond);
            peer->close();
            EXPECT_TRUE(pump([&] { return reactor_->connections() == 0; }));
        }
    }
}

// Idle for too long, or for longer than all others when there is no place left.
TEST_P(DuplexOnSim, WhoHasToGoIsToldFarewell) {
    for (const bool sealed : {false, true}) {
        const auto said_farewell = [&](Peer& peer, std::string& in) {
            in += peer.read(100);
            return in == "xfarewell" && peer.eof();
        };
        std::string in;
        auto idle = connect(sealed);
        EXPECT_TRUE(greet(*idle, in));
        const Nanos since = backend_->now();
        while (backend_->now() < since + limits_.idle_timeout + kSecond) {
            reactor_->turn(backend_->now() + kSecond);
        }
        EXPECT_TRUE(pump([&] { return said_farewell(*idle, in); })) << in;
        idle->close();

        std::vector<std::unique_ptr<Peer>> all;
        std::vector<std::string> ins(limits_.connections_per_worker);
        for (std::string& one : ins) {
            all.push_back(connect(sealed));
            ASSERT_TRUE(greet(*all.back(), one));
            turns(20);
        }
        auto late = connect(sealed);
        std::string late_in;
        EXPECT_TRUE(greet(*late, late_in));
        EXPECT_TRUE(pump([&] { return said_farewell(*all[0], ins[0]); })) << ins[0];
        EXPECT_EQ(reactor_->counters().gave_way, sealed ? 2U : 1U);
        all.clear();
        late->close();
        EXPECT_TRUE(pump([&] { return reactor_->connections() == 0; }));
    }
}

// A record that is broken at any of its bytes ends the connection, and no other.
TEST_P(Duplex, ABrokenRecordEndsItsConnection) {
    auto good = connect(true);
    (void)good->write("x");
    std::string got;
    EXPECT_TRUE(pump([&] { return (got += good->read(100)) == "x"; }));
    test::XorClient seal(5);
    const std::string hello = seal.seal("");
    for (std::size_t at = 0; at < 8; ++at) {
        auto peer = rig_->connect(endpoints_[1], {});
        // A hello, and records of a kind that does not exist, or too long.
        std::string wire = hello + std::string("\x02\x00\x02..", 5);
        wire[at] = '\x7f';
        EXPECT_TRUE(pump([&] { return peer->connected(); }));
        (void)peer->write(wire);
        std::string answer;
        const bool payload = at >= 6;  // what is in a record may be anything
        EXPECT_TRUE(pump([&] {
            answer += peer->read(100);
            return payload ? answer.size() >= 3 : peer->eof() || peer->broken();
        })) << "byte "
            << at;
        peer->reset();
    }
    (void)good->write("y");
    EXPECT_TRUE(pump([&] { return (got += good->read(100)) == "xy"; }));
}

}  // namespace sluice::conformance

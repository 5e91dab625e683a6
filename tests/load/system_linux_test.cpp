// What only Linux tells: of a handshake, of the network, of ports.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "backends/posix/socket.h"
#include "bench/load/system.h"

namespace sluice::load {

namespace {

class Listener {
  public:
    explicit Listener(const char* at) {
        auto fd = posix::open_listener(*Endpoint::parse(at), ListenOptions{});
        EXPECT_TRUE(fd);
        fd_ = *fd;
        endpoint_ = *posix::local_of(fd_);
    }
    ~Listener() { ::close(fd_); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    [[nodiscard]] Endpoint endpoint() const { return endpoint_; }

  private:
    int fd_ = -1;
    Endpoint endpoint_;
};

bool found(const Endpoint& server) {
    const ServerProcesses processes = find_server(server);
    return std::find(processes.pids.begin(), processes.pids.end(), ::getpid()) !=
           processes.pids.end();
}

Endpoint at(const char* host, std::uint16_t port) {
    return *Endpoint::parse(std::string(host) + ":" + std::to_string(port));
}

}  // namespace

TEST(SystemLinux, FindsTheProcessThatListens) {
    const Listener four("127.0.0.1:0");
    const Listener six("[::1]:0");
    const Listener any("0.0.0.0:0");
    EXPECT_TRUE(found(four.endpoint()));
    EXPECT_TRUE(found(six.endpoint()));
    EXPECT_TRUE(found(at("127.0.0.1", any.endpoint().port)));
    EXPECT_FALSE(found(at("127.0.0.2", four.endpoint().port)));
    EXPECT_FALSE(found(at("[::1]", four.endpoint().port)));
    // Somebody else's machine, where the same port here says nothing (RFC 5737).
    EXPECT_FALSE(found(at("192.0.2.1", any.endpoint().port)));
    EXPECT_FALSE(find_server(at("192.0.2.1", any.endpoint().port)).why.empty());
}

TEST(SystemLinux, TheKernelTellsOfAHandshake) {
    const Listener listener("127.0.0.1:0");
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const posix::SocketAddress address = posix::to_socket_address(listener.endpoint());
    ASSERT_EQ(::connect(fd, address.get(), address.size), 0);
    const auto handshake = kernel_handshake(fd);
    ASSERT_TRUE(handshake);
    EXPECT_GT(handshake->rtt, 0);
    EXPECT_LT(handshake->rtt, kSecond);
    EXPECT_FALSE(handshake->retransmitted);
    ::close(fd);
    EXPECT_FALSE(kernel_handshake(fd).has_value());
}

TEST(SystemLinux, CountersAndPorts) {
    const auto counters = net_counters();
    ASSERT_TRUE(counters);
    const auto range = ports();
    ASSERT_TRUE(range);
    EXPECT_LT(range->low, range->high);
    EXPECT_NE(machine().kernel.find("Linux"), std::string::npos);
}

}  // namespace sluice::load

#include "backends/posix/send_state.h"

#include <gtest/gtest.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "backends/posix/socket.h"
#include "tests/support/host.h"

namespace sluice::posix {

namespace {

// A connection as the server has it, and its other end.
class Loopback : public testing::Test {
  protected:
    void SetUp() override {
        const auto listener = open_listener(*Endpoint::parse("127.0.0.1:0"), ListenOptions{});
        ASSERT_TRUE(listener.has_value());
        const Connecting connecting = begin_connect(*local_of(*listener));
        peer_ = connecting.fd;
        ASSERT_GE(peer_, 0);
        server_ = ::accept4(*listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        while (server_ < 0 && errno == EAGAIN) {
            server_ = ::accept4(*listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        }
        ASSERT_GE(server_, 0);
        ::close(*listener);
    }
    void TearDown() override {
        ::close(server_);
        ::close(peer_);
    }
    [[nodiscard]] tcp_info info() const {
        tcp_info info{};
        socklen_t size = sizeof info;
        EXPECT_EQ(::getsockopt(server_, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
        return info;
    }

    int server_ = -1;
    int peer_ = -1;
};

}  // namespace

TEST_F(Loopback, HeadAndFileLeaveInOneSegment) {
    const test::TempFile file(std::string(1000, 'f'));
    const std::string head(300, 'h');
    const std::array<Slice, 2> slices = {Slice{head.data(), 100}, Slice{head.data() + 100, 200}};
    for (std::uint32_t sends = 1; sends <= 5; ++sends) {
        SendState state;
        state.start(Token{0, 0, OpKind::send}, slices, file.range(0, 1000), SendUrgency::eager);
        ASSERT_EQ(state.step(server_), Step::done);
        EXPECT_EQ(state.sent, 1300U);
        EXPECT_EQ(info().tcpi_data_segs_out, sends) << "one for each answer";
    }
}

// Memory without a file behind it must not wait for more.
TEST_F(Loopback, WhatHasNoFileLeavesAtOnce) {
    const std::array<Slice, 1> slices = {Slice{"answer", 6}};
    SendState state;
    state.start(Token{0, 0, OpKind::send}, slices, FileRange{}, SendUrgency::eager);
    ASSERT_EQ(state.step(server_), Step::done);
    EXPECT_EQ(info().tcpi_data_segs_out, 1U);
    EXPECT_EQ(info().tcpi_notsent_bytes, 0U);
}

// A peer that does not read: the kernel takes what it may send at once, and a bounded rest.
TEST_F(Loopback, WhatCannotLeaveIsBounded) {
    const std::string much(8'000'000, 'x');
    const test::TempFile file(much);
    for (const bool from_file : {true, false}) {
        const std::array<Slice, 1> slices = {Slice{much.data(), from_file ? 0 : much.size()}};
        SendState state;
        state.start(Token{0, 0, OpKind::send}, slices,
                    from_file ? file.range(0, much.size()) : FileRange{}, SendUrgency::eager);
        ASSERT_EQ(state.step(server_), Step::blocked);
        EXPECT_LE(info().tcpi_notsent_bytes, 256U * 1024);
    }
}

}  // namespace sluice::posix

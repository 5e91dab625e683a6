// connect, and what follows it.
#include <algorithm>
#include <filesystem>

#include "tests/conformance/fixture.h"

namespace sluice::conformance {

class Connect : public Conformance {
  protected:
    Status connected(Slot slot) {
        EXPECT_TRUE(pump([&] { return at(slot).connect_end.has_value(); }));
        return at(slot).connect_end.value_or(Status::io_error);
    }
    std::unique_ptr<Peer> accept(PeerListener& listener) {
        std::unique_ptr<Peer> peer;
        EXPECT_TRUE(pump([&] {
            peer = listener.accept();
            return peer != nullptr;
        }));
        return peer;
    }
};

INSTANTIATE_TEST_SUITE_P(Backend, Connect, testing::ValuesIn(configurations()), configuration_name);

TEST_P(Connect, OverEveryFamily) {
    for (const Family family : families()) {
        const auto listener = rig().listen(loopback(family));
        const Slot slot = driver().connect(listener->local());
        EXPECT_FALSE(at(slot).connect_end.has_value());
        EXPECT_EQ(connected(slot), Status::ok);
        const auto peer = accept(*listener);
        ASSERT_NE(peer, nullptr);
        const Endpoint seen = backend().peer(slot);
        EXPECT_EQ(seen.family, family);
        EXPECT_EQ(seen.port, listener->local().port);
        EXPECT_NE(backend().native(slot), kNoSocket);

        driver().recv_start(slot);
        driver().send(slot, "question");
        EXPECT_EQ(read(*peer, 8), "question");
        write(*peer, "answer");
        EXPECT_TRUE(pump([&] { return at(slot).received == "answer"; }));
        peer->shutdown_write();
        EXPECT_TRUE(pump([&] { return at(slot).recv_end == Status::eof; }));
        close(slot);
    }
}

TEST_P(Connect, ToItself) {
    const ListenerId id = listen(loopback());
    driver().accept_start(id);
    const Slot client = driver().connect(local(id));
    EXPECT_EQ(connected(client), Status::ok);
    const Slot server = driver().adopt(accepted(id));
    driver().recv_start(server);
    driver().recv_start(client);
    driver().send(client, "ping");
    EXPECT_TRUE(pump([&] { return at(server).received == "ping"; }));
    driver().send(server, "pong");
    EXPECT_TRUE(pump([&] { return at(client).received == "pong"; }));
}

TEST_P(Connect, RefusedWhereNobodyListens) {
    const Endpoint endpoint = rig().listen(loopback())->local();  // and gone again
    for (int i = 0; i < 10; ++i) {
        const Slot slot = driver().connect(endpoint);
        EXPECT_EQ(connected(slot), Status::refused);
        EXPECT_EQ(backend().peer(slot).family, Family::none);
        close(slot);
    }
}

TEST_P(Connect, AUnixPathWithoutAServer) {
    if (!rig().has_unix_paths()) {
        return;
    }
    const Endpoint nothing = loopback(Family::unix_path);
    const Slot slot = driver().connect(nothing);
    EXPECT_EQ(connected(slot), Status::not_found);
    close(slot);

    const Endpoint stale = loopback(Family::unix_path);
    rig().leave_stale_path(stale);
    const Slot second = driver().connect(stale);
    const Status status = connected(second);
    EXPECT_EQ(status, real() ? Status::refused : Status::not_found);
    close(second);
    std::filesystem::remove(stale.path);
}

TEST_P(Connect, OutOfDescriptors) {
    const auto listener = rig().listen(loopback());
    rig().limit_sockets(backend(), 1);
    const Slot first = driver().connect(listener->local());
    const Slot second = driver().connect(listener->local());
    const Status one = connected(first);
    const Status two = connected(second);
    rig().limit_sockets(backend(), SIZE_MAX);
    EXPECT_EQ(one, Status::ok);
    EXPECT_EQ(two, Status::no_fds);
    EXPECT_EQ(backend().peer(second).family, Family::none);
    close(second);
}

TEST_P(Connect, CloseWhileConnecting) {
    const auto listener = rig().listen(loopback());
    for (int i = 0; i < 50; ++i) {
        const Slot slot = driver().connect(listener->local());
        for (int polls = i % 3; polls > 0; --polls) {
            driver().poll(0);
        }
        close(slot);
        ASSERT_TRUE(at(slot).connect_end.has_value());
        const Status status = *at(slot).connect_end;
        EXPECT_TRUE(status == Status::cancelled || status == Status::ok) << to_string(status);
    }
}

TEST_P(Connect, ManyAtOnce) {
    const auto listener = rig().listen(loopback());
    std::vector<Slot> slots;
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 200; ++i) {
        slots.push_back(driver().connect(listener->local()));
    }
    for (const Slot slot : slots) {
        EXPECT_EQ(connected(slot), Status::ok);
        peers.push_back(accept(*listener));
        driver().send(slot, std::to_string(slot));
    }
    // Which connection is whose is known only from what it says.
    std::vector<std::string> said;
    for (const auto& peer : peers) {
        ASSERT_NE(peer, nullptr);
        ASSERT_TRUE(pump([&] { return !(said.emplace_back(peer->read(10))).empty(); }));
    }
    std::erase(said, "");
    std::vector<std::string> expected;
    for (const Slot slot : slots) {
        expected.push_back(std::to_string(slot));
    }
    std::ranges::sort(said);
    std::ranges::sort(expected);
    EXPECT_EQ(said, expected);
}

}  // namespace sluice::conformance

// The accept stream, adopt, discard, peer, native.
#include <set>

#include "tests/conformance/fixture.h"

namespace sluice::conformance {

CONFORMANCE_SUITE(Accept);

TEST_P(Accept, OneAndAnother) {
    const ListenerId id = listen(loopback());
    driver().accept_start(id);
    const auto first = connect(local(id));
    const Socket one = accepted(id);
    const auto second = connect(local(id));
    const Socket two = accepted(id);
    EXPECT_NE(one, two);
    driver().adopt(one);
    driver().adopt(two);
}

TEST_P(Accept, ConnectionsThatCameBeforeTheStart) {
    const ListenerId id = listen(loopback());
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 20; ++i) {
        peers.push_back(connect(local(id)));
        write(*peers.back(), "early");
    }
    pump_for(kSettle);
    EXPECT_TRUE(driver().listener(id).accepted.empty());
    driver().accept_start(id);
    for (std::size_t i = 0; i < peers.size(); ++i) {
        const Slot slot = driver().adopt(accepted(id));
        driver().recv_start(slot);
        EXPECT_TRUE(pump([&] { return at(slot).received == "early"; }));
    }
}

TEST_P(Accept, ABurst) {
    const ListenerId id = listen(loopback());
    driver().accept_start(id);
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 200; ++i) {
        peers.push_back(rig().connect(local(id), {}));
    }
    auto& queue = driver().listener(id).accepted;
    ASSERT_TRUE(pump([&] { return queue.size() == peers.size(); }));
    EXPECT_EQ(std::set<Socket>(queue.begin(), queue.end()).size(), peers.size());
}

TEST_P(Accept, MoreThanOneBatchHolds) {
    BackendLimits limits;
    limits.completions = 8;
    restart(limits);
    const ListenerId id = listen(loopback());
    driver().accept_start(id);
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 100; ++i) {
        peers.push_back(rig().connect(local(id), {}));
    }
    EXPECT_TRUE(pump([&] { return driver().listener(id).accepted.size() == peers.size(); }));
}

TEST_P(Accept, TwoListenersDoNotMixUp) {
    const ListenerId one = listen(loopback());
    const ListenerId two = listen(loopback());
    driver().accept_start(one);
    driver().accept_start(two);
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 30; ++i) {
        peers.push_back(connect(local(i % 3 == 0 ? one : two)));
    }
    EXPECT_TRUE(pump([&] {
        return driver().listener(one).accepted.size() == 10 &&
               driver().listener(two).accepted.size() == 20;
    }));
}

TEST_P(Accept, StopEndsTheStream) {
    const ListenerId id = listen(loopback());
    driver().accept_start(id);
    pump_for(kMillisecond);
    driver().accept_stop(id);
    ASSERT_TRUE(pump([&] { return !driver().listener(id).accepting; }));
    EXPECT_EQ(driver().listener(id).accept_end, Status::cancelled);
    const auto peer = connect(local(id));  // the backlog still takes it
    pump_for(kSettle);
    EXPECT_TRUE(driver().listener(id).accepted.empty());
    driver().accept_start(id);
    driver().adopt(accepted(id));
}

TEST_P(Accept, StopRightAfterTheStart) {
    const ListenerId id = listen(loopback());
    for (int i = 0; i < 50; ++i) {
        driver().accept_start(id);
        driver().accept_stop(id);
        ASSERT_TRUE(pump([&] { return !driver().listener(id).accepting; }));
        EXPECT_EQ(driver().listener(id).accept_end, Status::cancelled);
    }
}

// A socket is either delivered or still in the backlog for the next stream; none gets lost in the
// stop. That is the classic leak of a cancelled accept.
TEST_P(Accept, NothingIsLostByAStop) {
    const ListenerId id = listen(loopback());
    std::vector<std::unique_ptr<Peer>> peers;
    driver().accept_start(id);
    for (int round = 0; round < 30; ++round) {
        for (int i = 0; i < 5; ++i) {
            peers.push_back(rig().connect(local(id), {}));
        }
        if (round % 2 == 0) {
            driver().poll(0);
        }
        driver().accept_stop(id);
        ASSERT_TRUE(pump([&] { return !driver().listener(id).accepting; }));
        driver().accept_start(id);
    }
    EXPECT_TRUE(pump([&] { return driver().listener(id).accepted.size() == peers.size(); }));
}

TEST_P(Accept, DiscardCloses) {
    const ListenerId id = listen(loopback());
    driver().accept_start(id);
    for (int i = 0; i < 20; ++i) {
        const auto peer = connect(local(id));
        backend().discard(accepted(id));
        EXPECT_TRUE(pump([&] { return peer->eof() || peer->broken(); }));
    }
}

TEST_P(Accept, OutOfDescriptorsEndsTheStreamAndLosesNothing) {
    const ListenerId id = listen(loopback());
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 10; ++i) {
        peers.push_back(connect(local(id)));
    }
    rig().limit_sockets(backend(), 4);
    driver().accept_start(id);
    const bool ended = pump([&] { return !driver().listener(id).accepting; });
    const std::size_t before = driver().listener(id).accepted.size();
    rig().limit_sockets(backend(), SIZE_MAX);
    ASSERT_TRUE(ended);
    EXPECT_EQ(driver().listener(id).accept_end, Status::no_fds);
    EXPECT_EQ(before, 4U);
    driver().accept_start(id);
    EXPECT_TRUE(pump([&] { return driver().listener(id).accepted.size() == peers.size(); }));
    // All of them are alive.
    for (const auto& peer : peers) {
        write(*peer, "x");
    }
    for (std::size_t i = 0; i < peers.size(); ++i) {
        const Slot slot = driver().adopt(accepted(id));
        driver().recv_start(slot);
        EXPECT_TRUE(pump([&] { return at(slot).received == "x"; }));
    }
}

TEST_P(Accept, APeerThatIsGoneAlready) {
    const ListenerId id = listen(loopback());
    for (int i = 0; i < 10; ++i) {
        const auto peer = connect(local(id));
        peer->reset();
    }
    driver().accept_start(id);
    // Whether such connections still come out of the backlog is the system's business, but the
    // stream goes on and what does come out is in order.
    const auto peer = connect(local(id));
    write(*peer, "alive");
    pump_for(kSettle);
    auto& queue = driver().listener(id).accepted;
    ASSERT_FALSE(queue.empty());
    std::vector<Slot> slots;
    for (; !queue.empty(); queue.pop_front()) {
        slots.push_back(driver().adopt(queue.front()));
        driver().recv_start(slots.back());
    }
    EXPECT_TRUE(pump([&] { return at(slots.back()).received == "alive"; }));
    slots.pop_back();
    for (const Slot slot : slots) {
        EXPECT_TRUE(pump([&] { return at(slot).recv_end == Status::reset; }));
    }
}

TEST_P(Accept, ClosingAListenerRefusesNewPeers) {
    const ListenerId id = listen(loopback());
    const Endpoint endpoint = local(id);
    driver().accept_start(id);
    const auto early = connect(endpoint);
    const Slot slot = driver().adopt(accepted(id));
    driver().accept_stop(id);
    ASSERT_TRUE(pump([&] { return !driver().listener(id).accepting; }));
    driver().close_listener(id);
    pump_for(kMillisecond);
    const auto late = rig().connect(endpoint, {});
    EXPECT_TRUE(pump([&] { return late->broken(); }));
    // Accepted connections are not affected.
    driver().send(slot, "still here");
    EXPECT_EQ(read(*early, 10), "still here");
}

TEST_P(Accept, TheAddressOfTheOtherEnd) {
    for (const Family family : families()) {
        const Pair p = pair(family);
        const Endpoint seen = backend().peer(p.slot);
        EXPECT_EQ(seen.family, family);
        EXPECT_EQ(seen.port, p.peer->local().port);
        if (family != Family::unix_path) {
            EXPECT_EQ(seen.address, loopback(family).address);
        }
        p.peer->reset();
        pump_for(kSettle);
        if (family != Family::unix_path) {
            EXPECT_EQ(backend().peer(p.slot).family, Family::none);
        }
    }
}

TEST_P(Accept, NativeIsTheSocketWhileItIsBound) {
    const Slot free = driver().free_slot();
    EXPECT_EQ(backend().native(free), kNoSocket);
    const ListenerId id = listen(loopback());
    driver().accept_start(id);
    const auto peer = connect(local(id));
    const Slot slot = driver().adopt(accepted(id));
    EXPECT_NE(backend().native(slot), kNoSocket);
    close(slot);
    EXPECT_EQ(backend().native(slot), kNoSocket);
}

// Restarting a server must not fail with "address in use", whatever its connections did.
TEST_P(Accept, TheSamePortAtOnceAfterTheBackendIsGone) {
    Endpoint endpoint = loopback();
    for (int round = 0; round < 5; ++round) {
        const ListenerId id = listen(endpoint);
        endpoint = local(id);
        driver().accept_start(id);
        std::vector<std::unique_ptr<Peer>> peers;
        for (int i = 0; i < 20; ++i) {
            peers.push_back(connect(endpoint));
            const Slot slot = driver().adopt(accepted(id));
            if (i % 2 == 0) {
                driver().recv_start(slot);
            }
            if (i % 3 == 0) {
                driver().send(slot, pattern(1'000'000));
            }
            if (i % 5 == 0) {
                driver().close(slot);
            }
        }
        driver().poll(0);
        restart(BackendLimits{});
        for (const auto& peer : peers) {
            EXPECT_TRUE(pump([&] {
                (void)peer->read(100'000);
                return peer->eof() || peer->broken();
            }));
        }
    }
    const ListenerId id = listen(endpoint);
    driver().accept_start(id);
    const auto peer = connect(endpoint);
    driver().adopt(accepted(id));
}

}  // namespace sluice::conformance

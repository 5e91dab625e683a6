// The receive stream and its lent buffers.
#include "tests/conformance/fixture.h"

namespace sluice::conformance {

CONFORMANCE_SUITE(Recv);

TEST_P(Recv, EverySizeExactlyAndInOrder) {
    const Pair p = pair();
    driver().recv_start(p.slot);
    std::string all;
    std::uint64_t seed = 0;
    for (const std::size_t size : {1UZ, 2UZ, 4095UZ, 4096UZ, 4097UZ, 65'536UZ, 1'048'576UZ}) {
        const std::string bytes = pattern(size, ++seed);
        all += bytes;
        Feeder feeder(*p.peer, bytes);
        ASSERT_TRUE(pump([&] { return feeder.step() && at(p.slot).received.size() >= all.size(); }))
            << size << " bytes";
        ASSERT_TRUE(at(p.slot).received == all);
    }
    EXPECT_FALSE(at(p.slot).recv_end.has_value());
}

TEST_P(Recv, OverEveryFamily) {
    for (const Family family : families()) {
        const Pair p = pair(family);
        driver().recv_start(p.slot);
        const std::string bytes = pattern(300'000);
        Feeder feeder(*p.peer, bytes);
        ASSERT_TRUE(
            pump([&] { return feeder.step() && at(p.slot).received.size() >= bytes.size(); }));
        EXPECT_TRUE(at(p.slot).received == bytes);
        p.peer->shutdown_write();
        EXPECT_TRUE(pump([&] { return at(p.slot).recv_end == Status::eof; }));
    }
}

// A receive stops at an urgent byte and passes over it. What is behind is there before the backend
// looks, so nothing that comes later tells it to look again.
TEST_P(Recv, UrgentBytesHideNothing) {
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const Pair p = pair(family);
        std::string all;
        const auto arrive = [&](std::string_view before, std::string_view behind) {
            write(*p.peer, before);
            p.peer->write_urgent();
            write(*p.peer, behind);
            all.append(before).append(behind);
        };
        const auto arrived = [&] { return at(p.slot).received.size() >= all.size(); };
        arrive("early ", "bytes ");
        driver().recv_start(p.slot);
        ASSERT_TRUE(pump(arrived)) << at(p.slot).received;
        for (const std::size_t size : {1UZ, 3000UZ, 4096UZ, 6000UZ}) {
            arrive(pattern(size, 1), pattern(size, 2));
            ASSERT_TRUE(pump(arrived)) << size;
        }
        arrive("at the end", "");
        ASSERT_TRUE(pump(arrived));
        const std::uint64_t polls = driver().polls();
        pump_for(kSettle);
        EXPECT_LT(driver().polls() - polls, 500U) << "it spins";
        EXPECT_FALSE(at(p.slot).recv_end.has_value());
        arrive("before FIN", "");
        p.peer->shutdown_write();
        ASSERT_TRUE(pump([&] { return at(p.slot).recv_end.has_value(); }));
        EXPECT_EQ(at(p.slot).recv_end, Status::eof);
        EXPECT_TRUE(at(p.slot).received == all);
    }
}

TEST_P(Recv, BytesThatCameBeforeTheStart) {
    const Pair p = pair();
    write(*p.peer, "early");
    pump_for(kSettle);
    driver().recv_start(p.slot);
    EXPECT_TRUE(pump([&] { return at(p.slot).received == "early"; }));
}

TEST_P(Recv, TheEndComesAfterTheBytes) {
    for (int i = 0; i < 20; ++i) {
        const Pair p = pair();
        if (i % 2 == 0) {
            driver().recv_start(p.slot);
        }
        const std::string bytes = pattern(static_cast<std::size_t>(i) * 1000);
        write(*p.peer, bytes);
        p.peer->shutdown_write();
        if (i % 2 != 0) {
            pump_for(kMillisecond);
            driver().recv_start(p.slot);
        }
        ASSERT_TRUE(pump([&] { return at(p.slot).recv_end.has_value(); }));
        EXPECT_EQ(at(p.slot).recv_end, Status::eof);
        EXPECT_TRUE(at(p.slot).received == bytes);
    }
}

TEST_P(Recv, AfterTheEndAnotherStreamEndsAgain) {
    const Pair p = pair();
    p.peer->shutdown_write();
    for (int i = 0; i < 3; ++i) {
        driver().recv_start(p.slot);
        ASSERT_TRUE(pump([&] { return at(p.slot).recv_end.has_value(); }));
        EXPECT_EQ(at(p.slot).recv_end, Status::eof);
    }
}

TEST_P(Recv, ResetEndsTheStream) {
    for (const bool started : {true, false}) {
        const Pair p = pair();
        if (started) {
            driver().recv_start(p.slot);
            pump_for(kMillisecond);
        }
        p.peer->reset();
        pump_for(kMillisecond);
        if (!started) {
            driver().recv_start(p.slot);
        }
        ASSERT_TRUE(pump([&] { return at(p.slot).recv_end.has_value(); }));
        EXPECT_EQ(at(p.slot).recv_end, Status::reset);
    }
}

TEST_P(Recv, StopEndsTheStreamAndTheNextGoesOn) {
    const Pair p = pair();
    const std::string bytes = pattern(200'000);
    Feeder feeder(*p.peer, bytes);
    for (int round = 0; at(p.slot).received.size() < bytes.size(); ++round) {
        ASSERT_LT(round, 20'000);
        driver().recv_start(p.slot);
        feeder.step();
        for (int polls = round % 4; polls > 0; --polls) {
            driver().poll(backend().now() + 100 * kMicrosecond);
        }
        driver().recv_stop(p.slot);
        ASSERT_TRUE(pump([&] { return at(p.slot).recv_end.has_value(); }));
        ASSERT_EQ(at(p.slot).recv_end, Status::cancelled);
    }
    EXPECT_TRUE(at(p.slot).received == bytes);
}

TEST_P(Recv, StopAtTheEndCompletesOnce) {
    for (int i = 0; i < 30; ++i) {
        const Pair p = pair();
        driver().recv_start(p.slot);
        p.peer->shutdown_write();
        if (i % 3 != 0) {
            driver().poll(i % 3 == 1 ? 0 : backend().now() + kMillisecond);
        }
        driver().recv_stop(p.slot);  // may come too late
        ASSERT_TRUE(pump([&] { return at(p.slot).recv_end.has_value(); }));
        const Status end = *at(p.slot).recv_end;
        EXPECT_TRUE(end == Status::eof || end == Status::cancelled) << to_string(end);
        pump_for(kMillisecond);
        driver().recv_stop(p.slot);  // nothing happens
        pump_for(kMillisecond);
        close(p.slot);
    }
}

TEST_P(Recv, StoppedTwiceCompletesOnce) {
    const Pair p = pair();
    driver().recv_start(p.slot);
    pump_for(kMillisecond);
    driver().recv_stop(p.slot);
    driver().recv_stop(p.slot);
    ASSERT_TRUE(pump([&] { return at(p.slot).recv_end.has_value(); }));
    EXPECT_EQ(at(p.slot).recv_end, Status::cancelled);
    driver().recv_start(p.slot);  // a late echo of the second stop must not hit this stream
    pump_for(kSettle);
    EXPECT_FALSE(at(p.slot).recv_end.has_value());
    write(*p.peer, "on");
    EXPECT_TRUE(pump([&] { return at(p.slot).received == "on"; }));
}

// --- Buffers --------------------------------------------------------------------------------

TEST_P(Recv, OutOfBuffersIsAPauseAndLosesNothing) {
    BackendLimits limits;
    limits.recv_buffers = 8;
    restart(limits);
    const Pair p = pair();
    driver().recv_start(p.slot);
    driver().hold_buffers(true);
    const std::string bytes = pattern(400'000);
    Feeder feeder(*p.peer, bytes);
    ASSERT_TRUE(pump([&] {
        feeder.step();
        return driver().held() == limits.recv_buffers;
    }));
    for (int i = 0; i < 50; ++i) {
        feeder.step();
        driver().poll(backend().now() + kMillisecond);
    }
    EXPECT_EQ(driver().held(), limits.recv_buffers);
    EXPECT_FALSE(at(p.slot).recv_end.has_value()) << "a lack of buffers is no error";
    // One buffer back at a time, then all.
    for (int i = 0; i < 20; ++i) {
        const std::size_t before = at(p.slot).received.size();
        driver().release_held(1);
        ASSERT_TRUE(pump([&] {
            feeder.step();
            return at(p.slot).received.size() > before;
        }));
    }
    driver().hold_buffers(false);
    driver().release_held();
    EXPECT_TRUE(pump([&] { return feeder.step() && at(p.slot).received.size() == bytes.size(); }));
    EXPECT_TRUE(at(p.slot).received == bytes);
}

TEST_P(Recv, TheEndIsSeenWhileBuffersAreOut) {
    BackendLimits limits;
    limits.recv_buffers = 4;
    restart(limits);
    const Pair p = pair();
    driver().recv_start(p.slot);
    driver().hold_buffers(true);
    const std::string bytes = pattern(4 * 4096 + 1000);
    write(*p.peer, bytes);
    p.peer->shutdown_write();
    ASSERT_TRUE(pump([&] { return driver().held() == limits.recv_buffers; }));
    pump_for(kSettle);
    driver().hold_buffers(false);
    driver().release_held();
    ASSERT_TRUE(pump([&] { return at(p.slot).recv_end.has_value(); }));
    EXPECT_EQ(at(p.slot).recv_end, Status::eof);
    EXPECT_TRUE(at(p.slot).received == bytes);
}

TEST_P(Recv, StopAndCloseWhileBuffersAreOut) {
    BackendLimits limits;
    limits.recv_buffers = 4;
    restart(limits);
    const Pair hog = pair();
    const Pair stopped = pair();
    const Pair closed = pair();
    driver().hold_buffers(true);
    const std::string bytes = pattern(30'000);
    driver().recv_start(hog.slot);
    Feeder feeder(*hog.peer, bytes);
    ASSERT_TRUE(pump([&] {
        feeder.step();
        return driver().held() == limits.recv_buffers;
    }));
    driver().recv_start(stopped.slot);
    driver().recv_start(closed.slot);
    write(*stopped.peer, "stopped");
    write(*closed.peer, "closed");
    pump_for(kSettle);
    driver().recv_stop(stopped.slot);
    ASSERT_TRUE(pump([&] { return at(stopped.slot).recv_end.has_value(); }));
    EXPECT_EQ(at(stopped.slot).recv_end, Status::cancelled);
    close(closed.slot);
    driver().hold_buffers(false);
    driver().release_held();
    driver().recv_start(stopped.slot);
    EXPECT_TRUE(pump([&] { return at(stopped.slot).received == "stopped"; }));
    EXPECT_TRUE(pump([&] { return feeder.step() && at(hog.slot).received == bytes; }));
}

TEST_P(Recv, AFewBuffersForManyConnections) {
    BackendLimits limits;
    limits.recv_buffers = 4;
    limits.recv_buffer_bytes = 512;
    restart(limits);
    std::vector<Pair> pairs;
    std::vector<std::string> bytes;
    std::vector<Feeder> feeders;
    for (std::uint64_t i = 0; i < 20; ++i) {
        pairs.push_back(pair());
        bytes.push_back(pattern(30'000, i + 1));
        driver().recv_start(pairs.back().slot);
    }
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        feeders.emplace_back(*pairs[i].peer, bytes[i]);
    }
    EXPECT_TRUE(pump([&] {
        bool done = true;
        for (std::size_t i = 0; i < pairs.size(); ++i) {
            done &= feeders[i].step() && at(pairs[i].slot).received.size() == bytes[i].size();
        }
        return done;
    }));
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        EXPECT_TRUE(at(pairs[i].slot).received == bytes[i]);
    }
}

// Everybody gets a share: one connection with much to say does not starve another.
TEST_P(Recv, ATorrentDoesNotStarveATrickle) {
    BackendLimits limits;
    limits.recv_buffers = 16;
    limits.completions = 16;
    restart(limits);
    const Pair torrent = pair();
    const Pair trickle = pair();
    driver().recv_start(torrent.slot);
    driver().recv_start(trickle.slot);
    const std::string flood = pattern(4'000'000);
    Feeder feeder(*torrent.peer, flood);
    for (int i = 0; i < 30; ++i) {
        const std::size_t before = at(trickle.slot).received.size();
        write(*trickle.peer, "x");
        const std::uint64_t polls = driver().polls();
        ASSERT_TRUE(pump([&] {
            if (feeder.step()) {
                feeder = Feeder(*torrent.peer, flood);
            }
            return at(trickle.slot).received.size() > before;
        }));
        EXPECT_LT(driver().polls() - polls, 500U);
    }
}

// A chunk stays as it is for as long as it is lent, whatever else arrives.
TEST_P(Recv, LentBytesDoNotChange) {
    BackendLimits limits;
    limits.recv_buffers = 16;
    restart(limits);
    const ListenerId id = listen(loopback());
    Driver& d = driver();
    d.accept_start(id);
    const auto peer = connect(local(id));
    const Slot slot = d.adopt(accepted(id));
    d.hold_buffers(true);
    d.recv_start(slot);
    const std::string bytes = pattern(200'000);
    Feeder feeder(*peer, bytes);
    EXPECT_TRUE(pump([&] {
        const bool fed = feeder.step();
        if (d.held() > 12) {
            d.release_held(5);
        }
        return fed && at(slot).received.size() == bytes.size();
    }));
    EXPECT_TRUE(at(slot).received == bytes);
    EXPECT_TRUE(d.lent_unchanged());
}

// Buffers outlive their connection.
TEST_P(Recv, LentBuffersSurviveTheClose) {
    const Pair p = pair();
    driver().hold_buffers(true);
    driver().recv_start(p.slot);
    write(*p.peer, pattern(3000));
    ASSERT_TRUE(pump([&] { return at(p.slot).received.size() == 3000; }));
    close(p.slot);
    const Pair next = pair();
    EXPECT_EQ(next.slot, p.slot);
    driver().recv_start(next.slot);
    write(*next.peer, pattern(3000, 2));
    ASSERT_TRUE(pump([&] { return at(next.slot).received.size() == 3000; }));
    EXPECT_TRUE(at(next.slot).received == pattern(3000, 2));
    EXPECT_TRUE(driver().lent_unchanged());
}

}  // namespace sluice::conformance

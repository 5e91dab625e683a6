// send: whole or an error, in order, from memory that is the caller's again afterwards.
#include "tests/conformance/fixture.h"

namespace sluice::conformance {

CONFORMANCE_SUITE(Send);

// More than any kernel queues for one connection here (tcp_wmem's largest default is 4 MiB).
constexpr std::size_t kTooMuch = 8 * 1024 * 1024;

TEST_P(Send, EverySize) {
    const Pair p = pair();
    std::uint64_t seed = 0;
    for (const std::size_t size :
         {1UZ, 2UZ, 100UZ, 1460UZ, 4096UZ, 65'536UZ, 100'000UZ, 1'048'576UZ, kTooMuch}) {
        const std::string bytes = pattern(size, ++seed);
        driver().send(p.slot, bytes);
        ASSERT_TRUE(read(*p.peer, size) == bytes) << size << " bytes";
        EXPECT_EQ(sent(p.slot).status, Status::ok);
    }
}

TEST_P(Send, NothingIsSentAtOnce) {
    const Pair p = pair();
    driver().send(p.slot, std::vector<std::string>{}, SendUrgency::eager);
    EXPECT_EQ(sent(p.slot).status, Status::ok);
    driver().send(p.slot, {"", ""}, SendUrgency::eager);
    EXPECT_EQ(sent(p.slot).status, Status::ok);
    driver().send(p.slot, "x");
    EXPECT_EQ(read(*p.peer, 1), "x");
}

TEST_P(Send, SlicesLeaveInOrder) {
    const Pair p = pair();
    const std::vector<std::vector<std::string>> cases = {
        {"a"},
        {"a", "b"},
        {"a", "b", "c", "d"},
        {"", "b", "", "d"},
        {"a", "", "", ""},
        {pattern(70'000, 1), "b", pattern(300'000, 2), ""},
        {"", pattern(1, 3), "", pattern(kTooMuch, 4)},
    };
    for (const auto& slices : cases) {
        std::string all;
        for (const std::string& slice : slices) {
            all += slice;
        }
        driver().send(p.slot, slices, SendUrgency::eager);
        ASSERT_TRUE(read(*p.peer, all.size()) == all);
        EXPECT_EQ(sent(p.slot).status, Status::ok);
    }
}

TEST_P(Send, OverEveryFamily) {
    for (const Family family : families()) {
        const Pair p = pair(family);
        const std::string bytes = pattern(3'000'000);
        driver().send(p.slot, bytes);
        ASSERT_TRUE(read(*p.peer, bytes.size()) == bytes);
        EXPECT_EQ(sent(p.slot).status, Status::ok);
    }
}

TEST_P(Send, ASlowReaderHoldsTheCompletionBack) {
    const Pair p = pair(Family::ipv4, {.small_window = true});
    const std::string bytes = pattern(kTooMuch);
    driver().send(p.slot, bytes);
    pump_for(kSettle);
    ASSERT_FALSE(at(p.slot).send_end.has_value()) << "completed although nobody took the bytes";
    std::string got;
    while (got.size() < bytes.size()) {
        const std::string piece = read(*p.peer, 1'000'000);
        ASSERT_FALSE(piece.empty());
        got += piece;
    }
    EXPECT_TRUE(got == bytes);
    EXPECT_EQ(sent(p.slot).status, Status::ok);
}

TEST_P(Send, ManyInTurnKeepTheirOrder) {
    const Pair p = pair();
    std::string all;
    for (int i = 0; i < 300; ++i) {
        const std::string bytes =
            pattern(static_cast<std::size_t>(i * i % 5000 + 1), static_cast<std::uint64_t>(i));
        all += bytes;
        driver().send(p.slot, {bytes}, i % 3 == 0 ? SendUrgency::quiet : SendUrgency::eager);
        if (i % 3 == 0) {
            backend().wake();  // a quiet success may wait for other news
        }
        ASSERT_TRUE(pump([&] { return at(p.slot).send_end.has_value(); }));
        ASSERT_EQ(at(p.slot).send_end->status, Status::ok);
        const std::string got = read(*p.peer, bytes.size());
        ASSERT_TRUE(got == bytes) << "send " << i;
    }
}

TEST_P(Send, ManyConnectionsDoNotMixUp) {
    std::vector<Pair> pairs;
    std::vector<std::string> bytes;
    for (std::uint64_t i = 0; i < 50; ++i) {
        pairs.push_back(pair());
        bytes.push_back(pattern(40'000 + static_cast<std::size_t>(i) * 10, i + 1));
    }
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        driver().send(pairs[i].slot, bytes[i]);
    }
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        ASSERT_TRUE(read(*pairs[i].peer, bytes[i].size()) == bytes[i]) << "connection " << i;
    }
}

TEST_P(Send, EagerEndsPollWithoutOtherNews) {
    const Pair p = pair();
    pump_for(kSettle);
    driver().send(p.slot, "hello");
    const Nanos start = backend().now();
    // A poll may return with nothing now and then, but the completion ends the waiting.
    for (int polls = 0; polls < 100 && !at(p.slot).send_end; ++polls) {
        driver().poll(start + kSecond);
    }
    ASSERT_TRUE(at(p.slot).send_end.has_value());
    EXPECT_LT(backend().now() - start, kSecond / 2);
}

TEST_P(Send, QuietSuccessComesAtTheLatestWithOtherNews) {
    const Pair quiet = pair();
    const Pair other = pair();
    driver().recv_start(other.slot);
    for (int i = 0; i < 50; ++i) {
        driver().send(quiet.slot, {"hello"}, SendUrgency::quiet);
        ASSERT_EQ(read(*quiet.peer, 5), "hello");
        const std::uint64_t chunks = at(other.slot).chunks;
        write(*other.peer, "news");
        ASSERT_TRUE(pump([&] { return at(other.slot).chunks > chunks; }));
        ASSERT_TRUE(at(quiet.slot).send_end.has_value()) << "round " << i;
        EXPECT_EQ(at(quiet.slot).send_end->status, Status::ok);
    }
}

// A send that had to wait is reported like an eager one; else a long response would end unnoticed.
TEST_P(Send, QuietSuccessAfterAWaitEndsPoll) {
    constexpr Nanos kWait = 200 * kMillisecond;
    const Pair p = pair();
    driver().send(p.slot, {pattern(kTooMuch)}, SendUrgency::quiet);
    pump_for(kSettle);
    ASSERT_FALSE(at(p.slot).send_end.has_value());
    // The peer reads only between polls, so a poll either sees the send end, and returns for it, or
    // waits in vain.
    Nanos waited = 0;
    for (int polls = 0; polls < 20'000 && !at(p.slot).send_end; ++polls) {
        while (!p.peer->read(SIZE_MAX).empty()) {
        }
        const Nanos start = backend().now();
        driver().poll(start + kWait);
        waited = backend().now() - start;
    }
    ASSERT_TRUE(at(p.slot).send_end.has_value());
    EXPECT_EQ(at(p.slot).send_end->status, Status::ok);
    EXPECT_LT(waited, kWait) << "only the deadline brought the completion";
}

TEST_P(Send, QuietSuccessComesWithTheDeadlineOrAWake) {
    const Pair p = pair();
    for (int i = 0; i < 20; ++i) {
        driver().send(p.slot, {"hello"}, SendUrgency::quiet);
        ASSERT_EQ(read(*p.peer, 5), "hello");
        if (i % 2 == 0) {
            backend().wake();
            driver().poll(kNever);
        }
        pump_for(kMillisecond);
        ASSERT_TRUE(at(p.slot).send_end.has_value()) << "round " << i;
    }
}

TEST_P(Send, QuietSuccessComesBeforeTheCloseThatFollows) {
    for (int i = 0; i < 20; ++i) {
        const Pair p = pair();
        driver().send(p.slot, {"hello"}, SendUrgency::quiet);
        ASSERT_EQ(read(*p.peer, 5), "hello");
        close(p.slot);
        ASSERT_TRUE(at(p.slot).send_end.has_value());
        EXPECT_EQ(at(p.slot).send_end->status, Status::ok);
        EXPECT_TRUE(read(*p.peer, 1).empty());
        EXPECT_TRUE(p.peer->eof());
    }
}

TEST_P(Send, QuietFailureIsReportedAtOnce) {
    const Pair p = pair(Family::ipv4, {.small_window = true});
    driver().send(p.slot, {pattern(kTooMuch)}, SendUrgency::quiet);
    pump_for(kSettle);
    ASSERT_FALSE(at(p.slot).send_end.has_value());
    p.peer->reset();
    const Nanos start = backend().now();
    for (int polls = 0; polls < 100 && !at(p.slot).send_end; ++polls) {
        driver().poll(start + kSecond);
    }
    ASSERT_TRUE(at(p.slot).send_end.has_value());
    EXPECT_EQ(at(p.slot).send_end->status, Status::reset);
    EXPECT_LT(backend().now() - start, kSecond / 2);
}

TEST_P(Send, QuietSendsOfAllSizesGoOut) {
    const Pair p = pair(Family::ipv4, {.small_window = true});
    const std::string bytes = pattern(kTooMuch, 9);
    driver().send(p.slot, {bytes}, SendUrgency::quiet);
    EXPECT_TRUE(read(*p.peer, bytes.size()) == bytes);
}

// Without MSG_NOSIGNAL this would end the process.
TEST_P(Send, ToAPeerThatIsGoneEndsWithReset) {
    const Pair p = pair();
    p.peer->reset();
    pump_for(kSettle);
    driver().send(p.slot, "hello");
    EXPECT_EQ(sent(p.slot).status, Status::reset);
}

TEST_P(Send, ToAPeerThatClosedEndsWithReset) {
    const Pair p = pair();
    p.peer->close();
    pump_for(kSettle);
    // The first bytes may be taken; they provoke the reset.
    for (int i = 0; i < 50; ++i) {
        driver().send(p.slot, "hello");
        if (sent(p.slot).status != Status::ok) {
            break;
        }
        pump_for(kMillisecond);
    }
    EXPECT_EQ(at(p.slot).send_end->status, Status::reset);
}

TEST_P(Send, ABlockedSendFailsOnce) {
    const Pair p = pair(Family::ipv4, {.small_window = true});
    driver().recv_start(p.slot);
    driver().send(p.slot, pattern(kTooMuch));
    pump_for(kSettle);
    p.peer->reset();
    EXPECT_EQ(sent(p.slot).status, Status::reset);
    EXPECT_LT(at(p.slot).send_end->bytes, kTooMuch);
    // Linux tells only one of the two of the reset; the stream may then just end. After a failed
    // send that means nothing.
    EXPECT_TRUE(pump([&] { return at(p.slot).recv_end.has_value(); }));
    pump_for(kSettle);  // the driver complains about a second completion
}

TEST_P(Send, WorksAfterThePeerFinishedItsDirection) {
    const Pair p = pair();
    driver().recv_start(p.slot);
    p.peer->shutdown_write();
    ASSERT_TRUE(pump([&] { return at(p.slot).recv_end == Status::eof; }));
    const std::string bytes = pattern(500'000);
    driver().send(p.slot, bytes);
    EXPECT_TRUE(read(*p.peer, bytes.size()) == bytes);
    EXPECT_EQ(sent(p.slot).status, Status::ok);
}

CONFORMANCE_SUITE(ShutdownSend);

TEST_P(ShutdownSend, ThePeerSeesTheEndAndMayGoOn) {
    const Pair p = pair();
    driver().recv_start(p.slot);
    driver().send(p.slot, "last");
    EXPECT_EQ(sent(p.slot).status, Status::ok);
    driver().shutdown_send(p.slot);
    EXPECT_EQ(read(*p.peer, 100), "last");
    EXPECT_TRUE(p.peer->eof());
    const std::string bytes = pattern(100'000);
    write(*p.peer, bytes);
    EXPECT_TRUE(pump([&] { return at(p.slot).received.size() == bytes.size(); }));
    EXPECT_TRUE(at(p.slot).received == bytes);
    p.peer->shutdown_write();
    EXPECT_TRUE(pump([&] { return at(p.slot).recv_end == Status::eof; }));
}

TEST_P(ShutdownSend, WaitsForASendInFlight) {
    const Pair p = pair(Family::ipv4, {.small_window = true});
    const std::string bytes = pattern(kTooMuch);
    driver().send(p.slot, bytes);
    driver().shutdown_send(p.slot);
    pump_for(kSettle);
    EXPECT_TRUE(read(*p.peer, bytes.size() + 1) == bytes);
    EXPECT_TRUE(p.peer->eof());
    EXPECT_EQ(sent(p.slot).status, Status::ok);
}

TEST_P(ShutdownSend, OnABrokenConnectionIsHarmless) {
    const Pair p = pair();
    p.peer->reset();
    pump_for(kSettle);
    driver().shutdown_send(p.slot);
    pump_for(kMillisecond);
    close(p.slot);
}

}  // namespace sluice::conformance

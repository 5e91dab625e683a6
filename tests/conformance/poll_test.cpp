// poll: deadlines, batches, order. wake: from anywhere.
#include <atomic>
#include <thread>

#include "tests/conformance/fixture.h"

namespace sluice::conformance {

CONFORMANCE_SUITE(Poll);

constexpr Nanos kLate = 50 * kMillisecond;  // more than a loaded machine should need

TEST_P(Poll, WaitsUntilTheDeadlineAndNotLonger) {
    (void)pair();
    pump_for(kSettle);
    for (const Nanos wait : {100 * kMicrosecond, kMillisecond, 1'500 * kMicrosecond,
                             20 * kMillisecond, 70 * kMillisecond}) {
        const Nanos deadline = backend().now() + wait;
        // Returning none early is allowed; the clock must not be ahead of itself, though.
        while (backend().now() < deadline) {
            driver().poll(deadline);
        }
        EXPECT_LT(backend().now() - deadline, kLate);
    }
}

TEST_P(Poll, DoesNotReturnEarlyAllTheTime) {
    (void)pair();
    pump_for(kSettle);
    const std::uint64_t before = driver().polls();
    const Nanos deadline = backend().now() + 50 * kMillisecond;
    while (backend().now() < deadline) {
        driver().poll(deadline);
    }
    EXPECT_LT(driver().polls() - before, 20U) << "poll() spins";
}

TEST_P(Poll, ADeadlineInThePastDoesNotWait) {
    (void)pair();
    for (const Nanos deadline : {Nanos{0}, Nanos{1}, backend().now() - 1, backend().now()}) {
        // One that waits takes a millisecond or more, every time. Where the machine has other work,
        // many do.
        int slow = 0;
        for (int i = 0; i < 100; ++i) {
            const Nanos before = backend().now();
            driver().poll(deadline);
            slow += backend().now() - before >= kMillisecond ? 1 : 0;
        }
        EXPECT_LT(slow, 90);
    }
}

TEST_P(Poll, ReturnsForNewsBeforeTheDeadline) {
    const Pair p = pair();
    driver().recv_start(p.slot);
    pump_for(kMillisecond);
    for (int i = 0; i < 20; ++i) {
        const std::uint64_t before = at(p.slot).chunks;
        write(*p.peer, "x");
        const Nanos start = backend().now();
        while (at(p.slot).chunks == before && backend().now() < start + kSecond) {
            driver().poll(start + kSecond);
        }
        ASSERT_GT(at(p.slot).chunks, before);
        EXPECT_LT(backend().now() - start, kSecond / 2);
    }
}

TEST_P(Poll, TheClockStandsBetweenPolls) {
    const Nanos before = backend().now();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(backend().now(), before);
    pump_for(kMillisecond);
    EXPECT_GT(backend().now(), before);
}

TEST_P(Poll, WallSecondsGoWithTheClock) {
    pump_for(kMillisecond);
    const std::int64_t wall = backend().wall_seconds();
    EXPECT_GT(wall, 1'600'000'000);  // after 2020
    if (real()) {
        EXPECT_NEAR(static_cast<double>(wall), static_cast<double>(time(nullptr)), 2);
    }
    pump_for(1'100 * kMillisecond);
    EXPECT_GE(backend().wall_seconds(), wall + 1);
    EXPECT_LE(backend().wall_seconds(), wall + 2);
}

TEST_P(Poll, BatchesKeepTheirBound) {
    BackendLimits limits;
    limits.completions = 4;
    restart(limits);
    std::vector<Pair> pairs;
    for (int i = 0; i < 50; ++i) {
        pairs.push_back(pair());
        driver().recv_start(pairs.back().slot);
    }
    for (const Pair& p : pairs) {
        driver().send(p.slot, "out");
        EXPECT_EQ(p.peer->write("in"), 2U);
    }
    for (const Pair& p : pairs) {
        EXPECT_TRUE(pump([&] { return at(p.slot).received == "in"; }));
        EXPECT_EQ(sent(p.slot).status, Status::ok);
        driver().close(p.slot);
    }
    EXPECT_TRUE(pump([&] { return driver().bound() == 0; }));
}

// The driver checks the order of each slot's records for the single case; here the rule as a whole:
// chunks, then the end, then close.
TEST_P(Poll, RecordsOfASlotAreInOrder) {
    const Pair p = pair();
    driver().recv_start(p.slot);
    write(*p.peer, pattern(10'000));
    p.peer->shutdown_write();
    ASSERT_TRUE(pump([&] { return at(p.slot).recv_end == Status::eof; }));
    close(p.slot);
    std::string kinds;
    for (const Record& record : driver().records()) {
        if (record.token.kind() == OpKind::recv) {
            kinds += record.more ? 'd' : 'e';
        } else if (record.token.kind() == OpKind::close) {
            kinds += 'c';
        }
    }
    EXPECT_EQ(kinds.find_first_not_of('d'), kinds.size() - 2);
    EXPECT_TRUE(kinds.ends_with("ec"));
}

// The answer may come while poll() is still waiting for the send; it is told after it all the same,
// or every answer would seem to come too early.
TEST_P(Poll, ASendIsToldBeforeWhatAnswersIt) {
    const Pair p = pair();
    driver().recv_start(p.slot);
    p.peer->echo();
    for (std::size_t round = 0; round < 500; ++round) {
        const std::size_t first = driver().records().size();
        const bool quiet = round % 4 != 0;
        driver().send(p.slot, {"ping"}, quiet ? SendUrgency::quiet : SendUrgency::eager);
        const Nanos deadline = backend().now() + kPatience;
        while (at(p.slot).received.size() < 4 * (round + 1) && backend().now() < deadline) {
            driver().poll(deadline);
        }
        ASSERT_EQ(at(p.slot).received.size(), 4 * (round + 1));
        ASSERT_GE(driver().records().size(), first + 2) << "round " << round;
        EXPECT_EQ(driver().records()[first].token.kind(), OpKind::send) << "round " << round;
    }
}

class Wake : public Conformance {
  protected:
    // Waits without end; true when poll() came back. A second thread saves the test if not.
    bool returns_after(const std::function<void()>& from_another_thread) {
        std::atomic<bool> called = false;
        std::atomic<bool> back = false;
        std::atomic<bool> rescued = false;
        std::thread other([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
            called = true;
            from_another_thread();
            const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
            while (!back) {
                if (std::chrono::steady_clock::now() > end) {
                    rescued = true;
                    backend().wake();
                }
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        });
        while (!called) {  // returning early is allowed
            driver().poll(kNever);
        }
        back = true;
        other.join();
        return !rescued;
    }
};

INSTANTIATE_TEST_SUITE_P(Backend, Wake, testing::ValuesIn(configurations()), configuration_name);

TEST_P(Wake, FromAnotherThread) {
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(returns_after([this] { backend().wake(); }));
    }
}

TEST_P(Wake, WithConnectionsOpen) {
    const Pair p = pair();
    driver().recv_start(p.slot);
    pump_for(kSettle);
    EXPECT_TRUE(returns_after([this] { backend().wake(); }));
    write(*p.peer, "x");
    EXPECT_TRUE(pump([&] { return at(p.slot).received == "x"; }));
}

TEST_P(Wake, BeforePollEndsTheNextOne) {
    pump_for(kSettle);
    for (int i = 0; i < 20; ++i) {
        backend().wake();
        driver().poll(kNever);  // the test's time limit notices when this hangs
    }
}

TEST_P(Wake, ManyMayBecomeOneButNoneBecomesMany) {
    for (int i = 0; i < 10'000; ++i) {
        backend().wake();
    }
    driver().poll(kNever);
    // What remains of the storm is soon over: then poll() waits again.
    const Nanos start = backend().now();
    const std::uint64_t polls = driver().polls();
    while (backend().now() < start + 30 * kMillisecond) {
        driver().poll(start + 30 * kMillisecond);
    }
    EXPECT_LT(driver().polls() - polls, 50U);
}

TEST_P(Wake, AStormFromSeveralThreadsWhileServing) {
    const Pair p = pair();
    driver().recv_start(p.slot);
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            for (int wakes = 0; wakes < 10'000 && !stop; ++wakes) {
                backend().wake();
            }
        });
    }
    std::string all;
    for (int i = 0; i < 100; ++i) {
        const std::string bytes = pattern(2000, static_cast<std::uint64_t>(i));
        all += bytes;
        write(*p.peer, bytes);
        EXPECT_TRUE(pump([&] { return at(p.slot).received.size() == all.size(); }));
        driver().send(p.slot, bytes);
        EXPECT_TRUE(read(*p.peer, bytes.size()) == bytes);
        EXPECT_EQ(sent(p.slot).status, Status::ok);
    }
    stop = true;
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_TRUE(at(p.slot).received == all);
}

// No wake is lost in the gap between looking and waiting.
TEST_P(Wake, NoneIsLost) {
    std::atomic<int> posted = 0;
    std::atomic<int> seen = 0;
    std::atomic<bool> stuck = false;
    std::thread other([&] {
        for (int i = 1; i <= 2000 && !stuck; ++i) {
            posted = i;
            backend().wake();
            const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
            while (seen < i) {
                if (std::chrono::steady_clock::now() > end) {
                    stuck = true;
                    backend().wake();
                    return;
                }
                std::this_thread::yield();
            }
        }
    });
    while (seen < 2000 && !stuck) {
        driver().poll(kNever);
        seen = posted.load();
    }
    other.join();
    EXPECT_FALSE(stuck) << "a wake was lost after " << seen;
}

}  // namespace sluice::conformance

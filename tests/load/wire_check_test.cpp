// Stamps and segments made by hand: what must agree, and what must be seen when it does not.
#include "bench/load/wire_check.h"

#include <gtest/gtest.h>

namespace sluice::load {

namespace {

constexpr Nanos kWall = 1'800'000'000 * kSecond;  // the capture's clock minus ours
constexpr std::uint16_t kPort = 40'000;
constexpr Nanos us(std::int64_t n) {
    return n * kMicrosecond;
}

// One connection: a handshake of 20 us on the wire, then requests of 100 bytes and answers of 3,000
// in two segments, 50 us after. Our stamps lie 5 us outside.
struct Talk {
    WireStamps stamps;
    std::vector<WireSegment> segments;
    Nanos (*clock)(Nanos) = [](Nanos t) { return t; };  // what ours shows at a true instant
    std::uint32_t out = 0xffffff00;                     // wraps around
    std::uint32_t in = 77;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint16_t port = kPort;

    void open(Nanos at) {
        segments.push_back({kWall + at, out++, 0, port, true, true});
        segments.push_back({kWall + at + us(20), in++, 0, port, false, true});
        stamps.handshakes.push_back({port, clock(at - us(5)), clock(at + us(25)), us(21)});
    }
    void ask(Nanos at) {
        segments.push_back({kWall + at, out, 100, port, true, false});
        segments.push_back({kWall + at + us(40), in, 1500, port, false, false});
        segments.push_back({kWall + at + us(50), in + 1500, 1500, port, false, false});
        out += 100;
        in += 3000;
        const auto handshake = static_cast<std::uint32_t>(stamps.handshakes.size() - 1);
        stamps.requests.push_back(
            {handshake, sent, received + 3000, clock(at - us(5)), clock(at + us(55))});
        sent += 100;
        received += 3000;
    }
    void run() {
        open(0);
        for (int i = 1; i <= 1000; ++i) {
            ask(i * kMillisecond);
        }
    }
    [[nodiscard]] WireCheck check() const {
        const WireStamps* all[] = {&stamps};
        return check_wire(all, segments);
    }
};

}  // namespace

TEST(WireCheck, AgreesWithAnEvenClock) {
    Talk talk;
    talk.run();
    const WireCheck check = talk.check();
    EXPECT_EQ(check.handshakes, 1U);
    EXPECT_EQ(check.requests, 1000U);
    EXPECT_EQ(check.unmatched, 0U);
    EXPECT_EQ(check.excess.count(), 1001U);
    EXPECT_EQ(check.excess.min(), us(10));
    EXPECT_EQ(check.excess.max(), us(10));
    EXPECT_EQ(check.shortfall.count(), 0U);
    EXPECT_EQ(check.kernel.max(), us(1));
    EXPECT_EQ(check.contradiction, 0);
}

TEST(WireCheck, AClockThatRunsSlowOrFastContradicts) {
    Talk slow;
    slow.clock = [](Nanos t) { return t - t / 100; };
    slow.run();
    EXPECT_NEAR(static_cast<double>(slow.check().contradiction), 10e6, 0.1e6);
    EXPECT_EQ(slow.check().shortfall.count(), 0U);  // 1 % of 60 us is nothing
    Talk fast;
    fast.clock = [](Nanos t) { return t + t / 100; };
    fast.run();
    EXPECT_NEAR(static_cast<double>(fast.check().contradiction), 10e6, 0.1e6);
}

TEST(WireCheck, ACoarseClockIsShorterThanTheWire) {
    Talk talk;
    talk.clock = [](Nanos t) { return t / us(500) * us(500); };
    talk.run();
    EXPECT_GT(talk.check().shortfall.count(), 0U);
}

TEST(WireCheck, LostFramesCostTheirSampleAndNoOther) {
    Talk talk;
    talk.run();
    std::erase_if(talk.segments, [](const WireSegment& one) {
        const Nanos at = one.time - kWall;
        return at == 7 * kMillisecond || at == 9 * kMillisecond + us(50) ||
               at == 11 * kMillisecond + us(40);  // a request, an answer's end, its beginning
    });
    const WireCheck check = talk.check();
    EXPECT_EQ(check.requests, 998U);
    EXPECT_EQ(check.unmatched, 2U);
    EXPECT_EQ(check.excess.max(), us(10));
    EXPECT_EQ(check.shortfall.count(), 0U);
}

TEST(WireCheck, WhatIsSentAgainCountsFromTheFirstTime) {
    Talk talk;
    talk.run();
    WireSegment again = talk.segments[2];  // the first request
    again.time += us(30);
    talk.segments.insert(talk.segments.begin() + 3, again);
    talk.segments.insert(talk.segments.begin() + 1, talk.segments[0]);  // and the SYN
    talk.segments[1].time += us(3);
    const WireCheck check = talk.check();
    EXPECT_EQ(check.requests, 1000U);
    EXPECT_EQ(check.excess.max(), us(10));
    EXPECT_EQ(check.contradiction, 0);
}

TEST(WireCheck, APortThatIsUsedAgainIsAnotherConnection) {
    Talk talk;
    talk.open(0);
    talk.ask(kMillisecond);
    // An attempt that nobody answers.
    talk.segments.push_back({kWall + 2 * kMillisecond, 5, 0, kPort, true, true});
    talk.out = 1'000'000;
    talk.in = 5;
    talk.sent = talk.received = 0;
    talk.open(3 * kMillisecond);
    talk.ask(4 * kMillisecond);
    const WireCheck check = talk.check();
    EXPECT_EQ(check.handshakes, 2U);
    EXPECT_EQ(check.requests, 2U);
    EXPECT_EQ(check.excess.max(), us(10));
}

TEST(WireCheck, NothingCapturedMatchesNothing) {
    Talk talk;
    talk.run();
    talk.segments.clear();
    EXPECT_EQ(talk.check().handshakes + talk.check().requests, 0U);
    EXPECT_EQ(talk.check().unmatched, 1001U);
}

TEST(WireCheck, AboutEightConnectionsAreSampled) {
    for (const unsigned connections : {1U, 8U, 9U, 64U, 1000U, 100'000U}) {
        const std::uint16_t mask = sample_mask(connections, false);
        unsigned sampled = 0;
        for (unsigned i = 0; i < connections; ++i) {
            sampled += is_sampled(static_cast<std::uint16_t>(32'768 + 2 * i), mask) ? 1U : 0U;
        }
        EXPECT_GE(sampled, std::min(connections, 4U)) << connections;
        if (connections <= 4096 * 4) {
            EXPECT_LE(sampled, 9U) << connections;
        }
    }
}

}  // namespace sluice::load

// unacknowledged: what a send has not yet brought to the peer, by which a stuck peer is told from a
// slow one.
#include "tests/conformance/fixture.h"
#include "tests/support/host.h"

namespace sluice::conformance {

CONFORMANCE_SUITE(Unacknowledged);

constexpr std::size_t kTooMuch = 8 * 1024 * 1024;  // more than the sockets hold
constexpr std::size_t kStretch = 1024 * 1024;      // more than any step in which a window opens

TEST_P(Unacknowledged, IsNothingBeforeTheFirstSend) {
    const Pair p = pair();
    EXPECT_EQ(backend().unacknowledged(p.slot), 0U);
}

TEST_P(Unacknowledged, CountsASendFromItsBeginning) {
    const Pair p = pair();
    driver().send(p.slot, {pattern(10'000, 1), pattern(kTooMuch, 2)}, SendUrgency::eager);
    const std::uint64_t begun = backend().unacknowledged(p.slot);
    EXPECT_LE(begun, 10'000 + kTooMuch);
    EXPECT_GT(begun, kTooMuch / 4);
}

TEST_P(Unacknowledged, FallsToNothingWhenThePeerReadsAll) {
    for (const Family family : families()) {
        const Pair p = pair(family);
        for (const std::size_t size : {1UZ, 50'000UZ, kTooMuch}) {
            driver().send(p.slot, pattern(size));
            ASSERT_EQ(read(*p.peer, size).size(), size);
            EXPECT_TRUE(pump([&] { return backend().unacknowledged(p.slot) == 0; })) << size;
            EXPECT_EQ(sent(p.slot).status, Status::ok);
        }
    }
}

TEST_P(Unacknowledged, StandsWhileThePeerTakesNothing) {
    for (const Family family : families()) {
        const Pair p = pair(family, {.small_window = true});
        driver().send(p.slot, pattern(kTooMuch));
        // What the peer's system takes by itself comes to an end.
        std::uint64_t seen = 0;
        std::uint64_t before = 0;
        do {
            before = seen;
            pump_for(10 * kSettle);
            seen = backend().unacknowledged(p.slot);
        } while (seen != before);
        EXPECT_GT(seen, 0U);
        EXPECT_LE(before, seen);
        ASSERT_FALSE(at(p.slot).send_end.has_value());
    }
}

// Also while room is filled again as soon as it is there, so that the system always holds the same.
TEST_P(Unacknowledged, FallsWithEachStretchThatThePeerTakes) {
    for (const Family family : families()) {
        const Pair p = pair(family, {.small_window = true});
        driver().send(p.slot, pattern(kTooMuch));
        pump_for(kSettle);
        for (std::size_t got = 0; got < kTooMuch; got += kStretch) {
            const std::uint64_t before = backend().unacknowledged(p.slot);
            ASSERT_EQ(read(*p.peer, kStretch).size(), kStretch);
            EXPECT_TRUE(pump([&] { return backend().unacknowledged(p.slot) < before; }))
                << "after " << got << " bytes";
        }
    }
}

TEST_P(Unacknowledged, CountsFilesToo) {
    const test::TempFile file;
    file.truncate(kTooMuch);
    const Pair p = pair(Family::ipv4, {.small_window = true});
    driver().send_file(p.slot, {"head"}, file.range(0, kTooMuch));
    pump_for(kSettle);
    for (std::size_t got = 0; got < kTooMuch; got += kStretch) {
        const std::uint64_t before = backend().unacknowledged(p.slot);
        EXPECT_GE(before, kTooMuch - got - kStretch);
        ASSERT_EQ(read(*p.peer, kStretch).size(), kStretch);
        EXPECT_TRUE(pump([&] { return backend().unacknowledged(p.slot) < before; }));
    }
    EXPECT_EQ(read(*p.peer, 4).size(), 4U);
    EXPECT_EQ(sent(p.slot).status, Status::ok);
    EXPECT_TRUE(pump([&] { return backend().unacknowledged(p.slot) == 0; }));
}

}  // namespace sluice::conformance

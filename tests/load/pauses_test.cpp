#include "bench/load/pauses.h"

#include <gtest/gtest.h>

#include <memory>

namespace sluice::load {

TEST(Pauses, WhatTheWorkExplainsIsNone) {
    Pauses pauses;
    EXPECT_EQ(pauses.note(0, Pauses::kPauseMin, 0), 0);
    EXPECT_EQ(pauses.note(0, Pauses::kPauseMin + 100 * Pauses::kWorkPerCompletion, 100), 0);
    EXPECT_EQ(pauses.within(0, kSecond), 0);
    EXPECT_EQ(pauses.note(kSecond, kSecond + 5 * kMillisecond, 50), 4 * kMillisecond);
    EXPECT_EQ(pauses.within(0, 2 * kSecond), 4 * kMillisecond);
}

TEST(Pauses, ARequestGetsItsShare) {
    Pauses pauses;
    (void)pauses.note(kSecond, kSecond + 10 * kMillisecond, 0);
    (void)pauses.note(2 * kSecond, 2 * kSecond + 30 * kMillisecond, 0);
    const Nanos now = 3 * kSecond;
    EXPECT_EQ(pauses.within(0, now), 40 * kMillisecond);
    EXPECT_EQ(pauses.within(kSecond + 4 * kMillisecond, now), 36 * kMillisecond);  // due in one
    EXPECT_EQ(pauses.within(kSecond + 10 * kMillisecond, now), 30 * kMillisecond);
    EXPECT_EQ(pauses.within(2 * kSecond + 30 * kMillisecond, now), 0);
    // A request that ended before a pause did not wait for it.
    EXPECT_EQ(pauses.within(0, 2 * kSecond - 1), 10 * kMillisecond);
    EXPECT_EQ(pauses.within(0, kSecond - 1), 0);
}

TEST(Pauses, TheLatestAreRemembered) {
    const auto pauses = std::make_unique<Pauses>();
    for (int i = 0; i < 5000; ++i) {
        (void)pauses->note(i * kSecond, i * kSecond + kMillisecond, 0);
    }
    const Nanos now = 5000 * kSecond;
    EXPECT_EQ(pauses->within(4990 * kSecond, now), 10 * kMillisecond);
    EXPECT_EQ(pauses->within(4200 * kSecond, now), 800 * kMillisecond);
    EXPECT_EQ(pauses->within(0, now), 1024 * kMillisecond);  // and no more
}

}  // namespace sluice::load

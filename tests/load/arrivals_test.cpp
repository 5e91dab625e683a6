// The plan of an open loop: spacing, shares of threads, and the distribution by its moments.
#include "bench/load/arrivals.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace sluice::load {

namespace {

std::vector<RateStep> steady(double rate) {
    return {{rate, rate, kSecond}};
}

std::vector<Nanos> first(Arrivals arrivals, std::size_t count) {
    std::vector<Nanos> instants(count);
    for (Nanos& instant : instants) {
        instant = arrivals.peek();
        arrivals.pop();
    }
    return instants;
}

std::vector<Nanos> until(Arrivals arrivals, Nanos end) {
    std::vector<Nanos> instants;
    for (; arrivals.peek() < end; arrivals.pop()) {
        instants.push_back(arrivals.peek());
    }
    return instants;
}

}  // namespace

TEST(Arrivals, UniformIsEvenlySpaced) {
    const auto instants = first({ArrivalKind::uniform, steady(1000), 1, 0, 1}, 100'000);
    for (std::size_t i = 0; i < instants.size(); ++i) {
        ASSERT_NEAR(static_cast<double>(instants[i]), static_cast<double>(i) * 1e6, 1.0);
    }
}

TEST(Arrivals, ThreadsShareOneUniformPlan) {
    std::vector<Nanos> all;
    for (unsigned thread = 0; thread < 3; ++thread) {
        const auto own = until({ArrivalKind::uniform, steady(7777), 1, thread, 3}, 10 * kSecond);
        all.insert(all.end(), own.begin(), own.end());
    }
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all, until({ArrivalKind::uniform, steady(7777), 1, 0, 1}, 10 * kSecond));
}

// Gaps of a Poisson process: mean 1/rate, deviation the same; counts in windows vary like their
// mean. Bounds are five standard errors.
TEST(Arrivals, PoissonHasItsMoments) {
    constexpr double kRate = 5000;
    constexpr std::size_t kCount = 200'000;
    for (const std::uint64_t seed : {1UL, 2UL, 3UL}) {
        const auto instants = first({ArrivalKind::poisson, steady(kRate), seed, 0, 1}, kCount);
        double sum = 0;
        double squares = 0;
        for (std::size_t i = 1; i < kCount; ++i) {
            const auto gap = static_cast<double>(instants[i] - instants[i - 1]) / 1e9 * kRate;
            ASSERT_GE(gap, 0);
            sum += gap;
            squares += gap * gap;
        }
        const double mean = sum / (kCount - 1);
        const double variance = squares / (kCount - 1) - mean * mean;
        EXPECT_NEAR(mean, 1, 5 / std::sqrt(kCount));
        EXPECT_NEAR(variance, 1, 5 * std::sqrt(8.0 / kCount));
    }
}

TEST(Arrivals, ThreadsOfAPoissonPlanMakeItsRateAndDiffer) {
    std::size_t count = 0;
    std::vector<std::vector<Nanos>> each;
    for (unsigned thread = 0; thread < 4; ++thread) {
        each.push_back(until({ArrivalKind::poisson, steady(4000), 9, thread, 4}, 20 * kSecond));
        count += each.back().size();
    }
    EXPECT_NEAR(static_cast<double>(count), 80'000, 5 * std::sqrt(80'000.0));
    EXPECT_NE(each[0], each[1]);
    EXPECT_NE(each[1], each[2]);
}

TEST(Arrivals, TheSeedFixesThePlan) {
    const auto plan = [](std::uint64_t seed) {
        return first({ArrivalKind::poisson, steady(100), seed, 0, 1}, 1000);
    };
    EXPECT_EQ(plan(42), plan(42));
    EXPECT_NE(plan(42), plan(43));
}

TEST(Arrivals, ARampIsTheIntegralOfItsRate) {
    // 0 to 10 s from 100/s to 300/s: N(t) = 100 t + 10 t^2; then 300/s for ever.
    const std::vector<RateStep> steps = {{100, 300, 10 * kSecond}};
    EXPECT_DOUBLE_EQ(expected_arrivals(steps, 5 * kSecond), 750);
    EXPECT_DOUBLE_EQ(expected_arrivals(steps, 10 * kSecond), 2000);
    EXPECT_DOUBLE_EQ(expected_arrivals(steps, 12 * kSecond), 2600);
    const Arrivals plan{ArrivalKind::uniform, steps, 1, 0, 1};
    EXPECT_EQ(until(plan, 5 * kSecond).size(), 750U);
    EXPECT_NEAR(static_cast<double>(until(plan, 10 * kSecond).size()), 2000, 1);
    EXPECT_NEAR(static_cast<double>(until(plan, 12 * kSecond).size()), 2600, 1);
    const auto poisson = until({ArrivalKind::poisson, steps, 5, 0, 1}, 12 * kSecond);
    EXPECT_NEAR(static_cast<double>(poisson.size()), 2600, 5 * std::sqrt(2600.0));
    EXPECT_TRUE(std::is_sorted(poisson.begin(), poisson.end()));
}

TEST(Arrivals, StepsFollowEachOther) {
    const std::vector<RateStep> steps = {{100, 100, kSecond}, {1000, 1000, kSecond}};
    const Arrivals plan{ArrivalKind::uniform, steps, 1, 0, 1};
    EXPECT_EQ(until(plan, kSecond).size(), 100U);
    EXPECT_EQ(until(plan, 2 * kSecond).size(), 1100U);
    EXPECT_EQ(until(plan, 3 * kSecond).size(), 2100U);
}

TEST(Arrivals, WhatIsLeftIsCounted) {
    for (const ArrivalKind kind : {ArrivalKind::uniform, ArrivalKind::poisson}) {
        for (const unsigned thread : {0U, 1U, 2U}) {
            Arrivals plan{kind, steady(1000), 7, thread, 3};
            const std::size_t all = until(plan, 10 * kSecond).size();
            for (int i = 0; i < 100; ++i) {
                plan.pop();
            }
            EXPECT_EQ(plan.skip(10 * kSecond), all - 100);
            EXPECT_GE(plan.peek(), 10 * kSecond);
            EXPECT_EQ(plan.skip(10 * kSecond), 0U);
        }
    }
    Arrivals written{{{1, 0}, {2, 0}, {kSecond, 0}}};
    EXPECT_EQ(written.skip(kSecond), 2U);
    EXPECT_EQ(written.peek(), kSecond);
}

// A plan that nobody could send ends, too.
TEST(Arrivals, BillionsAreCountedAtOnce) {
    Arrivals plan{ArrivalKind::poisson, steady(1e12), 7, 0, 2};
    EXPECT_NEAR(static_cast<double>(plan.skip(100 * kSecond)), 5e13, 1e11);
    Arrivals rare{ArrivalKind::uniform, steady(1e-300), 7, 1, 2};
    EXPECT_EQ(rare.peek(), kNever);
}

}  // namespace sluice::load

#include "bench/load/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace sluice::load {

namespace {

// Figures of one server: each has its own lognormal noise; both sides of a block share a drift.
struct Blocks {
    std::vector<double> a;
    std::vector<double> b;
};

Blocks measure(unsigned seed, std::size_t blocks, double noise, double factor) {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> own(0, noise);
    std::normal_distribution<double> shared(0, 0.3);
    Blocks result;
    for (std::size_t i = 0; i < blocks; ++i) {
        const double drift = std::exp(shared(random));
        result.a.push_back(100 * drift * std::exp(own(random)));
        result.b.push_back(100 * drift * factor * std::exp(own(random)));
    }
    return result;
}

unsigned verdicts(Verdict wanted, std::size_t blocks, double noise, double factor,
                  Better better = Better::lower) {
    unsigned count = 0;
    for (unsigned trial = 0; trial < 100; ++trial) {
        const Blocks figures = measure(1000 + trial, blocks, noise, factor);
        count += compare(figures.a, figures.b, better).verdict == wanted ? 1U : 0U;
    }
    return count;
}

}  // namespace

TEST(Statistics, Median) {
    EXPECT_EQ(median(std::vector<double>{}), 0);
    EXPECT_EQ(median(std::vector<double>{3}), 3);
    EXPECT_EQ(median(std::vector<double>{9, 1, 5}), 5);
    EXPECT_EQ(median(std::vector<double>{9, 1, 5, 7}), 6);
}

TEST(Statistics, AClearDifferenceIsFound) {
    EXPECT_GE(verdicts(Verdict::slower, 10, 0.02, 1.10), 95U);
    EXPECT_GE(verdicts(Verdict::faster, 10, 0.02, 0.90), 95U);
    EXPECT_GE(verdicts(Verdict::faster, 10, 0.02, 1.10, Better::higher), 95U);
    EXPECT_GE(verdicts(Verdict::slower, 10, 0.02, 0.90, Better::higher), 95U);
}

// Against values worked out by hand: the mean of the logarithms, and 2.447 (six degrees of freedom)
// standard errors of it.
TEST(Statistics, TheIntervalIsStudents) {
    const std::vector<double> logs = {0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07};
    std::vector<double> ratios;
    for (const double one : logs) {
        ratios.push_back(std::exp(one));
    }
    const Comparison result = judge_ratios(ratios, Better::lower);
    const double half = 2.4469 * 0.0216025 / std::sqrt(7.0);
    EXPECT_NEAR(std::log(result.ratio), 0.04, 1e-12);
    EXPECT_NEAR(std::log(result.low), 0.04 - half, 2e-5);
    EXPECT_NEAR(std::log(result.high), 0.04 + half, 2e-5);
    EXPECT_EQ(result.pairs, 7U);
    EXPECT_EQ(result.verdict, Verdict::slower);
    // What lies far out widens the interval.
    ratios.back() = 9;
    EXPECT_EQ(judge_ratios(ratios, Better::lower).verdict, Verdict::cannot_tell);
    // Few values: from the table. Two have one degree of freedom.
    const Comparison two = judge_ratios(std::vector<double>{1.0, std::exp(0.2)}, Better::lower);
    EXPECT_NEAR(std::log(two.high), 0.1 + 12.706 * 0.1, 1e-6);
}

TEST(Statistics, TwoRunsAreComparedAsTheyAre) {
    const std::vector<double> then = {100, 101, 99, 100, 102, 98, 100, 100};
    const std::vector<double> now = {110, 111, 109, 110, 112, 108};
    const Comparison slower = compare_unpaired(then, now, Better::lower);
    EXPECT_NEAR(slower.ratio, 1.1, 1e-3);
    EXPECT_EQ(slower.pairs, 6U);
    EXPECT_EQ(slower.verdict, Verdict::slower);
    EXPECT_EQ(compare_unpaired(then, now, Better::lower, 0.15).verdict, Verdict::cannot_tell);
    EXPECT_EQ(compare_unpaired(then, then, Better::lower).verdict, Verdict::cannot_tell);
    EXPECT_EQ(compare_unpaired(then, std::vector<double>(5, 900), Better::lower).verdict,
              Verdict::cannot_tell);
    EXPECT_EQ(compare_unpaired({}, now, Better::lower).pairs, 0U);
}

TEST(Statistics, FewPairsClaimNothing) {
    const std::vector<double> base = {1, 1, 1, 1, 1};
    const std::vector<double> other = {9, 9, 9, 9, 9};
    EXPECT_EQ(compare(base, other, Better::lower).verdict, Verdict::cannot_tell);
    EXPECT_EQ(compare({}, {}, Better::lower).verdict, Verdict::cannot_tell);
    // What failed (0) is no figure.
    const std::vector<double> failed = {9, 9, 9, 0, 9, 9};
    const std::vector<double> six = {1, 1, 1, 1, 1, 1};
    EXPECT_EQ(compare(six, failed, Better::lower).pairs, 5U);
}

TEST(Statistics, ADifferenceWithinTheNoiseFloorIsNone) {
    const std::vector<double> base = {100, 100, 100, 100, 100, 100, 100, 100};
    const std::vector<double> other = {103, 103, 104, 103, 103, 102, 103, 103};
    EXPECT_EQ(compare(base, other, Better::lower).verdict, Verdict::slower);
    EXPECT_EQ(compare(base, other, Better::lower, 0.05).verdict, Verdict::cannot_tell);
}

}  // namespace sluice::load

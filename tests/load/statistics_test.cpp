#include "bench/load/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace sluice::load {

namespace {

// Figures of one server: lognormal noise of its own, and a drift that both sides of a block share.
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
        count += compare(figures.a, figures.b, better, trial).verdict == wanted ? 1U : 0U;
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

TEST(Statistics, EqualThingsCannotBeToldApart) {
    for (const std::size_t blocks : {6UL, 7UL, 10UL, 20UL}) {
        for (const double noise : {0.005, 0.3}) {
            EXPECT_GE(verdicts(Verdict::cannot_tell, blocks, noise, 1), 95U)
                << blocks << " blocks, noise " << noise;
        }
    }
}

TEST(Statistics, AClearDifferenceIsFound) {
    EXPECT_GE(verdicts(Verdict::slower, 10, 0.02, 1.10), 95U);
    EXPECT_GE(verdicts(Verdict::faster, 10, 0.02, 0.90), 95U);
    EXPECT_GE(verdicts(Verdict::faster, 10, 0.02, 1.10, Better::higher), 95U);
    EXPECT_GE(verdicts(Verdict::slower, 10, 0.02, 0.90, Better::higher), 95U);
}

TEST(Statistics, TheRatioIsTheMedianAndTheIntervalHoldsIt) {
    const std::vector<double> base = {10, 10, 10, 10, 10, 10, 10};
    const std::vector<double> other = {11, 12, 13, 14, 15, 16, 90};
    const Comparison result = compare(base, other, Better::lower, 1);
    EXPECT_DOUBLE_EQ(result.ratio, 1.4);
    EXPECT_LE(result.low, result.ratio);
    EXPECT_GE(result.high, result.ratio);
    EXPECT_GE(result.low, 1.1 - 1e-9);
    EXPECT_LE(result.high, 9.0 + 1e-9);
    EXPECT_EQ(result.pairs, 7U);
    EXPECT_EQ(result.verdict, Verdict::slower);
    const Comparison again = compare(base, other, Better::lower, 1);
    EXPECT_EQ(result.low, again.low);
    EXPECT_EQ(result.high, again.high);
}

TEST(Statistics, FewPairsClaimNothing) {
    const std::vector<double> base = {1, 1, 1, 1, 1};
    const std::vector<double> other = {9, 9, 9, 9, 9};
    EXPECT_EQ(compare(base, other, Better::lower, 1).verdict, Verdict::cannot_tell);
    EXPECT_EQ(compare({}, {}, Better::lower, 1).verdict, Verdict::cannot_tell);
    // What failed (0) is no figure.
    const std::vector<double> failed = {9, 9, 9, 0, 9, 9};
    const std::vector<double> six = {1, 1, 1, 1, 1, 1};
    EXPECT_EQ(compare(six, failed, Better::lower, 1).pairs, 5U);
}

TEST(Statistics, ADifferenceWithinTheNoiseFloorIsNone) {
    const std::vector<double> base = {100, 100, 100, 100, 100, 100, 100, 100};
    const std::vector<double> other = {103, 103, 104, 103, 103, 102, 103, 103};
    EXPECT_EQ(compare(base, other, Better::lower, 1).verdict, Verdict::slower);
    EXPECT_EQ(compare(base, other, Better::lower, 1, 0.05).verdict, Verdict::cannot_tell);
}

}  // namespace sluice::load

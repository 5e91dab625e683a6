// Compares with sorted samples, over distributions that cover the range.
#include "core/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

namespace sluice {

namespace {

constexpr double kErrorMax = 1.0 / 1024;

// Log-uniform over `low` to `high`: each order of magnitude gets the same number.
std::vector<Nanos> samples(unsigned seed, std::size_t count, double low, double high) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> exponent(std::log(low), std::log(high));
    std::vector<Nanos> values(count);
    for (Nanos& value : values) {
        value = std::max<Nanos>(1, static_cast<Nanos>(std::exp(exponent(random))));
    }
    return values;
}

Histogram of(const std::vector<Nanos>& values) {
    Histogram histogram;
    for (const Nanos value : values) {
        histogram.record(value);
    }
    return histogram;
}

// By definition: the smallest value that at least the share q do not exceed.
Nanos exact_quantile(const std::vector<Nanos>& sorted, std::uint64_t per_million) {
    const std::uint64_t rank = (sorted.size() * per_million + 999'999) / 1'000'000;
    return sorted[std::max<std::uint64_t>(rank, 1) - 1];
}

void expect_same(const Histogram& a, const Histogram& b) {
    EXPECT_EQ(a.count(), b.count());
    EXPECT_EQ(a.min(), b.min());
    EXPECT_EQ(a.max(), b.max());
    EXPECT_EQ(a.out_of_range(), b.out_of_range());
    for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
        ASSERT_EQ(a.count_at(i), b.count_at(i)) << i;
    }
}

}  // namespace

TEST(Histogram, OfNothing) {
    const Histogram histogram;
    EXPECT_EQ(histogram.count(), 0U);
    EXPECT_EQ(histogram.min(), 0);
    EXPECT_EQ(histogram.max(), 0);
    EXPECT_EQ(histogram.mean(), 0);
    EXPECT_EQ(histogram.deviation(), 0);
    EXPECT_EQ(histogram.quantile(0.5), 0);
    EXPECT_EQ(histogram.buckets_used(), 0U);
}

TEST(Histogram, BucketsTileTheRange) {
    EXPECT_EQ(Histogram::index_of(0), 0U);
    EXPECT_EQ(Histogram::index_of(2047), 2047U);
    EXPECT_EQ(Histogram::index_of(2048), 2048U);
    EXPECT_EQ(Histogram::index_of(2049), 2048U);
    EXPECT_EQ(Histogram::index_of(2050), 2049U);
    for (std::size_t i = 0; i < Histogram::kBuckets - 1; ++i) {
        const Nanos low = Histogram::lowest_at(i);
        const Nanos high = Histogram::highest_at(i);
        ASSERT_EQ(Histogram::index_of(low), i);
        ASSERT_EQ(Histogram::index_of(high), i);
        ASSERT_EQ(Histogram::lowest_at(i + 1), high + 1);
        ASSERT_LE(static_cast<double>(high - low), kErrorMax * static_cast<double>(low)) << i;
    }
    EXPECT_LT(Histogram::index_of(Histogram::kHighest), Histogram::kBuckets);
}

TEST(Histogram, QuantilesStayWithinTheErrorBound) {
    const std::pair<double, double> ranges[] = {
        {1, 3.6e12}, {1, 100}, {1000, 5000}, {20e3, 300e3}, {1e9, 3.6e12}};
    unsigned seed = 1;
    for (const auto& [low, high] : ranges) {
        for (const std::size_t count : {1UL, 2UL, 7UL, 1000UL, 20'000UL}) {
            std::vector<Nanos> values = samples(seed++, count, low, high);
            const Histogram histogram = of(values);
            std::sort(values.begin(), values.end());
            for (const std::uint64_t q : {0UL, 1UL, 10'000UL, 500'000UL, 750'000UL, 900'000UL,
                                          990'000UL, 999'000UL, 999'900UL, 1'000'000UL}) {
                const auto exact = static_cast<double>(exact_quantile(values, q));
                const auto told =
                    static_cast<double>(histogram.quantile(static_cast<double>(q) / 1e6));
                ASSERT_GE(told, exact) << q << " of " << count;
                ASSERT_LE(told, exact * (1 + kErrorMax)) << q << " of " << count;
            }
            EXPECT_EQ(histogram.min(), values.front());
            EXPECT_EQ(histogram.max(), values.back());
            EXPECT_EQ(histogram.quantile(1), values.back());
        }
    }
}

TEST(Histogram, QuantilesAreMonotonous) {
    const Histogram histogram = of(samples(99, 5000, 1, 3.6e12));
    Nanos before = 0;
    for (int i = 0; i <= 10'000; ++i) {
        const Nanos value = histogram.quantile(i / 10'000.0);
        ASSERT_GE(value, before);
        before = value;
    }
}

TEST(Histogram, MergeIsTheUnion) {
    const std::vector<Nanos> a = samples(5, 3000, 1, 1e6);
    const std::vector<Nanos> b = samples(6, 4000, 1e4, 3e12);
    std::vector<Nanos> both = a;
    both.insert(both.end(), b.begin(), b.end());
    Histogram left = of(a);
    left.merge(of(b));
    expect_same(left, of(both));
    Histogram right = of(b);
    right.merge(of(a));
    expect_same(left, right);
    left.merge(Histogram{});
    expect_same(left, right);
    Histogram from_nothing;
    from_nothing.merge(left);
    expect_same(from_nothing, left);
}

TEST(Histogram, MeanAndDeviation) {
    for (unsigned seed = 10; seed < 20; ++seed) {
        const std::vector<Nanos> values = samples(seed, 5000, 100, 1e8);
        const Histogram histogram = of(values);
        const double count = static_cast<double>(values.size());
        const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
        double squares = 0;
        for (const Nanos value : values) {
            const double away = static_cast<double>(value) - mean;
            squares += away * away;
        }
        EXPECT_NEAR(histogram.mean(), mean, mean * kErrorMax / 2);
        EXPECT_NEAR(histogram.deviation(), std::sqrt(squares / count),
                    std::sqrt(squares / count) * kErrorMax);
    }
    Histogram one;
    one.record(123'456'789, 3);
    EXPECT_EQ(one.mean(), 123'456'789);
    EXPECT_EQ(one.deviation(), 0);
}

TEST(Histogram, RepeatedValuesCountAsOften) {
    Histogram once;
    Histogram often;
    for (int i = 0; i < 1000; ++i) {
        once.record(77'777);
    }
    often.record(77'777, 1000);
    expect_same(once, often);
}

TEST(Histogram, WhatLiesOutsideIsCountedAtTheEnds) {
    Histogram histogram;
    histogram.record(-5);
    histogram.record(Histogram::kHighest + 1);
    histogram.record(kNever);
    histogram.record(1000);
    EXPECT_EQ(histogram.count(), 4U);
    EXPECT_EQ(histogram.out_of_range(), 3U);
    EXPECT_EQ(histogram.min(), 0);
    EXPECT_EQ(histogram.max(), Histogram::kHighest);
}

TEST(Histogram, ClearLeavesNothing) {
    Histogram histogram = of(samples(3, 1000, 1, 3.6e12));
    histogram.record(-1);
    histogram.clear();
    expect_same(histogram, Histogram{});
    histogram.record(42);
    EXPECT_EQ(histogram.quantile(0.5), 42);
}

}  // namespace sluice

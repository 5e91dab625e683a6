#include "bench/load/hdr_format.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tests/load/hdr_reader.h"

namespace sluice::load {

namespace {

void expect_same_counts(const Histogram& a, const Histogram& b) {
    ASSERT_EQ(a.count(), b.count());
    for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
        ASSERT_EQ(a.count_at(i), b.count_at(i)) << i;
    }
}

Histogram random_histogram(unsigned seed, int count) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> exponent(0, std::log(3.6e12));
    std::uniform_int_distribution<std::uint64_t> times(1, 1ULL << (seed % 60));
    Histogram histogram;
    for (int i = 0; i < count; ++i) {
        histogram.record(static_cast<Nanos>(std::exp(exponent(random))), times(random));
    }
    return histogram;
}

// Made by hand from the format: cookie 1c849313, payload of 8 bytes, no offset, 3 digits, lowest 1,
// highest 1 h, ratio 1.0, then ZigZag LEB128: one empty (01), a 1 (02), one empty (01), a 2 (04),
// 3,294 empty (bb 33), a 300 (d8 04). Index 3,298 is that of 5,000: (2 << 10) + (5,000 >> 2).
// Deflated without compression.
constexpr const char* kVector =
    "HISTFAAAADt4AQEwAM//HISTEwAAAAgAAAAAAAAAAwAAAAAAAAABAAADRjC4"
    "oAA/8AAAAAAAAAECAQS7M9gEd0IGJQ==";
constexpr const char* kVectorOfTwoDigits =
    "HISTFAAAADt4AQEwAM//HISTEwAAAAgAAAAAAAAAAgAAAAAAAAABAAADRjC4"
    "oAA/8AAAAAAAAAECAQSvDNgEdnwF8Q==";

}  // namespace

TEST(HdrFormat, DecodesAVectorMadeByHand) {
    const auto histogram = decode_histogram(kVector);
    ASSERT_TRUE(histogram) << histogram.error().what;
    EXPECT_EQ(histogram->count(), 303U);
    EXPECT_EQ(histogram->count_at(1), 1U);
    EXPECT_EQ(histogram->count_at(3), 2U);
    EXPECT_EQ(histogram->count_at(3298), 300U);
    EXPECT_EQ(histogram->max(), 5000);
}

// The same counts with 2 digits, as other tools write them: 128 steps for each doubling, so index
// 796 is that of 4,992 to 5,023: (5 << 7) + (5,000 >> 5). 792 are empty before it (af 0c).
TEST(HdrFormat, DecodesOtherPrecisions) {
    const auto histogram = decode_histogram(kVectorOfTwoDigits);
    ASSERT_TRUE(histogram) << histogram.error().what;
    EXPECT_EQ(histogram->count(), 303U);
    EXPECT_EQ(histogram->count_at(1), 1U);
    EXPECT_EQ(histogram->count_at(3), 2U);
    EXPECT_EQ(histogram->max(), 4992);
}

TEST(HdrFormat, EncodingRoundTrips) {
    expect_same_counts(*decode_histogram(encode_histogram(Histogram{})), Histogram{});
    for (unsigned seed = 0; seed < 60; ++seed) {
        const Histogram histogram = random_histogram(seed, 1 + static_cast<int>(seed) * 20);
        const std::string text = encode_histogram(histogram);
        EXPECT_TRUE(text.starts_with("HISTFAAA"));
        const auto back = decode_histogram(text);
        ASSERT_TRUE(back) << back.error().what;
        expect_same_counts(*back, histogram);
    }
}

TEST(HdrFormat, WhatIsBrokenIsRefused) {
    const std::string whole = encode_histogram(random_histogram(7, 100));
    EXPECT_FALSE(decode_histogram(""));
    EXPECT_FALSE(decode_histogram("????"));
    EXPECT_FALSE(decode_histogram("AAAAAAAAAAAAAAAA"));
    for (std::size_t length = 0; length + 4 < whole.size(); length += 4) {
        EXPECT_FALSE(decode_histogram(whole.substr(0, length))) << length;
    }
    std::string damaged = whole;
    damaged[whole.size() / 2] = damaged[whole.size() / 2] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(decode_histogram(damaged));
}

TEST(HdrFormat, IntervalLogRoundTrips) {
    const Histogram first = random_histogram(11, 200);
    const Histogram second = random_histogram(12, 300);
    std::string text = log_head(1'700'000'000'123, "made by a test");
    text += log_line("", 0.5, 1, first);
    text += log_line("service", 1.5, 0.75, second);
    EXPECT_NE(text.find("#[StartTime: 1700000000.123 (seconds since epoch)]"), std::string::npos);
    const auto read = read_log(text);
    ASSERT_TRUE(read) << read.error().what;
    ASSERT_EQ(read->size(), 2U);
    EXPECT_EQ((*read)[0].tag, "");
    EXPECT_EQ((*read)[0].start_s, 0.5);
    EXPECT_EQ((*read)[1].tag, "service");
    EXPECT_EQ((*read)[1].length_s, 0.75);
    EXPECT_NEAR((*read)[0].max, static_cast<double>(first.max()) / 1e6, 0.001);
    expect_same_counts((*read)[0].values, first);
    expect_same_counts((*read)[1].values, second);
    EXPECT_FALSE(read_log("1.0,2.0,nonsense\n"));
    EXPECT_FALSE(read_log("1.0,2.0,3.0,nonsense\n"));
}

TEST(HdrFormat, PercentileTextRoundTrips) {
    const Histogram histogram = random_histogram(21, 5000);
    const std::string text = percentile_text(histogram, 1000);
    const auto points = read_percentile_text(text);
    ASSERT_TRUE(points) << points.error().what;
    const auto exact = percentile_points(histogram);
    ASSERT_EQ(points->size(), exact.size());
    ASSERT_GT(points->size(), 20U);
    double before = -1;
    for (std::size_t i = 0; i < exact.size(); ++i) {
        EXPECT_NEAR((*points)[i].value * 1000, exact[i].value, 1);
        EXPECT_NEAR((*points)[i].percentile, exact[i].percentile, 1e-11);
        EXPECT_EQ((*points)[i].count, exact[i].count);
        EXPECT_GE((*points)[i].value, before);
        before = (*points)[i].value;
    }
    EXPECT_EQ(points->back().percentile, 1);
    EXPECT_EQ(points->back().count, histogram.count());
    EXPECT_FALSE(read_percentile_text("Value Percentile TotalCount\n\n1.0 x 3\n"));
}

// Five points for each halving of what is left: 0, 10, 20, 30, 40 %, then 50, 55, 60 ...
TEST(HdrFormat, PercentilesAreDenserTowardsTheTail) {
    Histogram histogram;
    for (Nanos value = 1; value <= 1000; ++value) {
        histogram.record(value);
    }
    const auto points = percentile_points(histogram);
    const double expected[] = {0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.775};
    for (std::size_t i = 0; i < std::size(expected); ++i) {
        EXPECT_NEAR(points[i].percentile, expected[i], 1e-9);
        EXPECT_NEAR(points[i].value, std::max(1.0, std::ceil(expected[i] * 1000 - 1e-6)), 1);
    }
    const std::string text = percentile_text(histogram, 1);
    EXPECT_NE(text.find("       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
                        "       1.000 0.000000000000          1           1.00\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("    1000.000 1.000000000000       1000\n"
                        "#[Mean    =      500.500, StdDeviation   =      288.675]\n"
                        "#[Max     =     1000.000, Total count    =         1000]\n"
                        "#[Buckets =           32, SubBuckets     =         2048]\n"),
              std::string::npos)
        << text;
}

}  // namespace sluice::load

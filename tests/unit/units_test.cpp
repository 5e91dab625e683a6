#include "core/units.h"

#include <gtest/gtest.h>

namespace sluice {

namespace {

std::uint64_t bytes_in(std::string_view text) {
    const auto bytes = parse_size(text);
    return bytes ? *bytes : ~std::uint64_t{0};
}
Nanos duration(std::string_view text) {
    const auto nanos = parse_duration(text);
    return nanos ? *nanos : -1;
}

}  // namespace

TEST(Units, Numbers) {
    constexpr std::uint64_t kMost = ~std::uint64_t{0};
    EXPECT_EQ(parse_number("0", 0, 9), 0U);
    EXPECT_EQ(parse_number("9", 0, 9), 9U);
    EXPECT_EQ(parse_number("18446744073709551615", 0, kMost), kMost);
    for (const char* text : {"", " ", "x", "-1", "+1", "1 ", " 1", "1.5", "1e1", "0x1", "1k", "10",
                             "18446744073709551616"}) {
        const auto number = parse_number(text, 0, 9);
        ASSERT_FALSE(number) << text << " became " << *number;
        EXPECT_EQ(number.error().what,
                  "'" + std::string(text) + "' is not a whole number from 0 to 9");
    }
    EXPECT_FALSE(parse_number("0", 1, 9));
}

TEST(Units, Rates) {
    EXPECT_EQ(parse_rate("1000"), 1000.0);
    EXPECT_EQ(parse_rate("0.5"), 0.5);
    EXPECT_EQ(parse_rate("1e3"), 1000.0);
    for (const char* text :
         {"", "0", "-1", "+1", "nan", "inf", "-inf", "1e400", "1e-400", "1e19", "x", "1 ", "1/s"}) {
        const auto rate = parse_rate(text);
        ASSERT_FALSE(rate) << text << " became " << *rate;
    }
}

TEST(Units, Sizes) {
    EXPECT_EQ(bytes_in("0"), 0U);
    EXPECT_EQ(bytes_in("4096"), 4096U);
    EXPECT_EQ(bytes_in("4096b"), 4096U);
    for (const char* text : {"8k", "8K", "8kb", "8KB", "8KiB", "8kib"}) {
        EXPECT_EQ(bytes_in(text), 8192U) << text;
    }
    EXPECT_EQ(bytes_in("256M"), 268'435'456U);
    EXPECT_EQ(bytes_in("1.5G"), 1'610'612'736U);
    EXPECT_EQ(bytes_in("2t"), std::uint64_t{2} << 40);
    EXPECT_EQ(bytes_in("0.5k"), 512U);
}

TEST(Units, WhatIsNoSize) {
    for (const char* text :
         {"", " ", "k", "-1", "+1", "1 k", " 1", "1kk", "1kbb", "1ki", "1x", "1e3", "0x10", "1,5k",
          "nan", "inf", "9000000t", "99999999999999999999", "8388608T"}) {
        const auto bytes = parse_size(text);
        ASSERT_FALSE(bytes) << text << " became " << *bytes;
        EXPECT_NE(bytes.error().what.find("'" + std::string(text) + "'"), std::string::npos);
    }
}

TEST(Units, Durations) {
    EXPECT_EQ(duration("1"), kSecond);
    EXPECT_EQ(duration("10s"), 10 * kSecond);
    EXPECT_EQ(duration("500ms"), 500 * kMillisecond);
    EXPECT_EQ(duration("250us"), 250 * kMicrosecond);
    EXPECT_EQ(duration("7ns"), 7);
    EXPECT_EQ(duration("2m"), 120 * kSecond);
    EXPECT_EQ(duration("1.5h"), 5'400 * kSecond);
    EXPECT_EQ(duration("0.25S"), 250 * kMillisecond);
}

TEST(Units, WhatIsNoDuration) {
    for (const char* text : {"", "0", "0s", "0.1ns", "-5s", "soon", "5 s", "5sec", "5d", "s", "1e2",
                             "nan", "277778h", "99999999999h"}) {
        const auto nanos = parse_duration(text);
        ASSERT_FALSE(nanos) << text << " became " << *nanos;
        EXPECT_NE(nanos.error().what.find("'" + std::string(text) + "'"), std::string::npos);
    }
}

TEST(Units, TooShortIsNotCalledUnreadable) {
    EXPECT_EQ(parse_duration("0s").error().what, "'0s' is too short a time");
    EXPECT_EQ(parse_duration("0.1ns").error().what, "'0.1ns' is too short a time");
}

TEST(Units, TextsAreReadBackAsTheSame) {
    EXPECT_EQ(size_text(0), "0");
    EXPECT_EQ(size_text(1023), "1023");
    EXPECT_EQ(size_text(8192), "8k");
    EXPECT_EQ(size_text(3 << 20), "3M");
    EXPECT_EQ(size_text(std::uint64_t{1} << 30), "1G");
    EXPECT_EQ(duration_text(10 * kSecond), "10s");
    EXPECT_EQ(duration_text(1'500 * kMillisecond), "1500ms");
    EXPECT_EQ(duration_text(3), "3ns");
    for (const std::uint64_t bytes : {1ULL, 1000ULL, 1024ULL, 1536ULL, 1ULL << 33}) {
        EXPECT_EQ(bytes_in(size_text(bytes)), bytes);
    }
    for (const Nanos nanos : {Nanos{1}, 1'234 * kMicrosecond, 90 * kSecond, 86'400 * kSecond}) {
        EXPECT_EQ(duration(duration_text(nanos)), nanos);
    }
}

}  // namespace sluice

#include "http/range.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace sluice::http {
namespace {

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();

struct Selected {
    RangeOutcome outcome;
    std::vector<ByteRange> ranges;
    friend bool operator==(const Selected&, const Selected&) = default;
};

void PrintTo(const Selected& selected, std::ostream* out) {
    *out << "outcome " << static_cast<int>(selected.outcome);
    for (const ByteRange& range : selected.ranges) {
        *out << " [" << range.first << "+" << range.length << "]";
    }
}

Selected select(const std::string& field, std::uint64_t size) {
    ByteRanges ranges{};
    std::uint8_t count = 0;
    const RangeOutcome outcome = select_ranges(field, size, ranges, count);
    return {outcome, {ranges.begin(), ranges.begin() + count}};
}

const Selected kIgnored{RangeOutcome::ignored, {}};
const Selected kUnsatisfiable{RangeOutcome::unsatisfiable, {}};

Selected satisfied(std::vector<ByteRange> ranges) {
    return {RangeOutcome::satisfiable, std::move(ranges)};
}

TEST(Range, SingleRanges) {
    EXPECT_EQ(select("bytes=0-0", 100), satisfied({{0, 1}}));
    EXPECT_EQ(select("bytes=0-99", 100), satisfied({{0, 100}}));
    EXPECT_EQ(select("bytes=0-100", 100), satisfied({{0, 100}}));
    EXPECT_EQ(select("bytes=0-", 100), satisfied({{0, 100}}));
    EXPECT_EQ(select("bytes=99-", 100), satisfied({{99, 1}}));
    EXPECT_EQ(select("bytes=10-19", 100), satisfied({{10, 10}}));
    EXPECT_EQ(select("bytes=0010-019", 100), satisfied({{10, 10}}));
    EXPECT_EQ(select("bytes=-1", 100), satisfied({{99, 1}}));
    EXPECT_EQ(select("bytes=-100", 100), satisfied({{0, 100}}));
    EXPECT_EQ(select("bytes=-101", 100), satisfied({{0, 100}}));
    EXPECT_EQ(select("BYTES=0-9", 100), satisfied({{0, 10}}));
    EXPECT_EQ(select("bytes= 0-9 ", 100), satisfied({{0, 10}}));
}

TEST(Range, Unsatisfiable) {
    EXPECT_EQ(select("bytes=100-", 100), kUnsatisfiable);
    EXPECT_EQ(select("bytes=100-200", 100), kUnsatisfiable);
    EXPECT_EQ(select("bytes=-0", 100), kUnsatisfiable);
    EXPECT_EQ(select("bytes=200-, -0, 300-400", 100), kUnsatisfiable);
    EXPECT_EQ(select("bytes=99999999999999999999999-", 100), kUnsatisfiable);
}

TEST(Range, AnEmptyRepresentationSatisfiesNothing) {
    for (const char* field : {"bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0", "bytes=0-,-5"}) {
        EXPECT_EQ(select(field, 0), kUnsatisfiable) << field;
    }
}

TEST(Range, IgnoresWhatIsNotARangeOfBytes) {
    for (const char* field : {
             "",
             "bytes",
             "bytes=",
             "bytes= ",
             "bytes=,",
             "bytes=, ,",
             "bytes=-",
             "bytes=a-b",
             "bytes=0",
             "bytes=0-1-2",
             "bytes=--1",
             "bytes=1--",
             "bytes=+0-1",
             "bytes=0x0-1",
             "bytes=0 -1",
             "bytes=0- 1",
             "bytes=- 1",
             "bytes =0-1",
             " bytes=0-1",
             "bytes:0-1",
             "bytes=5-4",
             "bytes=0-1;2-3",
             "bytes=0-1 2-3",
             "bytes=0-9,5-4",
             "bytes=0-9,x",
             "bytes=x,0-9",
             "bytes=200-100",
             "lines=0-1",
             "byte=0-1",
             "bytess=0-1",
             "=0-1",
             "0-1",
             "none",
         }) {
        EXPECT_EQ(select(field, 100), kIgnored) << field;
    }
}

TEST(Range, EmptyListElementsCountForNothing) {
    EXPECT_EQ(select("bytes=,0-1,,\t, 4-5 ,", 100), satisfied({{0, 2}, {4, 2}}));
}

TEST(Range, DropsTheUnsatisfiableAmongOthers) {
    EXPECT_EQ(select("bytes=500-600,0-1,-0", 100), satisfied({{0, 2}}));
}

TEST(Range, CoalescesInTheOrderOfFirstMention) {
    EXPECT_EQ(select("bytes=0-9,5-14", 100), satisfied({{0, 15}}));
    EXPECT_EQ(select("bytes=0-9,10-19", 100), satisfied({{0, 20}}));
    EXPECT_EQ(select("bytes=10-19,0-9", 100), satisfied({{0, 20}}));
    EXPECT_EQ(select("bytes=0-9,11-19", 100), satisfied({{0, 10}, {11, 9}}));
    EXPECT_EQ(select("bytes=50-59,0-9,55-64", 100), satisfied({{50, 15}, {0, 10}}));
    EXPECT_EQ(select("bytes=80-89,0-9,40-49,5-44", 100), satisfied({{80, 10}, {0, 50}}));
    EXPECT_EQ(select("bytes=0-9,20-29,40-49,-100", 100), satisfied({{0, 100}}));
    EXPECT_EQ(select("bytes=-1,0-0", 100), satisfied({{99, 1}, {0, 1}}));
    EXPECT_EQ(select("bytes=5-5,5-5,5-5", 100), satisfied({{5, 1}}));
}

std::string apart(int count) {
    std::string field = "bytes=";
    for (int i = 0; i < count; ++i) {
        field += std::to_string(i * 10) + "-" + std::to_string(i * 10) + ",";
    }
    return field;
}

TEST(Range, BoundsTheNumberOfRanges) {
    EXPECT_EQ(select(apart(16), 10'000).ranges.size(), kRangesMax);
    EXPECT_EQ(select(apart(17), 10'000), kIgnored);
    // Many asked for, few left.
    EXPECT_EQ(select(apart(17) + "0-999", 10'000), satisfied({{0, 1000}}));
    EXPECT_EQ(select(apart(63) + "0-", 10'000), satisfied({{0, 10'000}}));
    EXPECT_EQ(select(apart(64) + "0-", 10'000), kIgnored);
    // Ranges that cannot be satisfied count as asked for.
    EXPECT_EQ(select(apart(65), 1), kIgnored);
    EXPECT_EQ(select(apart(64), 1), satisfied({{0, 1}}));
}

TEST(Range, SixtyFourBits) {
    EXPECT_EQ(select("bytes=5368709120-5368709129", 5'368'709'130),
              satisfied({{5'368'709'120, 10}}));
    EXPECT_EQ(select("bytes=0-18446744073709551615", kHuge), satisfied({{0, kHuge}}));
    EXPECT_EQ(select("bytes=0-18446744073709551616", kHuge), satisfied({{0, kHuge}}));
    EXPECT_EQ(select("bytes=18446744073709551614-", kHuge), satisfied({{kHuge - 1, 1}}));
    EXPECT_EQ(select("bytes=18446744073709551615-", kHuge), kUnsatisfiable);
    EXPECT_EQ(select("bytes=-18446744073709551616", 100), satisfied({{0, 100}}));
    EXPECT_EQ(select("bytes=-99999999999999999999999999", kHuge), satisfied({{0, kHuge}}));
    EXPECT_EQ(select("bytes=18446744073709551614-,0-0", kHuge),
              satisfied({{kHuge - 1, 1}, {0, 1}}));
    EXPECT_EQ(select("bytes=1-99999999999999999999", 10), satisfied({{1, 9}}));
}

// Compares with sets of single bytes.
TEST(Range, AgreesWithByteSetsOnRandomFields) {
    std::mt19937 random(42);
    int multiple = 0;
    for (int round = 0; round < 20'000; ++round) {
        const std::uint64_t size = random() % 40;
        std::string field = "bytes=";
        std::set<std::uint64_t> wanted;
        std::vector<std::uint64_t> order;  // bytes in the order of mention
        for (auto n = 1 + random() % 6; n > 0; --n) {
            std::uint64_t first = random() % 48;
            std::uint64_t last = first + random() % 8;
            switch (random() % 4) {
                case 0:
                    field += std::to_string(first) + "-,";
                    last = size;
                    break;
                case 1: {
                    const std::uint64_t length = random() % 8;
                    field += "-" + std::to_string(length) + ",";
                    first = size - std::min(size, length);
                    last = length == 0 ? 0 : size;
                    if (length == 0) {
                        first = 1;
                    }
                    break;
                }
                default: field += std::to_string(first) + "-" + std::to_string(last) + ", "; break;
            }
            for (std::uint64_t byte = first; byte <= last && byte < size; ++byte) {
                if (wanted.insert(byte).second) {
                    order.push_back(byte);
                }
            }
        }
        const Selected selected = select(field, size);
        ASSERT_EQ(selected.outcome,
                  wanted.empty() ? RangeOutcome::unsatisfiable : RangeOutcome::satisfiable)
            << field << " of " << size;
        std::set<std::uint64_t> got;
        std::vector<std::size_t> mentions;
        for (const ByteRange& range : selected.ranges) {
            ASSERT_GT(range.length, 0U);
            std::size_t mention = order.size();
            for (std::uint64_t i = 0; i < range.length; ++i) {
                ASSERT_TRUE(got.insert(range.first + i).second) << "twice: " << field;
                const auto at = std::find(order.begin(), order.end(), range.first + i);
                mention = std::min(mention, static_cast<std::size_t>(at - order.begin()));
            }
            // No two ranges that touch are left separate.
            ASSERT_FALSE(wanted.contains(range.first + range.length)) << field;
            ASSERT_FALSE(range.first > 0 && wanted.contains(range.first - 1)) << field;
            mentions.push_back(mention);
        }
        ASSERT_EQ(got, wanted) << field << " of " << size;
        ASSERT_TRUE(std::is_sorted(mentions.begin(), mentions.end())) << field;
        multiple += selected.ranges.size() > 1;
    }
    EXPECT_GT(multiple, 1000);
}

}  // namespace
}  // namespace sluice::http

// A size and any bytes as Range: the selected ranges lie inside the size and apart from each other,
// and cover what was asked. The first eight bytes are the size, as a little-endian number.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/check.h"
#include "http/range.h"

namespace {

using namespace sluice::http;

void check_selection(const ByteRanges& ranges, std::size_t count, std::uint64_t size) {
    CHECK(count >= 1 && count <= kRangesMax);
    std::vector<ByteRange> sorted(ranges.begin(), ranges.begin() + static_cast<long>(count));
    std::sort(sorted.begin(), sorted.end(),
              [](const ByteRange& a, const ByteRange& b) { return a.first < b.first; });
    std::uint64_t free_from = 0;  // the first byte that the next range may start at
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        const ByteRange& range = sorted[i];
        CHECK(range.length > 0);
        CHECK(range.first < size && range.length <= size - range.first);
        CHECK(i == 0 || range.first > free_from);  // without a gap they would be one
        free_from = range.first + range.length;
    }
}

// Asking for exactly what was selected selects exactly that.
void check_stable(const ByteRanges& ranges, std::uint8_t count, std::uint64_t size) {
    std::string field = "bytes=";
    for (std::size_t i = 0; i < count; ++i) {
        field += std::to_string(ranges[i].first) + "-" +
                 std::to_string(ranges[i].first + ranges[i].length - 1) + ",";
    }
    ByteRanges again;
    std::uint8_t again_count = 0;
    CHECK(select_ranges(field, size, again, again_count) == RangeOutcome::satisfiable);
    CHECK(again_count == count);
    CHECK(std::equal(again.begin(), again.begin() + count, ranges.begin()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t kSizeBytes = 8;
    if (size < kSizeBytes) {
        return 0;
    }
    std::uint64_t total = 0;
    for (std::size_t i = kSizeBytes; i-- > 0;) {
        total = total << 8 | data[i];
    }
    const std::string field(data + kSizeBytes, data + size);

    ByteRanges ranges;
    std::uint8_t count = 0;
    const RangeOutcome outcome = select_ranges(field, total, ranges, count);
    if (outcome == RangeOutcome::satisfiable) {
        CHECK(total > 0);
        check_selection(ranges, count, total);
        check_stable(ranges, count, total);
    }
    // When the field asks for everything in addition, everything is selected, unless it breaks a
    // rule that does not depend on the size.
    if (outcome != RangeOutcome::ignored && total > 0 &&
        static_cast<std::size_t>(std::count(field.begin(), field.end(), ',')) + 2 <=
            kRangeSpecsMax) {
        CHECK(select_ranges(field + ",0-", total, ranges, count) == RangeOutcome::satisfiable);
        CHECK(count == 1 && ranges[0] == (ByteRange{0, total}));
    }
    if (outcome == RangeOutcome::unsatisfiable) {
        CHECK(select_ranges(field, 0, ranges, count) == RangeOutcome::unsatisfiable);
    }
    return 0;
}

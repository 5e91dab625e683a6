// Range: the Range field (RFC 9110 section 14.2) against a representation of known size. Pure.
//
// A field that we do not understand or do not want is ignored, and the answer is the whole
// representation with 200: a unit other than bytes, bad syntax, a last position before the first
// (section 14.1.1), more than kRangeSpecsMax ranges asked for, or more than kRangesMax left after
// coalescing (section 14.2 allows it; section 17.15 asks for bounds).
//
// Ranges that overlap or touch become one (section 15.3.7.2), so the parts of an answer never hold
// a byte twice; they keep the order of their first mention.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::http {

inline constexpr std::size_t kRangesMax = 16;      // parts of one answer, after coalescing
inline constexpr std::size_t kRangeSpecsMax = 64;  // ranges in one field

// Without initial values, so that an array of them costs nothing until it is used.
struct ByteRange {
    std::uint64_t first;
    std::uint64_t length;
    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

using ByteRanges = std::array<ByteRange, kRangesMax>;

enum class RangeOutcome : std::uint8_t {
    ignored,        // answer as if the field were absent: 200
    satisfiable,    // 206 with the ranges
    unsatisfiable,  // well-formed, but no range touches the representation: 416
};

// Fills `ranges` and `count` (1 to kRangesMax) when satisfiable; each range lies within `size` and
// is not empty. An empty representation satisfies nothing.
[[nodiscard]] RangeOutcome select_ranges(std::string_view field, std::uint64_t size,
                                         ByteRanges& ranges, std::uint8_t& count) noexcept;

}  // namespace sluice::http

// Is one thing faster than another, and how sure is that? Pure functions over pairs of figures that
// were measured side by side (one pair for each interleaved block), so that a slow minute of the
// machine falls on both.
//
// The estimate is the median of the pairs' ratios: one bad block cannot move it far. Its interval
// is a percentile bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", chapter 13)
// over the logarithms, seeded. Below kPairsMin pairs no interval of the data could exclude chance
// (six equal signs in a row come up once in 32), so nothing is claimed.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::load {

inline constexpr std::size_t kPairsMin = 6;
inline constexpr double kConfidence = 0.99;
inline constexpr unsigned kResamples = 4000;

enum class Better : std::uint8_t { lower, higher };  // of the figure: latency, or rate
enum class Verdict : std::uint8_t { cannot_tell, faster, slower };
[[nodiscard]] std::string_view to_string(Verdict verdict);

struct Comparison {
    double ratio = 1;  // candidate / baseline, median of the pairs
    double low = 0;    // of the interval
    double high = 0;
    std::size_t pairs = 0;
    Verdict verdict = Verdict::cannot_tell;
};

// `noise`: a relative difference that two equal things show on this machine (from an A/A run); the
// whole interval must lie beyond it. Pairs with a figure that is not positive are left out.
[[nodiscard]] Comparison compare(std::span<const double> baseline,
                                 std::span<const double> candidate, Better better,
                                 std::uint64_t seed, double noise = 0);

[[nodiscard]] double median(std::span<const double> values);  // 0 of none

}  // namespace sluice::load

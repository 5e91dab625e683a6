// Is one thing faster than another, and how sure is that? Pure functions over figures that were
// measured side by side (one pair for each restart of both), so that a slow minute of the machine
// affects both.
//
// The estimate is the mean of the logarithms of the pairs' ratios. Its interval is Student's, which
// is exact for normal values, and too wide rather than too narrow with outliers. (Each value should
// be robust itself: the median of many slices.) How often the interval covers the truth, and what
// is found, is simulated in tests/compare/calibration_test.cpp. Below kPairsMin pairs nothing is
// claimed.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::load {

inline constexpr std::size_t kPairsMin = 6;
inline constexpr double kConfidence = 0.95;

enum class Better : std::uint8_t { lower, higher };  // of the figure: latency, or rate
enum class Verdict : std::uint8_t { cannot_tell, faster, slower };
[[nodiscard]] std::string_view to_string(Verdict verdict);

struct Comparison {
    double ratio = 1;  // candidate / baseline, geometric mean of the pairs
    double low = 0;    // of the interval
    double high = 0;
    std::size_t pairs = 0;
    Verdict verdict = Verdict::cannot_tell;
};

// A difference is claimed when the whole interval lies on one side of 1, and beyond it by more than
// `noise`. Ratios that are not positive are left out.
[[nodiscard]] Comparison judge_ratios(std::span<const double> ratios, Better better,
                                      double noise = 0);
// The same for figures; pairs with one that is not positive are left out.
[[nodiscard]] Comparison compare(std::span<const double> baseline,
                                 std::span<const double> candidate, Better better,
                                 double noise = 0);
// For two runs that are not paired (Welch's interval). `pairs` is the smaller of both sizes.
[[nodiscard]] Comparison compare_unpaired(std::span<const double> baseline,
                                          std::span<const double> candidate, Better better,
                                          double noise = 0);

[[nodiscard]] double median(std::span<const double> values);  // 0 of none

}  // namespace sluice::load

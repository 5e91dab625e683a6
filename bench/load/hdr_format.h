// HdrHistogram's formats, written so that existing plotters and analysers open what we
// measured (hdrhistogram.org; the layouts are those of its Java implementation's
// EncodableHistogram, HistogramLogWriter and outputPercentileDistribution).
//
// - V2 encoding: counts by index as ZigZag LEB128, runs of empty buckets as one negative number;
//   deflated, then base64. Our Histogram has the layout of (1, 1 h, 3 digits), so indexes agree.
// - Interval log (version 1.3): a line for each interval: [Tag=...,]start,length,max,histogram.
// - Percentile distribution (.hgrm): value, percentile, count, 1/(1-percentile).
//
// Set-up and report code: allocates, does not throw.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/histogram.h"

namespace sluice::load {

// Base64 of the compressed V2 encoding: "HISTFAAAA...".
[[nodiscard]] std::string encode_histogram(const Histogram& histogram);

// Nanoseconds per unit of Interval_Max, as the Java tools have it.
inline constexpr double kLogMaxUnit = 1e6;

[[nodiscard]] std::string log_head(std::int64_t start_wall_ms, std::string_view comment);
[[nodiscard]] std::string log_line(std::string_view tag, double start_s, double length_s,
                                   const Histogram& values);

struct PercentilePoint {
    double value = 0;
    double percentile = 0;  // 0 to 1
    std::uint64_t count = 0;
};

// `unit`: nanoseconds for each unit of the value column (1,000: microseconds).
[[nodiscard]] std::string percentile_text(const Histogram& histogram, double unit = 1e3,
                                          int ticks_per_half = 5);
// The points of such a distribution; in nanoseconds.
[[nodiscard]] std::vector<PercentilePoint> percentile_points(const Histogram& histogram,
                                                             int ticks_per_half = 5);

}  // namespace sluice::load

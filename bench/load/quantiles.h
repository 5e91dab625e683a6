// The quantiles that reports show, with their names, and when one is known.
#pragma once

#include <optional>

#include "core/histogram.h"

namespace sluice::load {

struct Quantile {
    const char* name;  // "p99.9"
    double share;
};
inline constexpr Quantile kQuantiles[] = {{"p50", 0.5},  {"p75", 0.75},    {"p90", 0.9},
                                          {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};

// None when there are too few values: with fewer than one beyond it, a quantile would be the
// maximum under another name.
[[nodiscard]] inline std::optional<Nanos> known_quantile(const Histogram& values, double share) {
    const bool known = static_cast<double>(values.count()) * (1 - share) >= 0.999;
    return known ? std::optional(values.quantile(share)) : std::nullopt;
}

}  // namespace sluice::load

// `sluice bench --find-rate`: open-loop runs at one rate after the other, until the highest that
// keeps the objective is known.
#pragma once

#include <string_view>

#include "bench/load/plan.h"
#include "bench/load/tally.h"
#include "core/result.h"

namespace sluice {

// "p99=2ms": a statistic of the response time and its bound.
struct Objective {
    std::string name;  // as it was written before the '='
    double share = 0;  // of a quantile; 1: max; below 0: mean
    Nanos bound = 0;

    [[nodiscard]] static Result<Objective> parse(std::string_view text);
    [[nodiscard]] Nanos measured(const load::Tally& total) const;
};

// A trial runs for the plan's duration after its warm-up. Prints a line for each trial and the
// outcome; returns the exit code.
[[nodiscard]] int find_rate(load::Plan plan, double start, const Objective& objective);

}  // namespace sluice

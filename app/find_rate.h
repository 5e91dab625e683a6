// `sluice bench --find-rate`: open-loop runs at one rate after another, until the highest rate that
// meets the objective is known.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "bench/load/plan.h"
#include "bench/load/report.h"
#include "bench/load/run.h"
#include "bench/load/validity.h"
#include "core/result.h"

namespace sluice {

// "p99=2ms": a statistic of the response time and its bound.
struct Objective {
    std::string name;  // as written before the '='
    double share = 0;  // the quantile; 1: max; below 0: mean
    Nanos bound = 0;

    [[nodiscard]] static Result<Objective> parse(std::string_view text);
    [[nodiscard]] Nanos measured(const Histogram& response) const;
};

// Trials run for the plan's duration after its warm-up. OnTrial gets a line about each for people.
struct FoundRate {
    load::Plan plan;  // of the reported run: the highest rate that held, or the last
    load::Outcome outcome;
    load::Validity validity;
    load::Search search;
};
struct OnTrial {
    std::function<void(double rate)> begin;
    load::OnSecond second;
    std::function<void(bool best, const std::string& line)> end;  // `best`: report this run
};
[[nodiscard]] Result<FoundRate> find_rate(load::Plan plan, double start, const Objective& objective,
                                          const OnTrial& on);

}  // namespace sluice

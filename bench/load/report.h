// Reports of a run: text for people, JSON and CSV for programs. Pure functions; what each number
// means stands in docs/bench.md.
#pragma once

#include <string>
#include <vector>

#include "bench/load/plan.h"
#include "bench/load/run.h"
#include "bench/load/validity.h"

namespace sluice::load {

inline constexpr int kSchemaVersion = 1;  // of the JSON; grows when a reader would have to change

struct Report {
    const Plan& plan;
    const Outcome& outcome;
    const Validity& validity;
    std::string command;  // as it was typed
    std::string backend_why;
    std::string version;
};

// The URL, and how many more there are.
[[nodiscard]] std::string title_of(const Plan& plan);

// What was asked for, in a sentence or two.
[[nodiscard]] std::string describe_load(const Report& report);

// The rows of latencies that every kind of report shows.
struct Row {
    std::string name;     // "response"
    std::string meaning;  // "planned instant to last byte"
    Histogram values;
};
[[nodiscard]] std::vector<Row> latency_rows(const Plan& plan, const Tally& total);
// The same without those that say nothing new: when every answer came in one piece, its first byte
// came with the last.
[[nodiscard]] std::vector<Row> shown_rows(const Plan& plan, const Tally& total);
[[nodiscard]] std::vector<Row> handshake_rows(const Tally& total);

// The quantiles shown, with their names.
struct Quantile {
    const char* name;  // "p99.9"
    double share;
};
inline constexpr Quantile kQuantiles[] = {{"p50", 0.5},  {"p75", 0.75},    {"p90", 0.9},
                                          {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};

[[nodiscard]] std::string text_report(const Report& report);
// One line while the run goes on.
[[nodiscard]] std::string live_line(const Second& second);
[[nodiscard]] std::string json_report(const Report& report);
// One page that needs nothing else: plots of percentiles, of the time series, of the phases.
[[nodiscard]] std::string html_report(const Report& report);
// The time series, one line for each second, with a head line.
[[nodiscard]] std::string csv_report(const Report& report);

}  // namespace sluice::load

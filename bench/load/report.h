// Reports of a run: text for people, JSON and CSV for programs. Pure functions; docs/bench.md says
// what each number means.
#pragma once

#include <string>
#include <vector>

#include "bench/load/plan.h"
#include "bench/load/quantiles.h"
#include "bench/load/run.h"
#include "bench/load/validity.h"

namespace sluice::load {

inline constexpr int kSchemaVersion = 1;  // of the JSON; grows when a reader would have to change

// A search for the highest rate that keeps an objective: this report is of the run at that rate, or
// of the last trial when none kept it.
struct Search {
    struct Trial {
        double rate = 0;
        bool held = false;
        std::string why;
    };
    std::string objective;  // "p99"
    Nanos bound = 0;
    std::vector<Trial> trials;
    double held = 0;  // the highest that held and the lowest that failed; 0: none
    double failed = 0;
    std::string ended_early;  // why, if it did
};
[[nodiscard]] std::string search_text(const Search& search);

struct Report {
    const Plan& plan;
    const Outcome& outcome;
    const Validity& validity;
    std::string command;  // as it was typed
    std::string backend_why;
    std::string version;
    const Search* search = nullptr;
};

// The URL, and how many more there are.
[[nodiscard]] std::string title_of(const Plan& plan);

// What was asked for, in a sentence or two.
[[nodiscard]] std::string describe_load(const Report& report);

// The latency rows of docs/bench.md; JSON shows each of them, also an empty one.
struct Row {
    std::string name;     // "response"
    std::string meaning;  // "planned instant to last byte"
    Histogram values;
};
[[nodiscard]] std::vector<Row> latency_rows(const Plan& plan, const Tally& total);
[[nodiscard]] std::vector<Row> handshake_rows(const Tally& total);
// The same without rows that are empty or repeat another: when every answer came in one read, its
// first byte came with the last; when all answers are of one kind, its row equals `service`.
[[nodiscard]] std::vector<Row> shown_rows(const Plan& plan, const Tally& total);
[[nodiscard]] std::vector<Row> shown_handshake_rows(const Tally& total);

[[nodiscard]] std::string text_report(const Report& report);
// One line while the run goes on, at most `columns` wide: what does not fit is left out.
[[nodiscard]] std::string live_line(const Second& second, std::size_t columns);
[[nodiscard]] std::string json_report(const Report& report);
// One page that needs nothing else: plots of percentiles, of the time series, of the phases.
[[nodiscard]] std::string html_report(const Report& report);
// The time series: a header line, and one line for each second.
[[nodiscard]] std::string csv_report(const Report& report);

}  // namespace sluice::load

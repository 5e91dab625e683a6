// Reports of a comparison: a table for people, Markdown for documents, JSON for programs, one page
// with plots. Pure functions; docs/compare.md says what each number means.
#pragma once

#include <string>
#include <vector>

#include "bench/compare/against.h"
#include "bench/compare/result.h"

namespace sluice::compare {

inline constexpr int kSchemaVersion = 1;  // grows when a reader would have to change

// A cost in the unit of its kind: "9.43 us", "253 B", "16.9 ms".
[[nodiscard]] std::string cost_human(Kind kind, double cost);
[[nodiscard]] std::string latency_human(Nanos latency);  // "-" when none is known
[[nodiscard]] std::string ratio_human(double ratio);
[[nodiscard]] std::string interval_human(const load::Comparison& comparison);  // "0.98 to 1.02"
// "faster", "slower", "cannot tell"; "baseline" for a row that nothing is compared with.
[[nodiscard]] std::string verdict_of(const Row& row);

// One line: whether the machine was quiet enough, and which differences it can show.
[[nodiscard]] std::string headline(const Report& report);
// What limits the figures: one line for each kind, however often it occurred.
[[nodiscard]] std::vector<std::string> remarks(const Report& report);

// The header of a scenario's table, and the row of one valid server.
[[nodiscard]] std::vector<std::string> heading(const ScenarioResult& result);
[[nodiscard]] std::vector<std::string> cells_of(const ScenarioResult& result, const Row& row);

// The servers that have a column in tables of all scenarios, floors first.
[[nodiscard]] std::vector<std::string> columns(const Report& report);

[[nodiscard]] std::string text_report(const Report& report);
[[nodiscard]] std::string text_changes(const Changes& changes);
// One table: a row for each scenario, a column for each server.
[[nodiscard]] std::string markdown_report(const Report& report);
[[nodiscard]] std::string json_report(const Report& report);
[[nodiscard]] std::string html_report(const Report& report);

}  // namespace sluice::compare

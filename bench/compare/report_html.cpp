#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/compare/report.h"
#include "report/document.h"
#include "report/format.h"
#include "report/plot.h"

namespace sluice::compare {

namespace {

using report::Cell;
using report::Column;
using report::ColumnKind;
using report::Document;
using report::Tone;

Tone tone_of(const Row& row) {
    if (row.against.empty()) {
        return Tone::soft;
    }
    switch (row.comparison.verdict) {
        case load::Verdict::faster: return Tone::good;
        case load::Verdict::slower: return Tone::bad;
        case load::Verdict::cannot_tell: return Tone::soft;
    }
    return Tone::plain;
}

bool compared(const Row& row) {
    return row.invalid.empty() && !row.against.empty() && row.comparison.pairs > 0;
}

// The ratio of each restart (dots), their mean (mark) and its interval (box).
void write_ratios(Document& out, const ScenarioResult& result) {
    std::vector<report::Range> ranges;
    double low = 1;
    double high = 1;
    for (const Row& row : result.rows) {
        if (!compared(row)) {
            continue;
        }
        const auto [least, most] = std::minmax_element(row.ratios.begin(), row.ratios.end());
        const load::Comparison& one = row.comparison;
        ranges.push_back({row.name, one.low, one.low, one.ratio, one.high, one.high, row.ratios});
        low = std::min({low, *least, one.low});
        high = std::max({high, *most, one.high});
    }
    if (ranges.empty() || low <= 0) {
        return;
    }
    report::Axis axis;
    axis.log = true;
    axis.low = low / 1.03;
    axis.high = high * 1.03;
    axis.title = "ratio of cost: dots are restarts, the box is the 95 % interval (left is cheaper)";
    axis.marked = 1;
    double before = 0;
    for (const double tick :
         {0.02, 0.05, 0.1,  0.2, 0.3,  0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99, 1.0,  1.01,
          1.02, 1.03, 1.05, 1.1, 1.15, 1.2, 1.3, 1.5, 2.0,  3.0, 5.0,  10.0, 20.0, 50.0, 100.0}) {
        // Numbers must not overlap; the 1 is always shown.
        const double room = std::pow(axis.high / axis.low, 0.045);
        const bool crowded = before > 0 && tick / before < room;
        if (tick < axis.low || tick > axis.high || (crowded && tick != 1.0) ||
            (tick < 1.0 && 1.0 / tick < room)) {
            continue;
        }
        axis.ticks.emplace_back(tick, fmt::format("{:g}", tick));
        before = tick;
    }
    out.heading(3, "Cost, relative to " +
                       (result.baseline.empty() ? result.scenario.base_title : result.baseline));
    out.drawing(report::svg_ranges("Ratios of " + result.scenario.title, axis, ranges), "", "");
}

// From p50 to p99.9, with a mark at p99.
void write_latencies(Document& out, const ScenarioResult& result) {
    std::vector<report::Range> ranges;
    double low = 1e18;
    double high = 1;
    for (const Row& row : result.rows) {
        if (!row.invalid.empty() || row.p50 <= 0 || row.flawed == row.blocks.size()) {
            continue;
        }
        const auto p50 = static_cast<double>(row.p50);
        const auto p99 = static_cast<double>(row.p99);
        const auto p999 = static_cast<double>(row.p999);
        ranges.push_back({row.base ? row.label : row.name, p50, p50, p99, p99, p999});
        low = std::min(low, p50);
        high = std::max(high, p999);
    }
    if (ranges.empty()) {
        return;
    }
    out.heading(3, "Response time: p50 to p99 (box) and to p99.9 (line)");
    out.drawing(
        report::svg_ranges("Response times of " + result.scenario.title,
                           report::duration_axis(low, high, true, "time (logarithmic)"), ranges),
        "", "");
}

std::vector<Cell> cells_of_row(const ScenarioResult& result, const Row& row) {
    if (!row.invalid.empty()) {
        return {{row.label}, {"invalid: " + row.invalid, Tone::bad}};
    }
    std::vector<Cell> cells;
    for (const std::string& text : cells_of(result, row)) {
        cells.push_back({text});
    }
    cells[1].tone = tone_of(row);
    return cells;
}

void write_scenario(Document& out, const ScenarioResult& result) {
    const Scenario& scenario = result.scenario;
    out.heading(2, scenario.name + ": " + scenario.title, scenario.name);
    std::vector<Column> columns;
    for (const std::string& name : heading(result)) {
        columns.push_back({name, columns.size() < 2 ? ColumnKind::words : ColumnKind::number});
    }
    std::vector<std::vector<Cell>> rows;
    rows.reserve(result.rows.size());
    for (const Row& row : result.rows) {
        rows.push_back(cells_of_row(result, row));
    }
    out.figures(columns, rows);
    write_ratios(out, result);
    if (scenario.kind == Kind::load) {
        write_latencies(out, result);
    }
}

Cell overview_cell(const ScenarioResult& result, const std::string& name) {
    const auto row = std::ranges::find_if(
        result.rows, [&](const Row& one) { return !one.base && one.name == name; });
    if (row == result.rows.end()) {
        return {};
    }
    if (!row->invalid.empty()) {
        return {"invalid", Tone::bad};
    }
    return {ratio_human(row->against.empty() ? 1 : row->comparison.ratio), tone_of(*row), "",
            verdict_of(*row)};
}

// The overview: a row for each scenario, a column for each server.
void write_overview(Document& out, const Report& report) {
    const std::vector<std::string> names = columns(report);
    std::vector<Column> head = {{"", ColumnKind::words}};
    for (const std::string& name : names) {
        head.push_back({name});
    }
    std::vector<std::vector<Cell>> rows;
    for (const ScenarioResult& result : report.scenarios) {
        std::vector<Cell>& line = rows.emplace_back();
        line.push_back({result.scenario.name, Tone::plain, result.scenario.name});
        for (const std::string& name : names) {
            line.push_back(overview_cell(result, name));
        }
    }
    out.figures(head, rows);
    out.small_print(
        {"Cost relative to the baseline: faster is green, slower is red, what cannot be "
         "told is grey."});
}

void write_self_test(Document& out, const SelfTest& test) {
    if (!test.invalid.empty()) {
        out.verdict(false, "A/A: " + test.invalid, {});
        return;
    }
    const std::string what =
        test.spin > 0 ? fmt::format("{} of {} trials find {} ns of work more for each answer",
                                    test.found(), test.trials.size(), test.spin)
                      : fmt::format("{} of {} trials say cannot tell; the noise floor is {}",
                                    test.cannot_tell(), test.trials.size(),
                                    report::percent_human(test.noise_floor()));
    out.heading(2, fmt::format("A/A: {} against itself, {}", test.server, test.scenario));
    out.verdict(test.passed(), what + ".", {});
}

std::vector<std::string> how_it_was_made(const Report& report) {
    std::string versions;
    for (const Version& one : report.programs) {
        versions += "; " + one.name + " " + one.version;
    }
    return {
        report.command,
        fmt::format("{}; {}; {} CPUs; {}; sluice {}{}", report.machine.kernel, report.machine.cpu,
                    report.machine.cpus, report.date, report.version, versions),
        fmt::format(
            "{} restarts, in each {} of every server; generator: {}; priority: {}{}", report.rounds,
            latency_human(report.duration), report.generator, report.priority,
            report.noise > 0
                ? "; differences up to " + report::percent_human(report.noise) + " are not claimed"
                : "")};
}

}  // namespace

std::string html_report(const Report& report) {
    const auto out = report::make_html("en");
    out->title("sluice compare");
    if (const std::string line = headline(report); !line.empty()) {
        out->verdict(resolution_of(report).quiet(), line, {});
    }
    if (!report.scenarios.empty()) {
        write_overview(*out, report);
    }
    out->small_print(how_it_was_made(report));
    for (const std::string& one : remarks(report)) {
        out->small_print({one});
    }
    for (const ScenarioResult& result : report.scenarios) {
        write_scenario(*out, result);
    }
    for (const SelfTest& test : report.self_tests) {
        write_self_test(*out, test);
    }
    for (const std::string& one : report.left_out) {
        out->small_print({"Left out: " + one});
    }
    return out->finish();
}

}  // namespace sluice::compare

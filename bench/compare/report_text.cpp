#include <fmt/format.h>

#include <algorithm>

#include "bench/compare/report.h"
#include "bench/load/format.h"

namespace sluice::compare {

namespace {

using Cells = std::vector<std::string>;

// Columns as wide as their widest cell; all but the first and the last to the right.
std::string table(const std::vector<Cells>& rows) {
    std::vector<std::size_t> widths;
    for (const Cells& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        // The reason of an invalid row may be long, and stands alone.
        for (std::size_t i = 0; i < row.size() && (i == 0 || row.size() > 2); ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    std::string text;
    for (const Cells& row : rows) {
        std::string line = " ";
        for (std::size_t i = 0; i < row.size(); ++i) {
            const bool left = i == 0 || i + 1 == row.size();
            line += left ? fmt::format(" {:<{}} ", row[i], widths[i])
                         : fmt::format(" {:>{}} ", row[i], widths[i]);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

const char* cost_title(Kind kind) {
    switch (kind) {
        case Kind::load: return "CPU/request";
        case Kind::idle_memory: return "per connection";
        case Kind::start: return "start";
    }
    return "";
}

Cells heading(Kind kind) {
    Cells cells = {"server", cost_title(kind)};
    if (kind == Kind::load) {
        for (const char* one : {"requests/s", "p50", "p99", "p99.9", "handshake p50", "p99"}) {
            cells.emplace_back(one);
        }
    }
    for (const char* one : {"memory", "ratio", "interval", "verdict"}) {
        cells.emplace_back(one);
    }
    return cells;
}

Cells cells_of(Kind kind, const Row& row) {
    if (!row.invalid.empty()) {
        return {row.label, "INVALID: " + row.invalid};
    }
    Cells cells = {row.label, cost_human(kind, row.cost)};
    if (kind == Kind::load) {
        // Without one block whose generator could run there is nothing to say of these.
        const bool known = row.flawed < row.blocks.size();
        cells.push_back(known ? load::rate_human(row.rate) : "-");
        for (const Nanos one : {row.p50, row.p99, row.p999}) {
            cells.push_back(known ? latency_human(one) : "-");
        }
        cells.push_back(latency_human(row.connect_p50));
        cells.push_back(latency_human(row.connect_p99));
    }
    cells.push_back(load::bytes_human(row.memory));
    if (row.against.empty()) {
        cells.insert(cells.end(), {"", "", verdict_of(row)});
    } else {
        cells.push_back(ratio_human(row.comparison.ratio));
        cells.push_back(fmt::format("{} to {}", ratio_human(row.comparison.low),
                                    ratio_human(row.comparison.high)));
        cells.push_back(verdict_of(row));
    }
    return cells;
}

std::string scenario_text(const ScenarioResult& result) {
    const Scenario& scenario = result.scenario;
    std::string text = fmt::format("{}: {}", scenario.name, scenario.title);
    if (scenario.base) {
        text += fmt::format("; each server against itself ({})", scenario.base_title);
    } else if (!result.baseline.empty()) {
        text += "; baseline " + result.baseline;
    }
    std::vector<Cells> rows = {heading(scenario.kind)};
    for (const Row& row : result.rows) {
        rows.push_back(cells_of(scenario.kind, row));
    }
    text += "\n" + table(rows);
    for (const Row& row : result.rows) {
        if (row.flawed > 0) {
            text += fmt::format("  {}: {} of {} blocks say nothing of rate and latency ({})\n",
                                row.label, row.flawed, row.blocks.size(), row.flaw);
        }
    }
    return text + "\n";
}

std::string self_test_text(const SelfTest& test) {
    if (!test.invalid.empty()) {
        return fmt::format("A/A {}, {}: INVALID: {}\n", test.scenario, test.server, test.invalid);
    }
    return fmt::format(
        "A/A {}, {} against itself: {} of {} trials say cannot tell{}; noise floor {}\n",
        test.scenario, test.server, test.cannot_tell(), test.trials.size(),
        test.passed() ? "" : " (FAILED: 95 % must)", load::percent_human(test.noise_floor()));
}

double target_of(const Scenario& scenario, const std::string& server) {
    return server == "sluice io_uring" ? scenario.target.io_uring
           : server == "sluice epoll"  ? scenario.target.epoll
                                       : 0;
}

std::string target_text(Kind kind, double target) {
    return kind == Kind::load ? "≤ " + ratio_human(target) : "≤ " + cost_human(kind, target);
}

std::string markdown_cell(const ScenarioResult& result, const std::string& server) {
    const Scenario& scenario = result.scenario;
    for (const Row& row : result.rows) {
        if (row.base || row.name != server) {
            continue;
        }
        if (!row.invalid.empty()) {
            return "invalid: " + row.invalid;
        }
        const double target = target_of(scenario, server);
        const bool by_ratio = scenario.kind == Kind::load;
        const double ratio = row.against.empty() ? 1 : row.comparison.ratio;
        const double figure = by_ratio ? ratio : row.cost;
        const char* miss = target > 0 && figure > target * (by_ratio ? 1.005 : 1) ? " ✗" : "";
        const char* unsure =
            !row.against.empty() && row.comparison.verdict == load::Verdict::cannot_tell ? "≈ "
                                                                                         : "";
        return by_ratio ? fmt::format("{}{} ({}){}", unsure, ratio_human(ratio),
                                      cost_human(scenario.kind, row.cost), miss)
                        : cost_human(scenario.kind, row.cost) + miss;
    }
    return "";
}

}  // namespace

std::vector<std::string> columns(const Report& report) {
    std::vector<std::string> floors;
    std::vector<std::string> others;
    for (const ScenarioResult& result : report.scenarios) {
        for (const Row& row : result.rows) {
            std::vector<std::string>& names = row.floor ? floors : others;
            if (!row.base && std::find(names.begin(), names.end(), row.name) == names.end()) {
                names.push_back(row.name);
            }
        }
    }
    std::sort(floors.begin(), floors.end());
    floors.insert(floors.end(), others.begin(), others.end());
    return floors;
}

std::string latency_human(Nanos latency) {
    return latency > 0 ? load::duration_human(latency) : "-";
}

std::string cost_human(Kind kind, double cost) {
    return kind == Kind::idle_memory ? fmt::format("{:.0f} B", cost) : load::duration_human(cost);
}

std::string ratio_human(double ratio) {
    return fmt::format("{:.{}f}", ratio, ratio < 10 ? 2 : 1);
}

std::string verdict_of(const Row& row) {
    return row.against.empty() ? "baseline" : std::string(to_string(row.comparison.verdict));
}

std::string text_report(const Report& report) {
    std::string text;
    for (const ScenarioResult& result : report.scenarios) {
        text += scenario_text(result);
    }
    for (const SelfTest& test : report.self_tests) {
        text += self_test_text(test);
    }
    for (const std::string& one : report.left_out) {
        text += "left out: " + one + "\n";
    }
    if (report.stopped) {
        text += "stopped: what had not been measured as a whole is left out\n";
    }
    return text;
}

std::string text_changes(const Changes& changes) {
    std::vector<Cells> rows = {
        {"scenario", "server", "figure", "then", "now", "change", "interval", "verdict"}};
    for (const Change& change : changes.all) {
        const bool is_cost = change.figure == "cost";
        const auto figure = [&](double value) {
            return is_cost ? fmt::format("{:.4g}", value) : ratio_human(value);
        };
        rows.push_back({change.scenario, change.server, change.figure, figure(change.then),
                        figure(change.now), ratio_human(change.comparison.ratio),
                        fmt::format("{} to {}", ratio_human(change.comparison.low),
                                    ratio_human(change.comparison.high)),
                        std::string(to_string(change.comparison.verdict))});
    }
    std::string text =
        fmt::format("against {} ({}); differences up to {} are not claimed\n{}", changes.file,
                    changes.date, load::percent_human(changes.noise), table(rows));
    for (const std::string& one : changes.absent) {
        text += "  not in both runs: " + one + "\n";
    }
    return text + (changes.regressed() ? "REGRESSION\n" : "no regression\n");
}

std::string markdown_report(const Report& report) {
    std::string versions = "sluice " + report.version;
    for (const Version& one : report.programs) {
        versions += ", " + one.name + " " + one.version;
    }
    std::string text =
        fmt::format("{}, {} CPUs, {}, {}; {}\n\n", report.machine.cpu, report.machine.cpus,
                    report.machine.kernel, report.date, versions);
    const std::vector<std::string> names = columns(report);
    text += "| work | to reach |";
    std::string rule = "| --- | --- |";
    for (const std::string& name : names) {
        text += " " + name + " |";
        rule += " --- |";
    }
    text += "\n" + rule + "\n";
    for (const ScenarioResult& result : report.scenarios) {
        const Scenario& scenario = result.scenario;
        const Target& target = scenario.target;
        std::string goal;
        if (target.io_uring > 0) {
            goal = target_text(scenario.kind, target.io_uring);
        }
        if (target.epoll > 0 && target.epoll != target.io_uring) {
            goal += " / " + target_text(scenario.kind, target.epoll);
        }
        text += fmt::format("| {} | {} |", scenario.title, goal);
        for (const std::string& name : names) {
            text += " " + markdown_cell(result, name) + " |";
        }
        text += "\n";
    }
    return text;
}

}  // namespace sluice::compare

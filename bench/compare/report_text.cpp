#include <fmt/format.h>

#include <algorithm>

#include "bench/compare/report.h"
#include "report/format.h"

namespace sluice::compare {

namespace {

using Cells = std::vector<std::string>;

bool counts_instructions(const ScenarioResult& result) {
    return std::ranges::any_of(result.rows, [](const Row& row) { return row.instructions > 0; });
}

// Columns as wide as their widest cell. The first `words` columns are left-aligned, the others
// right-aligned.
std::string table(const std::vector<Cells>& rows, std::size_t words) {
    std::vector<std::size_t> widths;
    for (const Cells& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        // The reason of an invalid row may be long; it widens no column.
        for (std::size_t i = 0; i < row.size() && (i == 0 || row.size() > 2); ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    std::string text;
    for (const Cells& row : rows) {
        std::string line = " ";
        for (std::size_t i = 0; i < row.size(); ++i) {
            const bool left = i < words || row.size() == 2;
            line += left ? fmt::format(" {:<{}} ", row[i], widths[i])
                         : fmt::format(" {:>{}} ", row[i], widths[i]);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

std::string scenario_text(const ScenarioResult& result) {
    const Scenario& scenario = result.scenario;
    std::string text = fmt::format("{}: {}", scenario.name, scenario.title);
    if (scenario.base) {
        text += fmt::format("; each server against itself ({})", scenario.base_title);
    } else if (!result.baseline.empty()) {
        text += "; baseline " + result.baseline;
    }
    std::vector<Cells> rows = {heading(result)};
    for (const Row& row : result.rows) {
        rows.push_back(row.invalid.empty() ? cells_of(result, row)
                                           : Cells{row.label, "INVALID: " + row.invalid});
    }
    return text + "\n" + table(rows, 2) + "\n";
}

std::string self_test_text(const SelfTest& test) {
    if (!test.invalid.empty()) {
        return fmt::format("A/A {}, {}: INVALID: {}\n", test.scenario, test.server, test.invalid);
    }
    if (test.spin > 0) {
        return fmt::format(
            "{}, {} ({} for a request) against itself with {} ns of work more: {} of {} trials "
            "find "
            "it{}\n",
            test.scenario, test.server, cost_human(Kind::load, test.cost), test.spin, test.found(),
            test.trials.size(), test.passed() ? "" : " (FAILED: nine of ten must)");
    }
    return fmt::format(
        "A/A {}, {} against itself: {} of {} trials say cannot tell{}; noise floor {}\n",
        test.scenario, test.server, test.cannot_tell(), test.trials.size(),
        test.passed() ? "" : " (FAILED: more claims than chance makes)",
        report::percent_human(test.noise_floor()));
}

double target_of(const Scenario& scenario, const std::string& server) {
    return server == "sluice io_uring" ? scenario.target.io_uring
           : server == "sluice epoll"  ? scenario.target.epoll
                                       : 0;
}

std::string target_text(Kind kind, double target) {
    return kind == Kind::load ? fmt::format("≤ {:.2f}", target) : "≤ " + cost_human(kind, target);
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

Cells heading(const ScenarioResult& result) {
    const Kind kind = result.scenario.kind;
    Cells cells = {"server", "verdict", "ratio", "interval"};
    switch (kind) {
        case Kind::load: cells.emplace_back("CPU/request"); break;
        case Kind::idle_memory: cells.emplace_back("per connection"); break;
        case Kind::start: cells.emplace_back("start"); break;
    }
    if (counts_instructions(result)) {
        cells.emplace_back("instructions");
    }
    if (kind == Kind::load) {
        for (const char* one :
             {"busy", "requests/s", "p50", "p99", "p99.9", "handshake p50", "p99"}) {
            cells.emplace_back(one);
        }
    }
    cells.emplace_back("memory");
    return cells;
}

Cells cells_of(const ScenarioResult& result, const Row& row) {
    const Kind kind = result.scenario.kind;
    Cells cells = {row.label, verdict_of(row)};
    if (row.against.empty() || row.comparison.pairs == 0) {
        cells.insert(cells.end(), {"", ""});
    } else {
        cells.push_back(ratio_human(row.comparison.ratio));
        // One restart has no spread.
        cells.push_back(row.comparison.pairs > 1 ? interval_human(row.comparison) : "");
    }
    cells.push_back(cost_human(kind, row.cost));
    if (counts_instructions(result)) {
        cells.push_back(row.instructions > 0 ? report::rate_human(row.instructions) : "-");
    }
    if (kind == Kind::load) {
        // When every restart has a flaw, these are not known.
        const bool known = row.flawed < row.blocks.size();
        cells.push_back(row.busy > 0 ? fmt::format("{:.0f} %", row.busy * 100) : "-");
        cells.push_back(known ? report::rate_human(row.rate) : "-");
        for (const Nanos one : {row.p50, row.p99, row.p999}) {
            cells.push_back(known ? latency_human(one) : "-");
        }
        cells.push_back(latency_human(row.connect_p50));
        cells.push_back(latency_human(row.connect_p99));
    }
    cells.push_back(report::bytes_human(row.memory));
    return cells;
}

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
    return latency > 0 ? report::duration_human(latency) : "-";
}

std::string cost_human(Kind kind, double cost) {
    return kind == Kind::idle_memory ? fmt::format("{:.0f} B", cost) : report::duration_human(cost);
}

std::string ratio_human(double ratio) {
    return fmt::format("{:.{}f}", ratio, ratio < 2 ? 3 : ratio < 10 ? 2 : 1);
}

std::string interval_human(const load::Comparison& comparison) {
    return ratio_human(comparison.low) + " to " + ratio_human(comparison.high);
}

std::string verdict_of(const Row& row) {
    return row.against.empty() ? "baseline" : std::string(to_string(row.comparison.verdict));
}

std::string text_report(const Report& report) {
    std::string text = headline(report);
    text += text.empty() ? "" : "\n\n";
    for (const ScenarioResult& result : report.scenarios) {
        text += scenario_text(result);
    }
    for (const std::string& one : remarks(report)) {
        text += one + "\n";
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
        {"scenario", "server", "verdict", "figure", "then", "now", "change", "interval"}};
    for (const Change& change : changes.all) {
        const bool is_cost = change.figure == "cost";
        const auto figure = [&](double value) {
            return is_cost ? fmt::format("{:.4g}", value) : ratio_human(value);
        };
        rows.push_back({change.scenario, change.server,
                        std::string(to_string(change.comparison.verdict)), change.figure,
                        figure(change.then), figure(change.now),
                        ratio_human(change.comparison.ratio), interval_human(change.comparison)});
    }
    std::string text =
        fmt::format("against {} ({}); differences up to {} are not claimed\n{}", changes.file,
                    changes.date, report::percent_human(changes.noise), table(rows, 3));
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

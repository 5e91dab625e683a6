// What a report says of its own quality: the headline, and what limits single figures.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "bench/compare/report.h"
#include "report/format.h"

namespace sluice::compare {

namespace {

// Between servers that are busy to different degrees, a closed loop also compares how often they
// are woken.
constexpr double kBusyApart = 0.10;
// A server that is busier than this while others are loaded takes part of their time.
constexpr double kIdleMax = 0.01;

std::string per_mille(double share) {
    return fmt::format("{:.{}f} %", share * 100, share < 0.1 ? 1 : 0);
}

std::string joined(const std::vector<std::string>& parts, const char* between) {
    std::string text;
    for (const std::string& one : parts) {
        text += (text.empty() ? "" : between) + one;
    }
    return text;
}

const Row* row_of(const ScenarioResult& result, const std::string& label) {
    const auto found =
        std::ranges::find_if(result.rows, [&](const Row& row) { return row.label == label; });
    return found == result.rows.end() ? nullptr : &*found;
}

// Blocks whose rates and latencies do not count, by what was found: "generator", "little".
void add_flaws(const Report& report, std::vector<std::string>& lines) {
    struct Kind {
        std::size_t blocks = 0;
        std::vector<std::string> scenarios;
        std::string example;
    };
    std::map<std::string, Kind> kinds;
    std::size_t all = 0;
    for (const ScenarioResult& result : report.scenarios) {
        for (const Row& row : result.rows) {
            for (const Block& block : row.blocks) {
                ++all;
                if (block.flaw.empty()) {
                    continue;
                }
                Kind& kind = kinds[block.flaw.substr(0, block.flaw.find(':'))];
                ++kind.blocks;
                kind.example = block.flaw;
                if (kind.scenarios.empty() || kind.scenarios.back() != result.scenario.name) {
                    kind.scenarios.push_back(result.scenario.name);
                }
            }
        }
    }
    for (const auto& [name, kind] : kinds) {
        lines.push_back(fmt::format("{} of {} restarts say nothing of rate and latency, in {} ({})",
                                    kind.blocks, all, joined(kind.scenarios, ", "), kind.example));
    }
}

void add_busy(const Report& report, std::vector<std::string>& lines) {
    std::vector<std::string> apart;
    std::vector<std::string> restless;
    for (const ScenarioResult& result : report.scenarios) {
        for (const Row& row : result.rows) {
            const Row* base = row_of(result, row.against);
            if (base != nullptr && row.busy > 0 && std::abs(row.busy - base->busy) > kBusyApart) {
                apart.push_back(fmt::format("{}, {}: {:.0f} % and {:.0f} %", result.scenario.name,
                                            row.label, row.busy * 100, base->busy * 100));
            }
            if (row.idle_busy > kIdleMax) {
                restless.push_back(fmt::format("{}, {}: {}", result.scenario.name, row.label,
                                               per_mille(row.idle_busy)));
            }
        }
    }
    if (!apart.empty()) {
        lines.push_back(
            "busy to different degrees than what they are compared with, so that part of "
            "the ratio is waking up: " +
            joined(apart, "; "));
    }
    if (!restless.empty()) {
        lines.push_back("not idle while others had their turn: " + joined(restless, "; "));
    }
}

}  // namespace

std::string headline(const Report& report) {
    const Resolution resolution = resolution_of(report);
    if (resolution.comparisons == 0) {
        return report.rounds < load::kPairsMin && !report.scenarios.empty()
                   ? fmt::format("nothing is claimed of fewer than {} restarts", load::kPairsMin)
                   : "";
    }
    return fmt::format(
        "the machine was {}: differences of {} can be told (of {} intervals the "
        "median; the widest {}: {})",
        resolution.quiet() ? "quiet enough" : "NOT quiet enough to tell 2 %",
        per_mille(resolution.usual), resolution.comparisons, per_mille(resolution.worst),
        resolution.worst_cell);
}

std::vector<std::string> remarks(const Report& report) {
    std::vector<std::string> lines;
    add_flaws(report, lines);
    add_busy(report, lines);
    return lines;
}

}  // namespace sluice::compare

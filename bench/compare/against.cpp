#include "bench/compare/against.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>

#include "bench/compare/report.h"
#include "bench/load/random.h"

namespace sluice::compare {

namespace {

using Json = nlohmann::json;

std::vector<double> logs_of(const std::vector<double>& values) {
    std::vector<double> logs;
    for (const double value : values) {
        if (value > 0) {
            logs.push_back(std::log(value));
        }
    }
    return logs;
}

double resampled_median(std::span<const double> values, std::vector<double>& sample,
                        load::Random& random) {
    sample.resize(values.size());
    for (double& one : sample) {
        one = values[random.below(values.size())];
    }
    return load::median(sample);
}

std::string text_of(const Json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::vector<double> numbers_of(const Json& object, const char* name) {
    std::vector<double> numbers;
    const auto found = object.find(name);
    if (found != object.end() && found->is_array()) {
        for (const Json& one : *found) {
            numbers.push_back(one.is_number() ? one.get<double>() : 0);
        }
    }
    return numbers;
}

// The server of that label in that scenario of the earlier run, when it has valid figures.
const Json* find_row(const Json& earlier, const std::string& scenario, const std::string& label) {
    const auto scenarios = earlier.find("scenarios");
    if (scenarios == earlier.end() || !scenarios->is_array()) {
        return nullptr;
    }
    for (const Json& one : *scenarios) {
        const auto servers = one.is_object() ? one.find("servers") : one.end();
        if (!one.is_object() || text_of(one, "name") != scenario || servers == one.end() ||
            !servers->is_array()) {
            continue;
        }
        for (const Json& row : *servers) {
            if (row.is_object() && text_of(row, "server") == label &&
                text_of(row, "invalid").empty()) {
                return &row;
            }
        }
    }
    return nullptr;
}

std::vector<double> costs_of(const Row& row) {
    std::vector<double> costs;
    costs.reserve(row.blocks.size());
    for (const Block& block : row.blocks) {
        costs.push_back(block.cost);
    }
    return costs;
}

Change change_of(const std::string& scenario, const Row& row, const Json& before, double noise,
                 std::uint64_t seed) {
    Change change{.scenario = scenario, .server = row.label, .figure = "cost"};
    std::vector<double> then = numbers_of(before, "costs");
    std::vector<double> now = costs_of(row);
    if (!row.against.empty() && text_of(before, "against") == row.against) {
        change.figure = "ratio to " + row.against;
        then = numbers_of(before, "ratios");
        now = row.ratios;
    }
    change.then = load::median(then);
    change.now = load::median(now);
    change.comparison = compare_unpaired(then, now, noise, seed);
    return change;
}

}  // namespace

bool Changes::regressed() const {
    return std::any_of(all.begin(), all.end(), [](const Change& change) {
        return change.comparison.verdict == load::Verdict::slower;
    });
}

load::Comparison compare_unpaired(const std::vector<double>& then, const std::vector<double>& now,
                                  double noise, std::uint64_t seed) {
    const std::vector<double> before = logs_of(then);
    const std::vector<double> after = logs_of(now);
    load::Comparison result;
    result.pairs = std::min(before.size(), after.size());
    if (result.pairs == 0) {
        return result;
    }
    result.ratio = std::exp(load::median(after) - load::median(before));
    load::Random random(seed);
    std::vector<double> sample;
    std::vector<double> differences(load::kResamples);
    for (double& one : differences) {
        const double median_before = resampled_median(before, sample, random);
        one = resampled_median(after, sample, random) - median_before;
    }
    std::sort(differences.begin(), differences.end());
    const auto tail = static_cast<std::size_t>((1 - load::kConfidence) / 2 * load::kResamples);
    result.low = std::exp(differences[tail]);
    result.high = std::exp(differences[load::kResamples - 1 - tail]);
    if (result.pairs < load::kPairsMin) {
        return result;
    }
    if (result.low > 1 + noise) {
        result.verdict = load::Verdict::slower;
    } else if (result.high < 1 / (1 + noise)) {
        result.verdict = load::Verdict::faster;
    }
    return result;
}

Result<Changes> against(const std::string& json, const Report& now, double noise,
                        std::uint64_t seed) {
    const Json earlier = Json::parse(json, nullptr, false);
    const std::string schema = "sluice-compare/" + std::to_string(kSchemaVersion);
    if (!earlier.is_object() || text_of(earlier, "schema") != schema) {
        return fail(Status::address_invalid,
                    "not a result of sluice compare --json (" + schema + ")");
    }
    if (text_of(earlier, "generator") != now.generator) {
        return fail(Status::address_invalid, "the earlier run had another generator (" +
                                                 text_of(earlier, "generator") + ")");
    }
    Changes changes{.file = {}, .date = text_of(earlier, "date"), .noise = noise};
    for (const ScenarioResult& result : now.scenarios) {
        for (const Row& row : result.rows) {
            // The floor is what the others are measured by; its own changes are the machine's.
            if (row.floor) {
                continue;
            }
            const Json* before = find_row(earlier, result.scenario.name, row.label);
            if (before == nullptr || !row.invalid.empty()) {
                changes.absent.push_back(result.scenario.name + ", " + row.label);
                continue;
            }
            changes.all.push_back(change_of(result.scenario.name, row, *before, noise, seed));
        }
    }
    return changes;
}

}  // namespace sluice::compare

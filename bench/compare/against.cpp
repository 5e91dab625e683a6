#include "bench/compare/against.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/compare/report.h"

namespace sluice::compare {

namespace {

using Json = nlohmann::json;

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

// The server of that label in that scenario of the earlier run, if its figures are valid.
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

Change change_of(const std::string& scenario, const Row& row, const Json& before, double noise) {
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
    change.comparison = load::compare_unpaired(then, now, load::Better::lower, noise);
    return change;
}

}  // namespace

bool Changes::regressed() const {
    return std::any_of(all.begin(), all.end(), [](const Change& change) {
        return change.comparison.verdict == load::Verdict::slower;
    });
}

Result<Changes> against(const std::string& json, const Report& now, double noise) {
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
            changes.all.push_back(change_of(result.scenario.name, row, *before, noise));
        }
    }
    return changes;
}

}  // namespace sluice::compare

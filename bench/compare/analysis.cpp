#include <algorithm>
#include <cmath>

#include "bench/compare/result.h"

namespace sluice::compare {

namespace {

bool usable(const Entry& entry) {
    return entry.invalid.empty() && !entry.blocks.empty();
}

std::string label_of(const Scenario& scenario, const Entry& entry) {
    return entry.base ? entry.name + " (" + scenario.base_title + ")" : entry.name;
}

template <typename Member>
double median_of(const std::vector<Block>& blocks, Member member, bool flawed_too) {
    std::vector<double> values;
    for (const Block& block : blocks) {
        if (flawed_too || block.flaw.empty()) {
            values.push_back(static_cast<double>(block.*member));
        }
    }
    return load::median(values);
}

// The baseline of all: the one asked for, else the cheapest floor, else the first server.
const Entry* choose_baseline(const std::vector<Entry>& entries, const std::string& wanted) {
    const Entry* chosen = nullptr;
    double lowest = 0;
    for (const Entry& entry : entries) {
        if (!usable(entry) || !(wanted.empty() ? entry.reference : entry.name == wanted)) {
            continue;
        }
        const double cost = median_of(entry.blocks, &Block::cost, true);
        if (chosen == nullptr || cost < lowest) {
            chosen = &entry;
            lowest = cost;
        }
    }
    if (chosen == nullptr && wanted.empty()) {
        const auto first = std::find_if(entries.begin(), entries.end(), [](const Entry& entry) {
            return usable(entry) && !entry.floor;
        });
        chosen = first == entries.end() ? nullptr : &*first;
    }
    return chosen;
}

// The same server in the scenario's base setting.
const Entry* own_base(const std::vector<Entry>& entries, const Entry& entry) {
    const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& other) {
        return other.base && other.name == entry.name && usable(other);
    });
    return found == entries.end() ? nullptr : &*found;
}

// Costs of the rounds in which both ran.
struct Pairs {
    std::vector<double> base;
    std::vector<double> mine;
};

Pairs pair_up(const Entry& base, const Entry& mine) {
    Pairs pairs;
    for (const Block& block : mine.blocks) {
        const auto other = std::find_if(base.blocks.begin(), base.blocks.end(),
                                        [&](const Block& one) { return one.round == block.round; });
        if (other != base.blocks.end()) {
            pairs.base.push_back(other->cost);
            pairs.mine.push_back(block.cost);
        }
    }
    return pairs;
}

Row summarise(const Scenario& scenario, const Entry& entry) {
    Row row{.name = entry.name,
            .label = label_of(scenario, entry),
            .base = entry.base,
            .floor = entry.floor,
            .invalid = entry.invalid,
            .blocks = entry.blocks};
    if (entry.invalid.empty() && entry.blocks.empty()) {
        row.invalid = "not measured";
    }
    if (!row.invalid.empty()) {
        return row;
    }
    for (const Block& block : entry.blocks) {
        if (!block.flaw.empty()) {
            ++row.flawed;
            row.flaw = block.flaw;
        }
    }
    row.cost = median_of(entry.blocks, &Block::cost, true);
    row.memory = median_of(entry.blocks, &Block::memory, true);
    row.rate = median_of(entry.blocks, &Block::rate, false);
    if (entry.response.count() > 0) {
        row.p50 = entry.response.quantile(0.5);
        row.p99 = entry.response.quantile(0.99);
        row.p999 = entry.response.quantile(0.999);
    } else {
        row.p50 = static_cast<Nanos>(median_of(entry.blocks, &Block::p50, false));
        row.p99 = static_cast<Nanos>(median_of(entry.blocks, &Block::p99, false));
        row.p999 = static_cast<Nanos>(median_of(entry.blocks, &Block::p999, false));
    }
    if (entry.connect.count() > 0) {
        row.connect_p50 = entry.connect.quantile(0.5);
        row.connect_p99 = entry.connect.count() >= 100 ? entry.connect.quantile(0.99) : 0;
    }
    return row;
}

}  // namespace

ScenarioResult analyse(const Scenario& scenario, const std::vector<Entry>& entries,
                       const Analysis& analysis) {
    ScenarioResult result{.scenario = scenario, .baseline = {}, .rows = {}};
    const Entry* common = nullptr;
    if (!scenario.base) {
        common = choose_baseline(entries, analysis.baseline);
        result.baseline = common == nullptr ? "" : label_of(scenario, *common);
    }
    for (const Entry& entry : entries) {
        Row row = summarise(scenario, entry);
        const Entry* base =
            scenario.base ? (entry.base ? nullptr : own_base(entries, entry)) : common;
        if (base != nullptr && base != &entry && row.invalid.empty()) {
            const Pairs pairs = pair_up(*base, entry);
            row.against = label_of(scenario, *base);
            row.comparison = load::compare(pairs.base, pairs.mine, load::Better::lower,
                                           analysis.seed, analysis.noise);
            for (std::size_t i = 0; i < pairs.mine.size(); ++i) {
                row.ratios.push_back(pairs.base[i] > 0 ? pairs.mine[i] / pairs.base[i] : 0);
            }
        }
        result.rows.push_back(std::move(row));
    }
    return result;
}

unsigned SelfTest::cannot_tell() const {
    return static_cast<unsigned>(std::count_if(
        trials.begin(), trials.end(),
        [](const load::Comparison& trial) { return trial.verdict == load::Verdict::cannot_tell; }));
}

double SelfTest::noise_floor() const {
    std::vector<double> differences;
    differences.reserve(trials.size());
    for (const load::Comparison& trial : trials) {
        differences.push_back(std::exp(std::abs(std::log(trial.ratio))) - 1);
    }
    if (differences.empty()) {
        return 0;
    }
    std::sort(differences.begin(), differences.end());
    const auto at =
        static_cast<std::size_t>(std::ceil(0.95 * static_cast<double>(differences.size())));
    return differences[at - 1];
}

bool SelfTest::passed() const {
    return invalid.empty() && !trials.empty() &&
           cannot_tell() >= kSelfTestShareMin * static_cast<double>(trials.size());
}

bool valid(const Report& report) {
    for (const ScenarioResult& result : report.scenarios) {
        if (std::any_of(result.rows.begin(), result.rows.end(),
                        [](const Row& row) { return !row.invalid.empty(); })) {
            return false;
        }
    }
    return std::all_of(report.self_tests.begin(), report.self_tests.end(),
                       [](const SelfTest& test) { return test.passed(); });
}

}  // namespace sluice::compare

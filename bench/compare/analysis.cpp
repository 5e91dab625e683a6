#include <algorithm>
#include <cmath>

#include "bench/compare/result.h"
#include "bench/load/quantiles.h"

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

// The common baseline: the first of the name asked for, else the cheapest floor, else the first
// server.
const Entry* choose_baseline(const std::vector<Entry>& entries, const std::string& wanted) {
    const Entry* chosen = nullptr;
    double lowest = 0;
    for (const Entry& entry : entries) {
        if (!usable(entry) || !(wanted.empty() ? entry.reference : entry.name == wanted)) {
            continue;
        }
        const double cost = median_of(entry.blocks, &Block::cost, true);
        if (chosen == nullptr || (wanted.empty() && cost < lowest)) {
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

// The same server with the scenario's base parameters.
const Entry* own_base(const std::vector<Entry>& entries, const Entry& entry) {
    const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& other) {
        return other.base && other.name == entry.name && usable(other);
    });
    return found == entries.end() ? nullptr : &*found;
}

// One ratio for each restart: of adjacent slices, or of the blocks of a round in which both ran.
std::vector<double> ratios_of(const Entry& base, const Entry& mine) {
    std::vector<double> ratios;
    const bool sliced =
        std::ranges::any_of(mine.blocks, [](const Block& one) { return one.pairs > 0; });
    for (const Block& block : mine.blocks) {
        const auto other = std::find_if(base.blocks.begin(), base.blocks.end(),
                                        [&](const Block& one) { return one.round == block.round; });
        if (sliced ? block.pairs > 0 : other != base.blocks.end()) {
            ratios.push_back(sliced ? block.ratio : other->cost > 0 ? block.cost / other->cost : 0);
        }
    }
    return ratios;
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
    row.busy = median_of(entry.blocks, &Block::busy, true);
    row.idle_busy = median_of(entry.blocks, &Block::idle_busy, true);
    row.instructions = entry.instructions;
    row.rate = median_of(entry.blocks, &Block::rate, false);
    if (entry.response.count() > 0) {
        row.p50 = load::known_quantile(entry.response, 0.5).value_or(0);
        row.p99 = load::known_quantile(entry.response, 0.99).value_or(0);
        row.p999 = load::known_quantile(entry.response, 0.999).value_or(0);
    } else {
        row.p50 = static_cast<Nanos>(median_of(entry.blocks, &Block::p50, false));
        row.p99 = static_cast<Nanos>(median_of(entry.blocks, &Block::p99, false));
        row.p999 = static_cast<Nanos>(median_of(entry.blocks, &Block::p999, false));
    }
    row.connect_p50 = load::known_quantile(entry.connect, 0.5).value_or(0);
    row.connect_p99 = load::known_quantile(entry.connect, 0.99).value_or(0);
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
            row.against = label_of(scenario, *base);
            row.ratios = ratios_of(*base, entry);
            row.comparison = load::judge_ratios(row.ratios, load::Better::lower, analysis.noise);
        }
        result.rows.push_back(std::move(row));
    }
    return result;
}

namespace {

unsigned count_of(const SelfTest& test, load::Verdict verdict) {
    return static_cast<unsigned>(std::ranges::count_if(
        test.trials, [&](const load::Comparison& trial) { return trial.verdict == verdict; }));
}

}  // namespace

unsigned SelfTest::cannot_tell() const {
    return count_of(*this, load::Verdict::cannot_tell);
}

unsigned SelfTest::found() const {
    return count_of(*this, load::Verdict::slower);
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
    if (!invalid.empty() || trials.empty()) {
        return false;
    }
    const auto count = static_cast<double>(trials.size());
    if (spin > 0) {
        return found() >= kFoundShareMin * count;
    }
    // One in twenty is expected; chance may add two standard deviations.
    const double wrong = 1 - load::kConfidence;
    return count - cannot_tell() <= wrong * count + 2 * std::sqrt(wrong * (1 - wrong) * count);
}

Resolution resolution_of(const Report& report) {
    Resolution resolution;
    std::vector<double> halves;
    for (const ScenarioResult& result : report.scenarios) {
        for (const Row& row : result.rows) {
            const load::Comparison& one = row.comparison;
            if (result.scenario.kind != Kind::load || one.pairs < load::kPairsMin || one.low <= 0) {
                continue;
            }
            halves.push_back(std::sqrt(one.high / one.low) - 1);
            if (halves.back() >= resolution.worst) {
                resolution.worst = halves.back();
                resolution.worst_cell = result.scenario.name + ", " + row.label;
            }
        }
    }
    resolution.comparisons = halves.size();
    resolution.usual = load::median(halves);
    return resolution;
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

#include "app/find_rate.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "bench/load/rate_search.h"
#include "core/units.h"
#include "report/format.h"

namespace sluice {

namespace {

using load::Search;

constexpr double kPrecision = 0.05;

// Whether the generator itself is at fault: such a trial says nothing about the server. Its own
// pauses count only when they affect the statistic in question.
bool is_own_fault(const load::Validity& validity, const Objective& objective,
                  const load::Tally& total) {
    return load::pauses_explain(objective.measured(total.response),
                                objective.measured(total.response_unpaused)) ||
           std::ranges::any_of(validity.findings, [](const load::Finding& finding) {
               return finding.level == load::Level::invalid &&
                      (finding.name == "lateness" || finding.name == "generator" ||
                       finding.name == "little" || finding.name == "clock");
           });
}

Search::Trial judge_trial(const load::Validity& validity, const Objective& objective,
                          const load::Tally& total) {
    const Nanos measured = objective.measured(total.response);
    Search::Trial trial;
    trial.why = fmt::format("{} is {}", objective.name, report::duration_human(measured));
    trial.held = total.answers() > 0 && measured <= objective.bound;
    for (const load::Finding& finding : validity.findings) {
        if (finding.level == load::Level::invalid && finding.name != "pauses") {
            trial.held = false;
            trial.why += "; " + finding.name + ": " + finding.text;
        }
    }
    return trial;
}

}  // namespace

Result<Objective> Objective::parse(std::string_view text) {
    const auto wrong = [&] {
        return fail(Status::address_invalid,
                    "'" + std::string(text) + "' is no objective; expected something like p99=2ms");
    };
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) {
        return wrong();
    }
    Objective objective;
    objective.name = text.substr(0, equals);
    const std::string& name = objective.name;
    if (name == "max" || name == "mean") {
        objective.share = name == "max" ? 1 : -1;
    } else {
        double percent = 0;
        const auto [end, error] =
            std::from_chars(name.data() + 1, name.data() + name.size(), percent);
        if (!name.starts_with('p') || error != std::errc{} || end != name.data() + name.size() ||
            percent <= 0 || percent >= 100) {
            return wrong();
        }
        objective.share = percent / 100;
    }
    auto bound = parse_duration(text.substr(equals + 1));
    if (!bound) {
        return wrong();
    }
    objective.bound = *bound;
    return objective;
}

Nanos Objective::measured(const Histogram& response) const {
    return share < 0 ? static_cast<Nanos>(response.mean()) : response.quantile(share);
}

Result<FoundRate> find_rate(load::Plan plan, double start, const Objective& objective,
                            const OnTrial& on) {
    load::RateSearch search(start, kPrecision);
    FoundRate found{.search = {.objective = objective.name, .bound = objective.bound}};
    while (const auto rate = search.next()) {
        plan.rate = {{*rate, *rate, plan.warmup + plan.duration}};
        on.begin(*rate);
        auto outcome = load::run(plan, on.second);
        if (!outcome) {
            return std::unexpected(outcome.error());
        }
        load::Validity validity = load::judge(plan, *outcome);
        const bool own_fault = is_own_fault(validity, objective, outcome->total);
        Search::Trial trial = judge_trial(validity, objective, outcome->total);
        trial.rate = *rate;
        found.search.ended_early = outcome->stopped            ? "stopped by a signal"
                                   : !outcome->gave_up.empty() ? outcome->gave_up
                                   : own_fault ? "the generator was at its own limit"
                                               : "";
        const bool best = trial.held || search.held() == 0;
        on.end(best, fmt::format("{:>12}/s  {:<6}  {}", report::rate_human(*rate),
                                 trial.held ? "holds" : "fails", trial.why));
        const bool held = trial.held;
        found.search.trials.push_back(std::move(trial));
        if (best) {
            found.plan = plan;
            found.outcome = std::move(*outcome);
            found.validity = std::move(validity);
        }
        if (!found.search.ended_early.empty()) {
            break;
        }
        search.tell(held);
    }
    found.search.held = search.held();
    found.search.failed = search.failed();
    return found;
}

}  // namespace sluice

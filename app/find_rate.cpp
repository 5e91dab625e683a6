#include "app/find_rate.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>

#include "app/bench.h"
#include "app/exit.h"
#include "app/units.h"
#include "bench/load/format.h"
#include "bench/load/rate_search.h"
#include "bench/load/run.h"
#include "bench/load/validity.h"

namespace sluice {

namespace {

constexpr double kPrecision = 0.05;

std::string human(Nanos duration) {
    return load::duration_human(static_cast<double>(duration));
}

// The generator's own faults: such a trial tells nothing of the server.
const load::Finding* own_fault(const load::Validity& validity) {
    for (const load::Finding& finding : validity.findings) {
        const bool own = finding.name == "lateness" || finding.name == "generator" ||
                         finding.name == "little" || finding.name == "clock";
        if (own && finding.level == load::Level::invalid) {
            return &finding;
        }
    }
    return nullptr;
}

struct Trial {
    bool held = false;
    std::string why;  // what failed first
};

Trial judge_trial(const load::Validity& validity, const Objective& objective,
                  const load::Tally& total) {
    const Nanos measured = objective.measured(total);
    Trial trial;
    trial.why = fmt::format("{} is {}", objective.name, human(measured));
    trial.held = total.answers() > 0 && measured <= objective.bound;
    for (const load::Finding& finding : validity.findings) {
        if (finding.level == load::Level::invalid) {
            trial.held = false;
            trial.why += "; " + finding.name + ": " + finding.text;
        }
    }
    return trial;
}

void print_outcome(const load::RateSearch& search, const Objective& objective) {
    if (search.held() == 0) {
        fmt::print("\nNo rate was found that keeps {} within {}.\n", objective.name,
                   human(objective.bound));
        return;
    }
    fmt::print("\n{} requests per second keep {} within {}", load::rate_human(search.held()),
               objective.name, human(objective.bound));
    if (search.failed() > 0) {
        fmt::print("; {} do not", load::rate_human(search.failed()));
    }
    fmt::print(".\n");
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

Nanos Objective::measured(const load::Tally& total) const {
    return share < 0 ? static_cast<Nanos>(total.response.mean()) : total.response.quantile(share);
}

int find_rate(load::Plan plan, double start, const Objective& objective) {
    load::RateSearch search(start, kPrecision);
    while (const auto rate = search.next()) {
        plan.rate = {{*rate, *rate, plan.warmup + plan.duration}};
        const auto outcome = load::run(plan);
        if (!outcome) {
            fmt::print(stderr, "sluice bench: {}\n", outcome.error().what);
            return kExitFailure;
        }
        const load::Validity validity = load::judge(plan, *outcome);
        const Trial trial = judge_trial(validity, objective, outcome->total);
        fmt::print("{:>12}/s  {:<6}  {}\n", load::rate_human(*rate), trial.held ? "holds" : "fails",
                   trial.why);
        std::fflush(stdout);
        const load::Finding* fault = own_fault(validity);
        if (fault != nullptr || outcome->stopped || !outcome->gave_up.empty()) {
            print_outcome(search, objective);
            fmt::print("The search ended early: {}\n", outcome->stopped ? "stopped by a signal"
                                                       : !outcome->gave_up.empty()
                                                           ? outcome->gave_up
                                                           : "the generator was at its own limit");
            return kExitInvalid;
        }
        search.tell(trial.held);
    }
    print_outcome(search, objective);
    return search.held() > 0 ? kExitOk : kExitInvalid;
}

}  // namespace sluice

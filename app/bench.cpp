#include "app/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "app/bench_reports.h"
#include "app/exit.h"
#include "app/find_rate.h"
#include "app/live.h"
#include "app/stop_request.h"
#include "app/verify_root.h"
#include "app/wire_tap.h"
#include "backends/registry.h"
#include "bench/load/replay.h"
#include "bench/load/request.h"
#include "bench/load/run.h"
#include "report/format.h"

namespace sluice {

namespace {

using load::Plan;

constexpr double kFirstRate = 1000;  // of --find-rate

// "23.9 hours"
std::string span(Nanos time) {
    const double minutes = in_seconds(time) / 60;
    return minutes < 120           ? fmt::format("{:.1f} minutes", minutes)
           : minutes < 2 * 24 * 60 ? fmt::format("{:.1f} hours", minutes / 60)
                                   : fmt::format("{:.1f} days", minutes / 60 / 24);
}

// Says how long a run pauses for a gap in its log, which otherwise seems to hang.
void tell_gap(const Plan& plan) {
    constexpr Nanos kWorthSaying = 60 * kSecond;
    Nanos longest = 0;
    Nanos from = 0;
    for (std::size_t i = 1; i < plan.replay.size(); ++i) {
        const Nanos gap = plan.replay[i].at - plan.replay[i - 1].at;
        if (gap > longest) {
            longest = gap;
            from = plan.replay[i - 1].at;
        }
    }
    if (longest >= kWorthSaying) {
        say(fmt::format(
                "the log has no request for {}, {} after its first, and the run of {} waits as "
                "long (-d ends it earlier)",
                span(longest), span(from), span(plan.duration)),
            kBench);
    }
}

// Replaces the URL's path by the log's requests; the server stays that of the URL.
Result<void> add_replay(const BenchOptions& options, const load::Url& server, Plan& plan) {
    std::ifstream file(options.replay_path, std::ios::binary);
    std::ostringstream text;
    if (!file || !(text << file.rdbuf())) {
        return fail(Status::not_found, options.replay_path + ": cannot be read, or is empty");
    }
    const auto read = load::read_replay_log(text.view());
    if (!read) {
        return fail(read.error().status, options.replay_path + ": " + read.error().what);
    }
    const load::ReplayLog& log = *read;
    if (log.entries.empty()) {
        return fail(Status::address_invalid, options.replay_path +
                                                 ": no GET or HEAD request in it; expected the "
                                                 "common, the combined, or sluice's JSON format");
    }
    if (log.left_out > 0) {
        say(fmt::format(
                "{} of the log's lines are left out: no GET or HEAD, a broken request, or a "
                "time that is none",
                log.left_out),
            kBench);
    }
    plan.requests.clear();
    for (const load::ReplayLog::Target& target : log.targets) {
        load::Url url = server;
        url.target = target.path;
        auto request = load::make_request(url, target.method, options.headers);
        if (!request) {
            return std::unexpected(request.error());
        }
        request->url = target.path;
        plan.requests.push_back(std::move(*request));
    }
    plan.warmup = 0;
    if (options.duration < 0) {
        plan.duration = (log.entries.back().at / kSecond + 1) * kSecond;  // with its last second
    }
    for (const load::ReplayLog::Entry& entry : log.entries) {
        if (entry.at < plan.duration) {
            plan.replay.push_back({entry.at, entry.target});
        }
    }
    tell_gap(plan);
    return {};
}

Result<Plan> make_plan(const BenchOptions& options) {
    Plan plan;
    std::vector<load::Url> urls;
    for (std::size_t i = 0; i < options.urls.size(); ++i) {
        auto url = load::Url::parse(options.urls[i]);
        if (!url) {
            return std::unexpected(url.error());
        }
        auto request = load::make_request(*url, options.method, options.headers);
        if (!request) {
            return std::unexpected(request.error());
        }
        request->url = options.urls[i];
        request->weight = options.weights.empty() ? 1 : options.weights[i];
        plan.requests.push_back(std::move(*request));
        urls.push_back(std::move(*url));
    }
    plan.threads = options.threads;
    plan.connections = options.connections;
    plan.pipeline = options.pipeline;
    plan.churn = options.churn;
    plan.duration = options.duration < 0 ? kDuration : options.duration;
    plan.requests_max = options.requests;
    if (options.requests > 0) {
        plan.duration = 24 * 3600 * kSecond;  // the number of requests ends it
    }
    plan.warmup = options.warmup >= 0    ? options.warmup
                  : options.requests > 0 ? 0
                                         : std::min(kSecond, plan.duration / 10);
    if (options.rate > 0) {
        const double to = options.ramp_to > 0 ? options.ramp_to : options.rate;
        if (plan.warmup > 0) {
            plan.rate.push_back({options.rate, options.rate, plan.warmup});
        }
        plan.rate.push_back({options.rate, to, plan.duration});
    }
    if (!options.replay_path.empty()) {
        if (auto added = add_replay(options, urls[0], plan); !added) {
            return std::unexpected(added.error());
        }
    }
    plan.arrivals = options.arrivals;
    plan.seed = options.seed;
    plan.timeout = options.timeout;
    plan.connect_timeout = options.connect_timeout;
    plan.pin = options.pin;
    plan.verify = options.verify;
    auto servers = load::resolve(urls[0]);
    if (!servers) {
        return std::unexpected(servers.error());
    }
    plan.servers = std::move(*servers);
    return plan;
}

// Finds contradictions between options; the parser checks single options only.
Result<void> check(const BenchOptions& options) {
    const auto first = load::Url::parse(options.urls[0]);
    for (const std::string& text : options.urls) {
        const auto url = load::Url::parse(text);
        if (!first || !url || !url->same_server(*first)) {
            return fail(Status::address_invalid, "all URLs of a run must be of one server; '" +
                                                     text + "' is not of that of '" +
                                                     options.urls[0] + "'");
        }
    }
    if (!options.weights.empty() && options.weights.size() != options.urls.size()) {
        return fail(Status::address_invalid, "--weights needs one number for each URL");
    }
    if (options.connections < options.threads) {
        return fail(Status::address_invalid,
                    fmt::format("{} connections cannot be shared by {} threads",
                                options.connections, options.threads));
    }
    if (options.rate > 0 && options.requests > 0) {
        return fail(Status::address_invalid,
                    "-n and --rate exclude each other; give a duration (-d)");
    }
    if (options.find_rate && (options.requests > 0 || options.ramp_to > 0)) {
        return fail(Status::address_invalid, "--find-rate takes neither -n nor --ramp");
    }
    if (!options.replay_path.empty() && (options.rate > 0 || options.requests > 0 ||
                                         options.find_rate || options.urls.size() > 1)) {
        return fail(Status::address_invalid,
                    "--replay takes one URL and neither --rate, -n nor --find-rate");
    }
    if (options.all_addresses && options.verify_wire) {
        return fail(Status::address_invalid,
                    "--verify-wire captures one address: without --all-addresses");
    }
    if (options.ramp_to > 0 && options.rate <= 0) {
        return fail(Status::address_invalid, "--ramp needs --rate, the rate to begin with");
    }
    return {};
}

// What a run needs besides its plan, and what lives as long as the run.
struct Tools {
    ChosenBackend backend;
    std::unique_ptr<load::WireTap> tap;
};

// Everything before the first measured request.
Result<load::Look> look_around(const BenchOptions& options, Live& live, Plan& plan, Tools& tools) {
    live.show("looking at " + options.urls[0]);
    auto look = load::look(plan, options.all_addresses, [&](const std::string& line) {
        live.clear();
        say(line, kBench);
    });
    if (!look) {
        return look;
    }
    if (!options.verify_root.empty()) {
        if (auto found = expect_files(options.verify_root, plan); !found) {
            return std::unexpected(found.error());
        }
    }
    if (options.verify_wire) {
        plan.sample_mask = load::sample_mask(plan.connections, plan.churn > 0);
        auto opened =
            open_wire_tap(plan.servers[0], load::is_own_address(plan.servers[0]), plan.sample_mask);
        if (!opened) {
            return std::unexpected(opened.error());
        }
        tools.tap = std::move(*opened);
        plan.tap = tools.tap.get();
    }
    live.show(fmt::format("   0.0 s  opening {} connections", plan.connections));
    return look;
}

int measure(const BenchOptions& options, const Plan& plan, const load::Look& look,
            const std::string& backend_why, Live& live) {
    IntervalLog log(!options.hdr_prefix.empty());
    auto outcome = load::run(plan, [&](const load::Second& second, const load::Tally& tally) {
        live.show(second);
        log.add(second, tally);
    });
    live.clear();
    if (!outcome) {
        return failed(kBench, outcome.error());
    }
    outcome->look = look;
    const load::Validity validity = load::judge(plan, *outcome);
    const bool written = write_reports(
        options, log, {plan, *outcome, validity, options.command, backend_why, SLUICE_VERSION});
    return !written ? kExitFailure : validity.valid() ? kExitOk : kExitInvalid;
}

int search(const BenchOptions& options, const Objective& objective, const Plan& plan,
           const load::Look& look, const std::string& backend_why, Live& live) {
    const bool for_people = !writes_to_stdout(options);
    bool written = true;
    const auto tell = [&](const std::string& text) {
        if (for_people) {
            written = print(text) && written;
        } else if (!options.quiet) {
            say_raw(text);
        }
    };
    IntervalLog log(!options.hdr_prefix.empty());
    IntervalLog trial_log = log;
    OnTrial on;
    on.begin = [&](double rate) {
        trial_log = IntervalLog(!options.hdr_prefix.empty());
        live.show("   0.0 s  " + report::rate_human(rate) + " requests per second");
    };
    on.second = [&](const load::Second& second, const load::Tally& tally) {
        live.show(second);
        trial_log.add(second, tally);
    };
    on.end = [&](bool best, const std::string& line) {
        live.clear();
        log = best ? trial_log : log;
        tell(line + "\n");
    };
    auto found = find_rate(plan, options.rate > 0 ? options.rate : kFirstRate, objective, on);
    live.clear();
    if (!found) {
        return failed(kBench, found.error());
    }
    tell("\n" + search_text(found->search));
    found->outcome.look = look;
    found->validity = load::judge(found->plan, found->outcome);
    written = write_reports(options, log,
                            {found->plan, found->outcome, found->validity, options.command,
                             backend_why, SLUICE_VERSION, &found->search}) &&
              written;
    const bool known = found->search.held > 0 && found->search.ended_early.empty();
    return !written ? kExitFailure : known ? kExitOk : kExitInvalid;
}

}  // namespace

int bench(const BenchOptions& options) {
    if (auto fine = check(options); !fine) {
        return failed(kBench, fine.error(), kExitUsage);
    }
    const auto objective = Objective::parse(options.objective);
    if (!objective) {
        return failed(kBench, objective.error(), kExitUsage);
    }
    if (auto can = check_reports(options); !can) {
        return failed(kBench, can.error(),
                      can.error().status == Status::address_invalid ? kExitUsage : kExitFailure);
    }
    auto plan = make_plan(options);
    if (!plan) {
        return failed(kBench, plan.error());
    }
    auto backend = choose_backend(options.backend);
    if (!backend) {
        return failed(kBench, backend.error());
    }
    plan->backends = backend->factory.get();
    plan->stop = &stop_on_signals();
    Tools tools{std::move(*backend), nullptr};
    Live live(options.quiet);
    const auto look = look_around(options, live, *plan, tools);
    if (!look) {
        live.clear();
        return failed(kBench, look.error());
    }
    return options.find_rate ? search(options, *objective, *plan, *look, tools.backend.why, live)
                             : measure(options, *plan, *look, tools.backend.why, live);
}

}  // namespace sluice

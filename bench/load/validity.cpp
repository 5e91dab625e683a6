#include "bench/load/validity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/format.h"

namespace sluice::load {

namespace {

using report::count_human;
using report::duration_human;
using report::percent_human;
using report::rate_human;

double share(Nanos part, Nanos whole) {
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

Finding judge_end(const Plan& plan, const Outcome& outcome) {
    const std::string after = duration_human(static_cast<double>(outcome.window + plan.warmup));
    if (!outcome.gave_up.empty()) {
        return {Level::invalid, "end",
                fmt::format("the run ended by itself after {}: {}; what follows is a part", after,
                            outcome.gave_up)};
    }
    if (outcome.total.answers() == 0) {
        return {Level::invalid, "end", "no answer was measured"};
    }
    if (outcome.only_warmup) {
        return {Level::invalid, "end",
                fmt::format("ended early, in the warm-up, after {}, by a signal: what follows is "
                            "the warm-up, and not what was to be measured",
                            duration_human(outcome.window))};
    }
    if (outcome.total.answers() == outcome.total.answers_after_end) {
        return {Level::invalid, "end",
                fmt::format("no answer came within the measured time of {}",
                            duration_human(outcome.window))};
    }
    if (outcome.stopped) {
        return {Level::note, "end", fmt::format("ended early, after {}, by a signal", after)};
    }
    return {Level::ok, "end", fmt::format("ran for {} as planned", after)};
}

Finding judge_rate(const Outcome& outcome) {
    const auto in_time =
        static_cast<double>(outcome.total.answers() - outcome.total.answers_after_end);
    const auto offered = static_cast<double>(outcome.offered);
    const double achieved = offered > 0 ? in_time / offered : 0;
    const double window = in_seconds(outcome.window);
    Finding finding{
        Level::ok, "rate",
        fmt::format("offered {} per second, achieved {} ({})", rate_human(offered / window),
                    rate_human(in_time / window), percent_human(achieved))};
    // Requests in flight at the end are not missing.
    const double under_way = share(outcome.total.in_flight_ns, outcome.window);
    if (in_time < kRateShareMin * offered - under_way - 1) {
        finding.level = Level::invalid;
        finding.text +=
            ": the rate was not kept, so latency grew with the length of the run; offer less, or "
            "give more connections (-c)";
    }
    return finding;
}

Finding judge_lateness(const Plan& plan, const Outcome& outcome) {
    const Tally& total = outcome.total;
    const Histogram& own = plan.open_loop() ? total.own_lateness : total.lateness;
    const Nanos late = own.quantile(0.99);
    Finding finding{Level::ok, "lateness",
                    fmt::format("sends were late by our own fault by p50 {}, p99 {}, max {}",
                                duration_human(static_cast<double>(own.quantile(0.5))),
                                duration_human(static_cast<double>(late)),
                                duration_human(static_cast<double>(own.max())))};
    if (late > kLatenessMin &&
        static_cast<double>(late) >
            kLatenessShareMax * static_cast<double>(total.response.quantile(0.99))) {
        finding.level = Level::invalid;
        finding.text +=
            ": that is most of the response time's p99, which tells of this machine "
            "and not of the server";
    }
    return finding;
}

Finding judge_pauses(const Tally& total) {
    Finding finding{Level::ok, "pauses", "the generator never stood still"};
    if (total.paused.count() > 0) {
        finding.text = fmt::format(
            "the generator stood still {} times, for {} in all, p50 {}, max {}; {} "
            "requests were due or under way meanwhile",
            count_human(total.paused.count()), duration_human(total.time_paused()),
            duration_human(total.paused.quantile(0.5)), duration_human(total.paused.max()),
            count_human(total.requests_paused));
    }
    const auto explained = [&](const char* row, const Histogram& values, const Histogram& rest) {
        std::string names;
        for (const Quantile& quantile : kQuantiles) {
            const auto value = known_quantile(values, quantile.share);
            if (value && pauses_explain(*value, rest.quantile(quantile.share))) {
                names += fmt::format("{} {}", names.empty() ? "" : ",", quantile.name);
            }
        }
        return names.empty() ? names : fmt::format(" {}{}", row, names);
    };
    const std::string response = explained("response", total.response, total.response_unpaused);
    const std::string service = explained("service", total.service_all(), total.service_unpaused);
    if (!response.empty() || !service.empty()) {
        finding.level = Level::invalid;
        finding.text += fmt::format(
            ": most of{}{}{} may be that and not the server; give it a CPU that nothing else uses",
            response, response.empty() || service.empty() ? "" : " and", service);
    }
    return finding;
}

Finding judge_little(const Outcome& outcome) {
    const double residual = little_residual(outcome);
    const double counted = share(outcome.total.in_flight_ns, outcome.window);
    Finding finding{Level::ok, "little",
                    fmt::format("{:.4g} requests under way by count; by their times it is {} apart",
                                counted, percent_human(std::abs(residual)))};
    if (std::abs(residual) > kLittleResidualMax) {
        finding.level = Level::invalid;
        finding.text += ": the counts and the latencies contradict each other (Little's law)";
    }
    return finding;
}

Finding judge_generator(const Plan& plan, const Outcome& outcome) {
    Finding finding{Level::ok, "generator", ""};
    double busiest = 0;
    double starved = 0;
    for (const ThreadReport& thread : outcome.threads) {
        const double busy = share(thread.cpu, thread.wall);
        const double waited = share(thread.waited, thread.wall);
        busiest = std::max(busiest, busy);
        starved = std::max(starved, waited);
        finding.text +=
            fmt::format("{}{} busy, {} waiting for a CPU", finding.text.empty() ? "" : "; ",
                        percent_human(busy), percent_human(waited));
    }
    if (outcome.threads.size() > 1) {
        finding.text = "threads: " + finding.text;
    }
    const double stolen = outcome.stolen_share.value_or(0);
    if (stolen > 0) {
        finding.text += fmt::format("; the hypervisor took {}", percent_human(stolen));
    }
    if (starved > kWaitedShareMax || stolen > kWaitedShareMax) {
        finding.level = Level::invalid;
        finding.text +=
            ": the generator was kept from running, so latencies are its own as well; give it a "
            "CPU that nothing else uses (taskset; sluice serve --workers)";
    } else if (busiest > kBusyShare) {
        finding.level = Level::note;
        finding.text += plan.open_loop() ? ": close to its limit; add threads (-t)"
                                         : ": the rate is what the generator can do, perhaps not "
                                           "the server's limit; add threads (-t)";
    }
    return finding;
}

Finding judge_server(const Outcome& outcome) {
    const ServerProcesses& server = outcome.server;
    if (server.pids.empty()) {
        return {Level::ok, "server", "CPU not known: " + server.why};
    }
    if (!outcome.server_cpu || outcome.server_cpu_over <= 0) {
        return {Level::ok, "server", "CPU not known: the run was too short, or the process went"};
    }
    const double busy = share(*outcome.server_cpu, outcome.server_cpu_over);
    const double rate = static_cast<double>(outcome.total.answers()) / in_seconds(outcome.window);
    return {Level::ok, "server",
            fmt::format("{} ({}{}): {} of a CPU, {} per request", server.name,
                        server.pids.size() == 1 ? "process " : "processes ",
                        fmt::join(server.pids, ", "), percent_human(busy),
                        duration_human(rate > 0 ? busy / rate * 1e9 : 0))};
}

Finding judge_network(const Outcome& outcome) {
    if (!outcome.network) {
        return {Level::ok, "network", "this system does not tell its counters"};
    }
    const NetCounters& counters = *outcome.network;
    Finding finding{
        Level::ok, "network",
        fmt::format("listen queue overflowed {} times, dropped {}; segments sent again: "
                    "{}, of them SYN {}",
                    counters.listen_overflows, counters.listen_drops, counters.retransmits,
                    counters.syn_retransmits)};
    if (counters.listen_overflows + counters.listen_drops > 0) {
        finding.level = Level::note;
        finding.text += ": the server did not accept fast enough; such handshakes take a second";
    } else if (counters.retransmits > 0) {
        finding.level = Level::note;
        finding.text += " (of the whole machine, ours or not)";
    }
    return finding;
}

Finding judge_ports(const Plan& plan, const Outcome& outcome) {
    if (plan.servers[0].family == Family::unix_path) {
        return {Level::ok, "ports", "none needed (Unix socket)"};
    }
    if (!outcome.ports) {
        return {Level::ok, "ports", "this system does not tell its range"};
    }
    const Ports& range = *outcome.ports;
    const std::uint64_t all = range.high - range.low + 1;
    const std::uint64_t used = std::min(all, range.time_wait + plan.connections);
    Finding finding{Level::ok, "ports",
                    fmt::format("{} of {} local ports free at the start, {} used one after the "
                                "other",
                                count_human(all - used), count_human(all),
                                count_human(outcome.total.connections()))};
    const auto no_ports =
        outcome.total.failures[static_cast<std::size_t>(Failure::connect_no_ports)];
    if (no_ports > 0) {
        finding.level = Level::invalid;
        finding.text += fmt::format("; {} times there was none left", count_human(no_ports));
    } else if (all - used < all / 10) {
        finding.level = Level::note;
        finding.text += ": most are in TIME_WAIT of runs before";
    }
    return finding;
}

Finding judge_failures(const Outcome& outcome) {
    const Tally& total = outcome.total;
    Finding finding{Level::ok, "failures", ""};
    for (std::size_t i = 0; i < kFailures; ++i) {
        if (total.failures[i] > 0) {
            finding.text +=
                fmt::format("{}{} x {}", finding.text.empty() ? "" : "; ",
                            count_human(total.failures[i]), to_string(static_cast<Failure>(i)));
        }
    }
    if (finding.text.empty()) {
        finding.text = "none";
        return finding;
    }
    finding.level = Level::note;
    const auto too_many = [](std::uint64_t failed, std::uint64_t good) {
        return static_cast<double>(failed) > kFailedShareMax * static_cast<double>(failed + good);
    };
    const std::uint64_t wrong = total.failed(Failure::body_differs);
    if (total.failed(Failure::never_sent) > 0 ||
        too_many(total.requests_failed(), total.answers()) ||
        too_many(total.connects_failed(), total.connections())) {
        finding.level = Level::invalid;
        finding.text += ": what failed has no latency, so the slowest are missing";
    } else if (too_many(wrong, total.answers() - wrong) ||
               too_many(total.failed(Failure::unasked), total.answers())) {
        finding.level = Level::invalid;
        finding.text += ": that is not what was to be measured";
    }
    return finding;
}

Finding judge_status(const Outcome& outcome) {
    const Tally& total = outcome.total;
    const std::uint64_t good = total.class_count(2) + total.class_count(3);
    if (good == total.answers()) {
        return {Level::ok, "status", "all answers are 2xx or 3xx"};
    }
    return {Level::note, "status",
            fmt::format("{} of {} answers are neither 2xx nor 3xx: is the URL right?",
                        count_human(total.answers() - good), count_human(total.answers()))};
}

Finding judge_wire(const WireCheck& wire) {
    const auto spread = [](const Histogram& values) {
        const auto human = [](Nanos value) { return duration_human(static_cast<double>(value)); };
        return fmt::format("p50 {}, p99 {}, max {}", human(values.quantile(0.5)),
                           human(values.quantile(0.99)), human(values.max()));
    };
    const std::uint64_t compared = wire.requests + wire.handshakes;
    if (compared == 0) {
        return {Level::invalid, "wire",
                "nothing could be compared with the capture, which was asked for"};
    }
    Finding finding{
        Level::ok, "wire",
        fmt::format("{} requests and {} handshakes were captured, too; our times exceed the "
                    "capture's by {}",
                    count_human(wire.requests), count_human(wire.handshakes), spread(wire.excess))};
    if (wire.kernel.count() > 0) {
        finding.text +=
            fmt::format("; the kernel's rtt and SYN to SYN/ACK are {} apart", spread(wire.kernel));
    }
    const std::uint64_t shorter = wire.shortfall.count();
    if (shorter > 0) {
        finding.level = Level::note;
        finding.text += fmt::format("; {} of our times are shorter than on the wire, by {}",
                                    count_human(shorter), spread(wire.shortfall));
    }
    if (static_cast<double>(shorter) > kWireShortShareMax * static_cast<double>(compared)) {
        finding.level = Level::invalid;
        finding.text += ": our clock is not to be trusted";
    }
    if (wire.contradiction > kWireContradictionMax) {
        finding.level = Level::invalid;
        finding.text += fmt::format(
            ": over the run our clock and the capture's went {} apart: one of them is wrong, or "
            "was "
            "set meanwhile",
            duration_human(static_cast<double>(wire.contradiction)));
    }
    return finding;
}

Finding judge_clock(const Outcome& outcome) {
    const std::uint64_t outside = outcome.total.response.out_of_range() +
                                  outcome.total.service_all().out_of_range() +
                                  outcome.total.lateness.out_of_range();
    if (outside == 0) {
        return {Level::ok, "clock", "every interval lies within 0 and 1 h"};
    }
    return {Level::invalid, "clock",
            fmt::format("{} intervals were negative or longer than 1 h: the clock is broken",
                        count_human(outside))};
}

}  // namespace

std::string_view to_string(Level level) {
    switch (level) {
        case Level::ok: return "ok";
        case Level::note: return "note";
        case Level::invalid: return "INVALID";
    }
    return "";
}

bool Validity::valid() const {
    return std::none_of(findings.begin(), findings.end(),
                        [](const Finding& one) { return one.level == Level::invalid; });
}

bool pauses_explain(Nanos latency, Nanos unpaused) {
    const Nanos own = latency - unpaused;
    return own > kLatenessMin &&
           static_cast<double>(own) > kLatenessShareMax * static_cast<double>(latency);
}

double little_residual(const Outcome& outcome) {
    const auto counted = static_cast<double>(outcome.total.in_flight_ns);
    const auto measured = static_cast<double>(outcome.total.under_way_ns);
    return counted > 0 ? (measured - counted) / counted : 0;
}

Validity judge(const Plan& plan, const Outcome& outcome) {
    Validity validity;
    auto& findings = validity.findings;
    findings.push_back(judge_end(plan, outcome));
    if (outcome.total.answers() > 0 && outcome.window > 0) {
        if (plan.open_loop() && !outcome.only_warmup) {
            findings.push_back(judge_rate(outcome));
        }
        findings.push_back(judge_lateness(plan, outcome));
        findings.push_back(judge_pauses(outcome.total));
        if (!outcome.only_warmup) {
            findings.push_back(judge_little(outcome));
        }
        findings.push_back(judge_generator(plan, outcome));
        findings.push_back(judge_server(outcome));
        findings.push_back(judge_status(outcome));
        findings.push_back(judge_clock(outcome));
        if (outcome.wire) {
            findings.push_back(judge_wire(*outcome.wire));
        }
    }
    findings.push_back(judge_failures(outcome));
    if (outcome.look.requests > 0) {
        findings.push_back(
            {Level::ok, "look",
             fmt::format("{} asked before the run, to look at the answer; not counted",
                         outcome.look.requests == 1
                             ? "1 request was"
                             : count_human(outcome.look.requests) + " requests were")});
    }
    findings.push_back(judge_network(outcome));
    findings.push_back(judge_ports(plan, outcome));
    if (plan.warmup > 0 && !outcome.only_warmup) {
        findings.push_back(
            {Level::ok, "warm-up",
             fmt::format("the first {} with {} requests, {} answers and {} failures "
                         "are not counted",
                         duration_human(plan.warmup), count_human(outcome.warmup.requests_sent),
                         count_human(outcome.warmup.answers()),
                         count_human(outcome.warmup.requests_failed()))});
    }
    return validity;
}

}  // namespace sluice::load

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bench/load/report.h"

namespace sluice::load {

namespace {

using Json = nlohmann::ordered_json;

// Of a histogram: nanoseconds, as integers.
Json summary(const Histogram& values) {
    Json json;
    json["count"] = values.count();
    if (values.count() == 0) {
        return json;
    }
    json["min"] = values.min();
    for (const Quantile& quantile : kQuantiles) {
        if (const auto value = known_quantile(values, quantile.share)) {
            json[quantile.name] = *value;
        }
    }
    json["max"] = values.max();
    json["mean"] = values.mean();
    json["sd"] = values.deviation();
    return json;
}

Json plan_json(const Plan& plan) {
    Json json;
    json["server"] = plan.servers[0].to_string();
    for (const Endpoint& server : plan.servers) {
        json["servers"].push_back(server.to_string());
    }
    for (const Request& request : plan.requests) {
        json["urls"].push_back({{"url", request.url}, {"weight", request.weight}});
    }
    json["threads"] = plan.threads;
    json["connections"] = plan.connections;
    json["pipeline"] = plan.pipeline;
    json["churn"] = plan.churn;
    json["warmup_ns"] = plan.warmup;
    json["duration_ns"] = plan.duration;
    json["requests_max"] = plan.requests_max;
    json["loop"] = plan.open_loop() ? "open" : "closed";
    if (!plan.replay.empty()) {
        json["arrivals"] = "replay";
        json["replayed"] = plan.replay.size();
    } else if (plan.open_loop()) {
        json["arrivals"] = plan.arrivals == ArrivalKind::uniform ? "uniform" : "poisson";
        for (const RateStep& step : plan.rate) {
            json["rate"].push_back(
                {{"from", step.from}, {"to", step.to}, {"duration_ns", step.duration}});
        }
    }
    json["seed"] = plan.seed;
    json["timeout_ns"] = plan.timeout;
    return json;
}

Json validity_json(const Report& report) {
    Json json;
    json["valid"] = report.validity.valid();
    for (const Finding& finding : report.validity.findings) {
        json["findings"].push_back(
            {{"level",
              finding.level == Level::invalid ? "invalid" : std::string(to_string(finding.level))},
             {"name", finding.name},
             {"text", finding.text}});
    }
    json["little_residual"] = little_residual(report.outcome);
    const Tally& total = report.outcome.total;
    json["pauses"] = {{"count", total.paused.count()},
                      {"total_ns", total.time_paused()},
                      {"max_ns", total.paused.max()},
                      {"requests", total.requests_paused}};
    if (report.outcome.stolen_share) {
        json["stolen_share"] = *report.outcome.stolen_share;
    }
    for (const ThreadReport& thread : report.outcome.threads) {
        json["threads"].push_back({{"backend", thread.backend},
                                   {"cpu_ns", thread.cpu},
                                   {"waited_for_cpu_ns", thread.waited},
                                   {"wall_ns", thread.wall}});
    }
    return json;
}

Json server_json(const Outcome& outcome) {
    Json json;
    json["pids"] = outcome.server.pids;
    json["name"] = outcome.server.name;
    if (outcome.server_cpu) {
        json["cpu_ns"] = *outcome.server_cpu;
        json["cpu_over_ns"] = outcome.server_cpu_over;
    } else {
        json["unknown_because"] = outcome.server.why;
    }
    return json;
}

Json counts_json(const Outcome& outcome) {
    const Tally& total = outcome.total;
    Json json;
    json["answers"] = total.answers();
    json["answers_after_end"] = total.answers_after_end;
    json["answers_in_warmup"] = outcome.warmup.answers();
    json["requests_sent_in_look"] = outcome.look.requests;
    json["requests_sent_in_warmup"] = outcome.warmup.requests_sent;
    json["requests_failed_in_warmup"] = outcome.warmup.requests_failed();
    json["requests_sent"] = total.requests_sent;
    json["requests_failed"] = total.requests_failed();
    json["offered"] = outcome.offered;
    json["connections"] = total.connections();
    json["received_bytes"] = total.received_bytes;
    json["body_bytes"] = total.body_bytes;
    json["sent_bytes"] = total.sent_bytes;
    json["writes_at_once"] = total.writes_at_once;
    json["status"] = Json::object();
    for (std::size_t code = 0; code < total.status.size(); ++code) {
        if (total.status[code] > 0) {
            json["status"][std::to_string(code)] = total.status[code];
        }
    }
    for (std::size_t i = 0; i < kFailures; ++i) {
        json["failures"][std::string(name_of(static_cast<Failure>(i)))] = total.failures[i];
    }
    for (std::size_t i = 0; i < kCloses; ++i) {
        json["closes"][std::string(name_of(static_cast<Close>(i)))] = total.closes[i];
    }
    return json;
}

Json series_json(const Outcome& outcome) {
    Json json = Json::array();
    for (const Second& second : outcome.series) {
        Json one = {{"from_ns", second.from},
                    {"to_ns", second.to},
                    {"warmup", second.warmup},
                    {"answers", second.answers},
                    {"failed", second.failed},
                    {"not_2xx_3xx", second.not_2xx_3xx},
                    {"received_bytes", second.received_bytes}};
        const auto add = [&](const char* name, std::optional<Nanos> value) {
            if (value) {
                one[name] = *value;
            }
        };
        add("response_p50", second.response_p50);
        add("response_p99", second.response_p99);
        if (second.answers > 0) {
            one["response_max"] = second.response_max;
        }
        add("service_p50", second.service_p50);
        add("service_p99", second.service_p99);
        json.push_back(std::move(one));
    }
    return json;
}

Json search_json(const Search& search) {
    Json json;
    json["objective"] = search.objective;
    json["bound_ns"] = search.bound;
    json["held"] = search.held;
    json["failed"] = search.failed;
    json["ended_early"] = search.ended_early;
    for (const Search::Trial& trial : search.trials) {
        json["trials"].push_back({{"rate", trial.rate}, {"held", trial.held}, {"why", trial.why}});
    }
    return json;
}

std::string key_of(std::string name) {
    for (char& c : name) {
        c = c == ' ' ? '_' : c;
    }
    return name;
}

}  // namespace

std::string json_report(const Report& report) {
    const Outcome& outcome = report.outcome;
    const Machine here = machine();
    Json json;
    json["schema"] = "sluice-bench/" + std::to_string(kSchemaVersion);
    json["version"] = report.version;
    json["command"] = report.command;
    json["started_ms"] = outcome.started_wall_ms;
    json["machine"] = {{"kernel", here.kernel}, {"cpu", here.cpu}, {"cpus", here.cpus}};
    json["plan"] = plan_json(report.plan);
    json["validity"] = validity_json(report);
    json["server"] = server_json(outcome);
    if (outcome.network) {
        json["network"] = {{"listen_overflows", outcome.network->listen_overflows},
                           {"listen_drops", outcome.network->listen_drops},
                           {"retransmits", outcome.network->retransmits},
                           {"syn_retransmits", outcome.network->syn_retransmits}};
    }
    if (outcome.wire) {
        json["wire"] = {{"requests", outcome.wire->requests},
                        {"handshakes", outcome.wire->handshakes},
                        {"unmatched", outcome.wire->unmatched},
                        {"excess_ns", summary(outcome.wire->excess)},
                        {"shortfall_ns", summary(outcome.wire->shortfall)},
                        {"kernel_rtt_ns", summary(outcome.wire->kernel)},
                        {"contradiction_ns", outcome.wire->contradiction}};
    }
    const double window = static_cast<double>(outcome.window) / 1e9;
    json["window_ns"] = outcome.window;
    json["requests_per_second"] =
        window > 0
            ? static_cast<double>(outcome.total.answers() - outcome.total.answers_after_end) /
                  window
            : 0.0;
    json["counts"] = counts_json(outcome);
    for (const Row& row : latency_rows(report.plan, outcome.total)) {
        json["latency_ns"][key_of(row.name)] = summary(row.values);
    }
    for (const Row& row : handshake_rows(outcome.total)) {
        json["handshake_ns"][key_of(row.name)] = summary(row.values);
    }
    json["series"] = series_json(outcome);
    if (report.search != nullptr) {
        json["search"] = search_json(*report.search);
    }
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string csv_report(const Report& report) {
    std::string text =
        "from_s,to_s,warmup,answers,failed,not_2xx_3xx,received_bytes,response_p50_ns,"
        "response_p99_ns,response_max_ns,service_p50_ns,service_p99_ns\n";
    const auto cell = [](std::optional<Nanos> value) {
        return value ? std::to_string(*value) : std::string();
    };
    for (const Second& one : report.outcome.series) {
        text += fmt::format("{:.3f},{:.3f},{},{},{},{},{},{},{},{},{},{}\n",
                            static_cast<double>(one.from) / 1e9, static_cast<double>(one.to) / 1e9,
                            one.warmup ? 1 : 0, one.answers, one.failed, one.not_2xx_3xx,
                            one.received_bytes, cell(one.response_p50), cell(one.response_p99),
                            one.answers > 0 ? std::to_string(one.response_max) : "",
                            cell(one.service_p50), cell(one.service_p99));
    }
    return text;
}

}  // namespace sluice::load

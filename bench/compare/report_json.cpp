#include <nlohmann/json.hpp>

#include "bench/compare/report.h"

namespace sluice::compare {

namespace {

using OrderedJson = nlohmann::ordered_json;

const char* figure_name(Kind kind) {
    switch (kind) {
        case Kind::load: return "cpu_ns_per_request";
        case Kind::idle_memory: return "bytes_per_connection";
        case Kind::start: return "start_ns";
    }
    return "";
}

OrderedJson comparison_json(const load::Comparison& comparison) {
    return {{"ratio", comparison.ratio},
            {"low", comparison.low},
            {"high", comparison.high},
            {"pairs", comparison.pairs},
            {"verdict", to_string(comparison.verdict)}};
}

// 0 means not known.
void add_known(OrderedJson& json, std::initializer_list<std::pair<const char*, Nanos>> latencies) {
    for (const auto& [name, value] : latencies) {
        if (value > 0) {
            json[name] = value;
        }
    }
}

OrderedJson block_json(const Block& block) {
    OrderedJson json = {{"round", block.round},
                        {"cost", block.cost},
                        {"answers", block.answers},
                        {"peak_resident_bytes", block.memory}};
    // Where nothing was answered, nothing has a latency.
    if (block.answers > 0) {
        json["requests_per_second"] = block.rate;
        add_known(json, {{"p50_ns", block.p50}, {"p99_ns", block.p99}, {"p99.9_ns", block.p999}});
    }
    if (block.busy > 0) {
        json["busy"] = block.busy;
    }
    if (block.pairs > 0) {
        json["pairs"] = block.pairs;
        json["ratio"] = block.ratio;
        json["idle_busy"] = block.idle_busy;
    }
    if (!block.flaw.empty()) {
        json["flaw"] = block.flaw;
    }
    return json;
}

OrderedJson row_json(const Row& row) {
    OrderedJson json = {{"server", row.label}, {"floor", row.floor}};
    if (!row.invalid.empty()) {
        json["invalid"] = row.invalid;
        return json;
    }
    json["cost"] = row.cost;
    json["requests_per_second"] = row.rate;
    add_known(json, {{"p50_ns", row.p50},
                     {"p99_ns", row.p99},
                     {"p99.9_ns", row.p999},
                     {"handshake_p50_ns", row.connect_p50},
                     {"handshake_p99_ns", row.connect_p99}});
    json["peak_resident_bytes"] = row.memory;
    if (row.busy > 0) {
        json["busy"] = row.busy;
        json["idle_busy"] = row.idle_busy;
    }
    if (row.instructions > 0) {
        json["instructions_per_request"] = row.instructions;
    }
    json["against"] = row.against;
    if (!row.against.empty()) {
        json["comparison"] = comparison_json(row.comparison);
    }
    json["ratios"] = row.ratios;
    json["costs"] = OrderedJson::array();
    json["blocks"] = OrderedJson::array();
    for (const Block& block : row.blocks) {
        json["costs"].push_back(block.cost);
        json["blocks"].push_back(block_json(block));
    }
    return json;
}

OrderedJson scenario_json(const ScenarioResult& result) {
    const Scenario& scenario = result.scenario;
    OrderedJson json = {{"name", scenario.name},
                        {"title", scenario.title},
                        {"figure", figure_name(scenario.kind)},
                        {"baseline", result.baseline},
                        {"servers", OrderedJson::array()}};
    for (const Row& row : result.rows) {
        json["servers"].push_back(row_json(row));
    }
    return json;
}

OrderedJson self_test_json(const SelfTest& test) {
    OrderedJson json = {{"scenario", test.scenario},
                        {"server", test.server},
                        {"passed", test.passed()},
                        {"cannot_tell", test.cannot_tell()},
                        {"noise_floor", test.noise_floor()},
                        {"spin_ns", test.spin},
                        {"found", test.found()},
                        {"cost", test.cost},
                        {"trials", OrderedJson::array()}};
    if (!test.invalid.empty()) {
        json["invalid"] = test.invalid;
    }
    for (const load::Comparison& trial : test.trials) {
        json["trials"].push_back(comparison_json(trial));
    }
    return json;
}

}  // namespace

std::string json_report(const Report& report) {
    OrderedJson json;
    json["schema"] = "sluice-compare/" + std::to_string(kSchemaVersion);
    json["version"] = report.version;
    json["command"] = report.command;
    json["date"] = report.date;
    json["machine"] = {{"kernel", report.machine.kernel},
                       {"cpu", report.machine.cpu},
                       {"cpus", report.machine.cpus}};
    json["generator"] = report.generator;
    json["priority"] = report.priority;
    json["rounds"] = report.rounds;
    json["block_ns"] = report.duration;
    json["noise"] = report.noise;
    const Resolution resolution = resolution_of(report);
    json["resolution"] = {{"quiet", resolution.quiet()},
                          {"comparisons", resolution.comparisons},
                          {"usual", resolution.usual},
                          {"worst", resolution.worst},
                          {"worst_cell", resolution.worst_cell}};
    json["valid"] = valid(report);
    json["stopped"] = report.stopped;
    json["programs"] = OrderedJson::object();
    for (const Version& one : report.programs) {
        json["programs"][one.name] = one.version;
    }
    json["left_out"] = report.left_out;
    json["scenarios"] = OrderedJson::array();
    for (const ScenarioResult& result : report.scenarios) {
        json["scenarios"].push_back(scenario_json(result));
    }
    if (!report.self_tests.empty()) {
        json["self_tests"] = OrderedJson::array();
        for (const SelfTest& test : report.self_tests) {
            json["self_tests"].push_back(self_test_json(test));
        }
    }
    return json.dump(1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace sluice::compare

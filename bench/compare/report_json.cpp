#include <nlohmann/json.hpp>

#include "bench/compare/report.h"

namespace sluice::compare {

namespace {

using Json = nlohmann::ordered_json;

const char* figure_name(Kind kind) {
    switch (kind) {
        case Kind::load: return "cpu_ns_per_request";
        case Kind::idle_memory: return "bytes_per_connection";
        case Kind::start: return "start_ns";
    }
    return "";
}

Json comparison_json(const load::Comparison& comparison) {
    return {{"ratio", comparison.ratio},
            {"low", comparison.low},
            {"high", comparison.high},
            {"pairs", comparison.pairs},
            {"verdict", to_string(comparison.verdict)}};
}

Json block_json(const Block& block) {
    Json json = {{"round", block.round},
                 {"cost", block.cost},
                 {"requests_per_second", block.rate},
                 {"answers", block.answers},
                 {"p50_ns", block.p50},
                 {"p99_ns", block.p99},
                 {"p99.9_ns", block.p999},
                 {"peak_resident_bytes", block.memory}};
    if (!block.flaw.empty()) {
        json["flaw"] = block.flaw;
    }
    return json;
}

Json row_json(const Row& row) {
    Json json = {{"server", row.label}, {"floor", row.floor}};
    if (!row.invalid.empty()) {
        json["invalid"] = row.invalid;
        return json;
    }
    json["cost"] = row.cost;
    json["requests_per_second"] = row.rate;
    json["p50_ns"] = row.p50;
    json["p99_ns"] = row.p99;
    json["p99.9_ns"] = row.p999;
    json["handshake_p50_ns"] = row.connect_p50;
    json["handshake_p99_ns"] = row.connect_p99;
    json["peak_resident_bytes"] = row.memory;
    json["against"] = row.against;
    if (!row.against.empty()) {
        json["comparison"] = comparison_json(row.comparison);
    }
    json["ratios"] = row.ratios;
    json["costs"] = Json::array();
    json["blocks"] = Json::array();
    for (const Block& block : row.blocks) {
        json["costs"].push_back(block.cost);
        json["blocks"].push_back(block_json(block));
    }
    return json;
}

Json scenario_json(const ScenarioResult& result) {
    const Scenario& scenario = result.scenario;
    Json json = {{"name", scenario.name},
                 {"title", scenario.title},
                 {"figure", figure_name(scenario.kind)},
                 {"baseline", result.baseline},
                 {"servers", Json::array()}};
    for (const Row& row : result.rows) {
        json["servers"].push_back(row_json(row));
    }
    return json;
}

Json self_test_json(const SelfTest& test) {
    Json json = {{"scenario", test.scenario},         {"server", test.server},
                 {"passed", test.passed()},           {"cannot_tell", test.cannot_tell()},
                 {"noise_floor", test.noise_floor()}, {"trials", Json::array()}};
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
    Json json;
    json["schema"] = "sluice-compare/" + std::to_string(kSchemaVersion);
    json["version"] = report.version;
    json["command"] = report.command;
    json["date"] = report.date;
    json["machine"] = {{"kernel", report.machine.kernel},
                       {"cpu", report.machine.cpu},
                       {"cpus", report.machine.cpus}};
    json["generator"] = report.generator;
    json["rounds"] = report.rounds;
    json["block_ns"] = report.duration;
    json["noise"] = report.noise;
    json["valid"] = valid(report);
    json["stopped"] = report.stopped;
    json["programs"] = Json::object();
    for (const Version& one : report.programs) {
        json["programs"][one.name] = one.version;
    }
    json["left_out"] = report.left_out;
    json["scenarios"] = Json::array();
    for (const ScenarioResult& result : report.scenarios) {
        json["scenarios"].push_back(scenario_json(result));
    }
    if (!report.self_tests.empty()) {
        json["self_tests"] = Json::array();
        for (const SelfTest& test : report.self_tests) {
            json["self_tests"].push_back(self_test_json(test));
        }
    }
    return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sluice::compare

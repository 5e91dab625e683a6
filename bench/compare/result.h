// What a comparison measured, block by block, and what follows from it. Plain data and pure
// functions; what each number means stands in docs/compare.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/compare/scenario.h"
#include "bench/load/statistics.h"
#include "bench/load/system.h"
#include "core/histogram.h"

namespace sluice::compare {

// One server under one load for one stretch of time, or one start, or one crowd of connections.
struct Block {
    unsigned round = 0;
    double cost = 0;  // Kind says of what; lower is better
    double rate = 0;  // answers per second; 0 where nothing was loaded
    std::uint64_t answers = 0;
    Nanos p50 = 0;  // response time
    Nanos p99 = 0;
    Nanos p999 = 0;
    double memory = 0;      // peak resident set, bytes
    std::string flaw = {};  // why rate and latencies are not to be believed
};

// One server in one setting, and all of its blocks.
struct Entry {
    std::string name;   // "sluice epoll"
    bool base = false;  // in the scenario's base setting
    bool floor = false;
    bool reference = false;  // a floor that may be the baseline
    std::vector<Block> blocks = {};
    std::string invalid = {};  // why there is no figure; empty: there is one
    Histogram response = {};   // of all blocks without a flaw; empty with wrk
    Histogram connect = {};
};

// One line of the result.
struct Row {
    std::string name;
    std::string label;  // the name, with the setting where there are two
    bool base = false;
    bool floor = false;
    std::string invalid = {};
    std::vector<Block> blocks = {};
    unsigned flawed = 0;  // so many of the blocks
    std::string flaw = {};
    double cost = 0;  // median of the blocks
    double rate = 0;
    Nanos p50 = 0;
    Nanos p99 = 0;
    Nanos p999 = 0;
    Nanos connect_p50 = 0;  // of all handshakes of all blocks
    Nanos connect_p99 = 0;  // 0: fewer than a hundred handshakes
    double memory = 0;
    std::string against;              // the label of what it is compared with; empty: nothing
    std::vector<double> ratios = {};  // cost / that one's cost, round by round
    load::Comparison comparison = {};
};

struct ScenarioResult {
    Scenario scenario;
    std::string baseline;  // its label; empty: each server against itself, or none is valid
    std::vector<Row> rows;
};

struct Analysis {
    std::string baseline = {};  // a server's name; empty: the floor, else the first server
    double noise = 0;           // relative differences up to this are never claimed
    std::uint64_t seed = 1;
};

[[nodiscard]] ScenarioResult analyse(const Scenario& scenario, const std::vector<Entry>& entries,
                                     const Analysis& analysis);

// The same server twice, many times over: how often is a difference claimed that is none?
struct SelfTest {
    std::string scenario;
    std::string server;
    std::vector<load::Comparison> trials = {};
    std::string invalid = {};
    [[nodiscard]] unsigned cannot_tell() const;
    // 95 of 100 trials show a smaller relative difference than this.
    [[nodiscard]] double noise_floor() const;
    [[nodiscard]] bool passed() const;
};
inline constexpr double kSelfTestShareMin = 0.95;

struct Version {
    std::string name;
    std::string version;
};

// Everything that the reports say.
struct Report {
    std::string command;  // as it was typed
    std::string version;
    std::string date;  // 2026-11-22
    load::Machine machine = {};
    std::string generator;  // "sluice" or "wrk"
    unsigned rounds = 0;
    Nanos duration = 0;
    double noise = 0;
    std::vector<Version> programs = {};
    std::vector<std::string> left_out = {};  // what was not run, and why
    std::vector<ScenarioResult> scenarios = {};
    std::vector<SelfTest> self_tests = {};
    bool stopped = false;
};

// No cell is invalid, no self-test failed.
[[nodiscard]] bool valid(const Report& report);

}  // namespace sluice::compare

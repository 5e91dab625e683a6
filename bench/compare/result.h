// What a comparison measured, block by block, and what follows from it. Plain data and pure
// functions; docs/compare.md says what each number means.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/compare/scenario.h"
#include "bench/load/statistics.h"
#include "bench/load/system.h"
#include "core/histogram.h"

namespace sluice::compare {

// One restart of one server: under load (all its slices, or one interval), or one start, or one set
// of idle connections.
struct Block {
    unsigned round = 0;
    double cost = 0;  // Kind says of what; lower is better
    double rate = 0;  // answers per second; 0 where nothing was loaded
    std::uint64_t answers = 0;
    Nanos p50 = 0;  // response time; 0: too few answers; so the next two
    Nanos p99 = 0;
    Nanos p999 = 0;
    double memory = 0;      // peak resident set, bytes
    double busy = 0;        // the server's CPU time / time under load; 0: not known
    double idle_busy = 0;   // the same while others were loaded
    double ratio = 0;       // to the baseline's adjacent slices (median); 0: in blocks
    std::size_t pairs = 0;  // of slices
    std::string flaw = {};  // why rate and latencies are not valid
};

// One variant (a server with its parameters), and all of its blocks.
struct Entry {
    std::string name;   // "sluice epoll"
    bool base = false;  // with the scenario's base parameters
    bool floor = false;
    bool reference = false;  // a floor that may be the baseline
    std::vector<Block> blocks = {};
    std::string invalid = {};  // why there is no figure; empty: there is one
    Histogram response = {};   // of all blocks without a flaw; empty with wrk
    Histogram connect = {};
    double instructions = 0;  // per request; 0: not counted
};

// One line of the result.
struct Row {
    std::string name;
    std::string label;  // the name; of a base also Scenario::base_title
    bool base = false;
    bool floor = false;
    std::string invalid = {};
    std::vector<Block> blocks = {};
    unsigned flawed = 0;  // blocks with a flaw
    std::string flaw = {};
    double cost = 0;  // median of the blocks
    double rate = 0;
    Nanos p50 = 0;
    Nanos p99 = 0;
    Nanos p999 = 0;
    Nanos connect_p50 = 0;  // of all handshakes of all blocks
    Nanos connect_p99 = 0;
    double memory = 0;
    double busy = 0;
    double idle_busy = 0;
    double instructions = 0;          // per request, outside of the kernel; 0: not counted
    std::string against = {};         // the label of what it is compared with; empty: nothing
    std::vector<double> ratios = {};  // cost / that one's cost, one for each restart
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
};

[[nodiscard]] ScenarioResult analyse(const Scenario& scenario, const std::vector<Entry>& entries,
                                     const Analysis& analysis);

// A/A test: the same server against itself, many times. How often is a difference claimed that does
// not exist? Or, when the second one spins for `spin` at each answer, how often is that found?
struct SelfTest {
    std::string scenario;
    std::string server;
    Nanos spin = 0;
    double cost = 0;  // of the first of the two, median of the trials
    std::vector<load::Comparison> trials = {};
    std::string invalid = {};
    [[nodiscard]] unsigned cannot_tell() const;
    [[nodiscard]] unsigned found() const;  // trials that say the second is slower
    // 95 of 100 trials show a smaller relative difference than this.
    [[nodiscard]] double noise_floor() const;
    // No more claims than chance allows; with a spin, nine of ten trials find it.
    [[nodiscard]] bool passed() const;
};
inline constexpr double kFoundShareMin = 0.9;

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
    std::string generator;      // "sluice" or "wrk"
    std::string priority = {};  // of servers and generator
    unsigned rounds = 0;
    Nanos duration = 0;
    double noise = 0;
    std::vector<Version> programs = {};
    std::vector<std::string> left_out = {};  // what was not run, and why
    std::vector<ScenarioResult> scenarios = {};
    std::vector<SelfTest> self_tests = {};
    bool stopped = false;
};

// How small a difference the machine can show: half-widths of the 95 % intervals, as shares.
struct Resolution {
    std::size_t comparisons = 0;  // of CPU time
    double usual = 0;             // median
    double worst = 0;
    std::string worst_cell = {};  // "page, nginx"
    [[nodiscard]] bool quiet() const { return comparisons > 0 && usual <= kQuiet; }
    static constexpr double kQuiet = 0.02;
};
[[nodiscard]] Resolution resolution_of(const Report& report);

// No cell is invalid, no self-test failed.
[[nodiscard]] bool valid(const Report& report);

}  // namespace sluice::compare

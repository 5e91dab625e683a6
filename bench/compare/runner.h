// Runner: carries a comparison out. Each restart starts the servers anew: the memory layout of a
// process is then one sample of several, and nothing of one restart is left in the next. Within a
// restart all servers under load are alive and are loaded in turns, in slices (slices.cpp). Memory,
// starts, thousands of connections, and wrk have blocks of their own (blocks.cpp), where never two
// servers run at once.
//
// Runs on the calling thread, which waits while slices run on a thread of their own. The servers
// have the first usable CPU, our threads the others. When `stop` is set it ends within the time of
// a block. Servers and temporary files are gone when it returns.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/compare/process.h"
#include "bench/compare/result.h"
#include "core/backend.h"

namespace sluice::compare {

struct RunOptions {
    std::vector<Scenario> scenarios;
    std::vector<std::string> servers;  // names; empty: all that are installed
    std::string baseline;              // a server's name; empty: the floor, else the first
    unsigned rounds = 8;               // restarts
    Nanos duration = kSecond;          // measured time of each server in a restart
    double noise = 0;
    std::optional<Priority> priority;  // none: the highest that is allowed
    bool instructions = false;
    unsigned self_trials = 0;  // A/A: trials of the first server against itself
    Nanos spin = 0;            // of the second of the two, for each answer; both are floors then
    bool wrk = false;
    const BackendFactory* backends = nullptr;  // of our generator
    const std::atomic<bool>* stop = nullptr;
    std::function<void(const std::string&)> on_progress;  // one line each
};

// Fills in what was measured. Fails when nothing can be: fewer than two CPUs, a name that no server
// has, no temporary folder.
[[nodiscard]] Result<void> run(const RunOptions& options, Report& report);

}  // namespace sluice::compare

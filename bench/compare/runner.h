// Runner: carries a comparison out. Each restart starts the servers anew, so that the luck of one
// process (where its memory lies) is spread over the restarts and nothing of one is left in the
// next. Within a restart the contenders of a load are all alive and have their turns in slices
// (slices.cpp); memory, starts and thousands of connections, and wrk, have blocks of their own
// (blocks.cpp), and then never two servers run at once.
//
// Runs on the calling thread, which waits while slices have a thread of their own; the servers have
// the first usable CPU, everything of ours the others. When `stop` is set it ends within a block's
// time; servers and temporary files are gone when it returns.
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
    std::vector<std::string> servers;  // names; empty: all that are there
    std::string baseline;              // a server's name; empty: the floor, else the first
    unsigned rounds = 8;               // restarts
    Nanos duration = kSecond;          // measured time of each server in each of them
    double noise = 0;
    std::optional<Priority> priority;  // none: the highest that is allowed
    bool instructions = false;
    unsigned self_trials = 0;  // A/A: so many times the first server against itself
    Nanos spin = 0;            // of the second of the two, for each answer; then they are floors
    bool wrk = false;
    const BackendFactory* backends = nullptr;  // of our generator
    const std::atomic<bool>* stop = nullptr;
    std::function<void(const std::string&)> on_progress;  // one line each
};

// Fills all of the report that was measured. Fails when nothing could be: fewer than two CPUs, a
// name that no server has, no temporary folder.
[[nodiscard]] Result<void> run(const RunOptions& options, Report& report);

}  // namespace sluice::compare

// Runner: carries a comparison out. Each block starts its server anew, so that the luck of one
// process (where its memory lies) is spread over the blocks and nothing of one block is left in the
// next; and never two servers run at once.
//
// Runs on the calling thread; the server has the first usable CPU, everything of ours the others.
// When `stop` is set it ends within a block's time; servers and temporary files are gone when it
// returns.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "bench/compare/result.h"
#include "core/backend.h"

namespace sluice::compare {

struct RunOptions {
    std::vector<Scenario> scenarios;
    std::vector<std::string> servers;  // names; empty: all that are there
    std::string baseline;              // a server's name; empty: the floor, else the first
    unsigned rounds = 8;
    Nanos duration = kSecond;  // of the measured part of a block
    double noise = 0;
    std::uint64_t seed = 1;
    unsigned self_trials = 0;  // A/A: so many times the first server against itself
    bool wrk = false;
    const BackendFactory* backends = nullptr;  // of our generator
    const std::atomic<bool>* stop = nullptr;
    std::function<void(const std::string&)> on_progress;  // one line each
};

// Fills all of the report that was measured. Fails when nothing could be: fewer than two CPUs, a
// name that no server has, no temporary folder.
[[nodiscard]] Result<void> run(const RunOptions& options, Report& report);

}  // namespace sluice::compare

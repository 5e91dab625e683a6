// Stage: what blocks and slices have in common: where servers run, how one is started and looked
// at, and what it is asked.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/compare/generator.h"
#include "bench/compare/process.h"
#include "bench/compare/result.h"
#include "bench/compare/runner.h"
#include "bench/compare/servers.h"
#include "bench/compare/workspace.h"

namespace sluice::compare {

struct Contender {
    const ServerKind* server;
    Setting setting;
    bool base = false;  // the scenario's base setting
};

struct Stage {
    const RunOptions& options;
    Workspace& workspace;
    Generator& generator;
    int server_cpu;
    Priority priority;

    [[nodiscard]] bool stopped() const { return options.stop != nullptr && options.stop->load(); }
    void say(const std::string& line) const {
        if (options.on_progress) {
            options.on_progress(line);
        }
    }
};

// A server that runs, on a port at which nobody else listens.
struct Running {
    Process process;
    std::uint16_t port;
};

// Called as soon as somebody listens; what it returns is what start_server() fails with.
using Look = std::function<Result<void>(std::uint16_t port, Nanos began)>;

// Starts it with a folder of that name for what it writes. Where another program was quicker to
// take the port, it is tried on another one.
[[nodiscard]] Result<Running> start_server(const Stage& stage, const Contender& contender,
                                           const std::string& folder, const Look& look = {});

// Asks once and looks at the answer; returns its validator, where the scenario wants one.
[[nodiscard]] Result<std::string> check_answer(const Stage& stage, const Scenario& scenario,
                                               const Contender& contender, std::uint16_t port);

// The answer is looked at first (not that of floors, which is a constant).
[[nodiscard]] Result<Load> load_of(const Stage& stage, const Scenario& scenario,
                                   const Contender& contender, std::uint16_t port);

[[nodiscard]] std::vector<Entry> entries_of(const std::vector<Contender>& contenders);

// The measured part of a block.
void take(Measured measured, Block& block, Entry& entry);

// blocks.cpp: one server after the other, round by round.
[[nodiscard]] std::vector<Entry> run_blocks(const Stage& stage, const Scenario& scenario,
                                            const std::vector<Contender>& contenders,
                                            const std::string& title);

// slices.cpp: all at once, in turns; `baseline` (an empty one is chosen) is the name of what those
// without a base setting are compared with.
[[nodiscard]] bool can_slice(const Stage& stage, const Scenario& scenario);
[[nodiscard]] std::vector<Entry> run_slices(const Stage& stage, const Scenario& scenario,
                                            const std::vector<Contender>& contenders,
                                            const std::string& title, std::string& baseline);

// instructions.cpp: the user-space instructions of one request, by callgrind.
[[nodiscard]] Result<double> count_instructions(const Stage& stage, const Scenario& scenario,
                                                const Contender& contender);

}  // namespace sluice::compare

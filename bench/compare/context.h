// Context: what blocks and slices share: where servers run, how one is started and checked, and
// what it is asked.
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

// What is compared: a server with its parameters.
struct Variant {
    const ServerKind* server;
    Parameters parameters;
    bool base = false;  // with the scenario's base parameters
};

struct Context {
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

// A running server, on a port where nobody else listens.
struct Running {
    Process process;
    std::uint16_t port;
};

// Called as soon as the port accepts connections. Its error becomes that of start_server().
using OnListening = std::function<Result<void>(std::uint16_t port, Nanos began)>;

// Starts the server, with a folder of that name for what it writes. When another program has taken
// the port first, another port is tried.
[[nodiscard]] Result<Running> start_server(const Context& context, const Variant& variant,
                                           const std::string& folder,
                                           const OnListening& on_listening = {});

// Sends one request and checks the answer. Returns its validator where the scenario needs one.
[[nodiscard]] Result<std::string> check_answer(const Context& context, const Scenario& scenario,
                                               const Variant& variant, std::uint16_t port);

// Checks an answer first (not that of a floor, which is a constant).
[[nodiscard]] Result<Load> load_of(const Context& context, const Scenario& scenario,
                                   const Variant& variant, std::uint16_t port);

[[nodiscard]] std::vector<Entry> entries_of(const std::vector<Variant>& variants);

// Puts what was measured into the block and its entry.
void take(Measured measured, Block& block, Entry& entry);

// blocks.cpp: one server after the other, round by round.
[[nodiscard]] std::vector<Entry> run_blocks(const Context& context, const Scenario& scenario,
                                            const std::vector<Variant>& variants,
                                            const std::string& title);

// slices.cpp: all alive at once, loaded in turns. Without base parameters the variants are compared
// with `baseline`, a server's name; an empty one is chosen.
[[nodiscard]] bool can_slice(const Context& context, const Scenario& scenario);
[[nodiscard]] std::vector<Entry> run_slices(const Context& context, const Scenario& scenario,
                                            const std::vector<Variant>& variants,
                                            const std::string& title, std::string& baseline);

// instructions.cpp: the user-space instructions of one request, by callgrind.
[[nodiscard]] Result<double> count_instructions(const Context& context, const Scenario& scenario,
                                                const Variant& variant);

}  // namespace sluice::compare

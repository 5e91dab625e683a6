// Blocks: one server after the other, each started for its block and stopped after it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "bench/compare/client.h"
#include "bench/compare/context.h"
#include "bench/compare/schedule.h"
#include "bench/load/system.h"

namespace sluice::compare {

namespace {

constexpr unsigned kWarmAsks = 50;
constexpr Nanos kSettle = 300 * kMillisecond;

Result<void> measure_load(const Context& context, const Scenario& scenario, const Variant& variant,
                          const Running& server, Block& block, Entry& entry) {
    auto load = load_of(context, scenario, variant, server.port);
    if (!load) {
        return std::unexpected(load.error());
    }
    auto measured = context.generator.run(*load, server.process);
    if (!measured) {
        return std::unexpected(measured.error());
    }
    if (measured->cpu_ns <= 0) {
        return fail(Status::io_error, "it took no CPU time that could be measured");
    }
    block.busy = measured->cpu_ns * measured->rate / 1e9;
    take(std::move(*measured), block, entry);
    return {};
}

Result<void> measure_memory(const Context& context, const Scenario& scenario, const Running& server,
                            Block& block) {
    // Warm up first: what is allocated on first use is no growth. One connection at a time, because
    // memory that a burst of connections leaves behind would hide the growth.
    for (unsigned i = 0; i < kWarmAsks; ++i) {
        if (auto answer = ask(server.port, scenario.path); !answer) {
            return std::unexpected(answer.error());
        }
    }
    const auto before = static_cast<double>(server.process.resident_bytes());
    auto held = HeldConnections::open(server.port, scenario.parameters.connections, kPageBytes,
                                      context.options.stop);
    if (!held) {
        return std::unexpected(held.error());
    }
    std::this_thread::sleep_for(std::chrono::nanoseconds(kSettle));
    const auto after = static_cast<double>(server.process.resident_bytes());
    block.cost = std::max(0.0, after - before) / scenario.parameters.connections;
    return {};
}

Result<Block> run_block(const Context& context, const Scenario& scenario, const Variant& variant,
                        Entry& entry) {
    Block block;
    OnListening on_listening;
    if (scenario.kind == Kind::start) {
        on_listening = [&](std::uint16_t port, Nanos began) -> Result<void> {
            auto answer = check_answer(context, scenario, variant, port);
            block.cost = static_cast<double>(load::monotonic_now() - began);
            return answer ? Result<void>{} : std::unexpected(answer.error());
        };
    }
    auto server = start_server(context, variant, "server", on_listening);
    if (!server) {
        return std::unexpected(server.error());
    }
    Result<void> done;
    if (scenario.kind == Kind::idle_memory) {
        done = measure_memory(context, scenario, *server, block);
    } else if (scenario.kind == Kind::load) {
        done = measure_load(context, scenario, variant, *server, block, entry);
    }
    if (!done) {
        return std::unexpected(done.error());
    }
    if (!server->process.running()) {
        return fail(Status::io_error, "it ended: " + server->process.last_line());
    }
    block.memory = static_cast<double>(server->process.peak_resident_bytes());
    return block;
}

}  // namespace

std::vector<Entry> run_blocks(const Context& context, const Scenario& scenario,
                              const std::vector<Variant>& variants, const std::string& title) {
    std::vector<Entry> entries = entries_of(variants);
    for (unsigned round = 0; round < context.options.rounds; ++round) {
        for (const std::size_t at : order_of_round(round, variants.size())) {
            Entry& entry = entries[at];
            if (context.stopped() || !entry.invalid.empty()) {
                continue;
            }
            context.say(fmt::format("{}: round {} of {}, {}", title, round + 1,
                                    context.options.rounds, entry.name));
            auto block = run_block(context, scenario, variants[at], entry);
            if (!block) {
                entry.invalid = context.stopped() ? "stopped" : block.error().what;
                continue;
            }
            block->round = round;
            entry.blocks.push_back(std::move(*block));
        }
    }
    return entries;
}

}  // namespace sluice::compare

// Blocks: one server after the other, each started for its block and stopped after it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "bench/compare/client.h"
#include "bench/compare/schedule.h"
#include "bench/compare/stage.h"
#include "bench/load/system.h"

namespace sluice::compare {

namespace {

constexpr unsigned kWarmAsks = 50;
constexpr Nanos kSettle = 300 * kMillisecond;

Result<void> measure_load(const Stage& stage, const Scenario& scenario, const Contender& contender,
                          const Running& server, Block& block, Entry& entry) {
    auto load = load_of(stage, scenario, contender, server.port);
    if (!load) {
        return std::unexpected(load.error());
    }
    auto measured = stage.generator.run(*load, server.process);
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

Result<void> measure_memory(const Stage& stage, const Scenario& scenario, const Running& server,
                            Block& block) {
    // Whatever is made on first use is there before the first look. Memory that a burst of
    // connections leaves behind would hide the growth: one connection at a time.
    for (unsigned i = 0; i < kWarmAsks; ++i) {
        if (auto answer = ask(server.port, scenario.path); !answer) {
            return std::unexpected(answer.error());
        }
    }
    const auto before = static_cast<double>(server.process.resident_bytes());
    auto held = HeldConnections::open(server.port, scenario.setting.connections, kPageBytes,
                                      stage.options.stop);
    if (!held) {
        return std::unexpected(held.error());
    }
    std::this_thread::sleep_for(std::chrono::nanoseconds(kSettle));
    const auto after = static_cast<double>(server.process.resident_bytes());
    block.cost = std::max(0.0, after - before) / scenario.setting.connections;
    return {};
}

Result<Block> run_block(const Stage& stage, const Scenario& scenario, const Contender& contender,
                        Entry& entry) {
    Block block;
    Look look;
    if (scenario.kind == Kind::start) {
        look = [&](std::uint16_t port, Nanos began) -> Result<void> {
            auto answer = check_answer(stage, scenario, contender, port);
            block.cost = static_cast<double>(load::monotonic_now() - began);
            return answer ? Result<void>{} : std::unexpected(answer.error());
        };
    }
    auto server = start_server(stage, contender, "server", look);
    if (!server) {
        return std::unexpected(server.error());
    }
    Result<void> done;
    if (scenario.kind == Kind::idle_memory) {
        done = measure_memory(stage, scenario, *server, block);
    } else if (scenario.kind == Kind::load) {
        done = measure_load(stage, scenario, contender, *server, block, entry);
    }
    if (!done) {
        return std::unexpected(done.error());
    }
    if (!server->process.running()) {
        return fail(Status::io_error, "it ended: " + server->process.last_words());
    }
    block.memory = static_cast<double>(server->process.peak_resident_bytes());
    return block;
}

}  // namespace

std::vector<Entry> run_blocks(const Stage& stage, const Scenario& scenario,
                              const std::vector<Contender>& contenders, const std::string& title) {
    std::vector<Entry> entries = entries_of(contenders);
    for (unsigned round = 0; round < stage.options.rounds; ++round) {
        for (const std::size_t at : order_of_round(round, contenders.size())) {
            Entry& entry = entries[at];
            if (stage.stopped() || !entry.invalid.empty()) {
                continue;
            }
            stage.say(fmt::format("{}: round {} of {}, {}", title, round + 1, stage.options.rounds,
                                  entry.name));
            auto block = run_block(stage, scenario, contenders[at], entry);
            if (!block) {
                entry.invalid = stage.stopped() ? "stopped" : block.error().what;
                continue;
            }
            block->round = round;
            entry.blocks.push_back(std::move(*block));
        }
    }
    return entries;
}

}  // namespace sluice::compare

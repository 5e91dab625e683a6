#include "bench/compare/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "bench/compare/client.h"
#include "bench/compare/generator.h"
#include "bench/compare/schedule.h"
#include "bench/compare/servers.h"
#include "bench/compare/workspace.h"
#include "bench/load/system.h"
#include "core/cpu.h"
#include "core/path.h"

namespace sluice::compare {

namespace {

constexpr unsigned kWarmAsks = 50;
constexpr Nanos kSettle = 300 * kMillisecond;
constexpr unsigned long kDescriptorsOwn = 128;

struct Contender {
    const ServerKind* server;
    Setting setting;
};

bool is_floor(const std::string& name) {
    return name == "floor" || name.starts_with("floor_");
}

class Runner {
  public:
    Runner(const RunOptions& options, Workspace& workspace, Generator& generator, int server_cpu,
           Report& report)
        : options_(options),
          workspace_(workspace),
          generator_(generator),
          server_cpu_(server_cpu),
          report_(report) {}

    Result<void> choose_servers();
    Result<void> run();

  private:
    void run_scenario(const Scenario& scenario);
    void run_self_test(const Scenario& scenario);
    std::vector<Entry> run_rounds(const Scenario& scenario,
                                  const std::vector<Contender>& contenders,
                                  const std::string& title);
    Result<Block> run_block(const Scenario& scenario, const Contender& contender, Entry& entry);
    Result<void> measure(const Scenario& scenario, const Contender& contender,
                         const Process& process, std::uint16_t port, Block& block, Entry& entry);
    Result<void> measure_load(const Scenario& scenario, const Contender& contender,
                              const Process& process, std::uint16_t port, Block& block,
                              Entry& entry);
    Result<void> measure_memory(const Scenario& scenario, const Process& process,
                                std::uint16_t port, Block& block);
    Result<std::string> check(const Scenario& scenario, std::uint16_t port,
                              const std::string& root);
    Load make_load(const Scenario& scenario, const Contender& contender, std::uint16_t port) const;
    std::string reason_to_leave_out(const Scenario& scenario) const;
    [[nodiscard]] bool wanted(const std::string& name) const;
    [[nodiscard]] bool wants_floor(const std::string& name) const;
    [[nodiscard]] bool stopped() const { return options_.stop != nullptr && options_.stop->load(); }
    void say(const std::string& line) const {
        if (options_.on_progress) {
            options_.on_progress(line);
        }
    }

    const RunOptions& options_;
    Workspace& workspace_;
    Generator& generator_;
    int server_cpu_;
    Report& report_;
    std::vector<ServerKind> servers_;
    std::string baseline_;  // the whole name, or empty
};

bool Runner::wanted(const std::string& name) const {
    return options_.servers.empty() ||
           std::any_of(options_.servers.begin(), options_.servers.end(),
                       [&](const std::string& one) { return name_matches(name, one); });
}

// The floor runs as the baseline, unless that is another server; then it must be asked for. Of
// several, those that are named.
bool Runner::wants_floor(const std::string& name) const {
    const bool named = std::any_of(options_.servers.begin(), options_.servers.end(), is_floor);
    if (named) {
        return wanted(name) || name == baseline_;
    }
    return baseline_.empty() || name == baseline_;
}

// The whole name of the one server that `wanted` means.
Result<std::string> one_server(const std::vector<ServerKind>& known, const std::string& wanted) {
    std::string found;
    std::string names;
    for (const ServerKind& one : known) {
        names += one.name + ", ";
        if (name_matches(one.name, wanted)) {
            if (!found.empty()) {
                return fail(Status::address_invalid,
                            fmt::format("'{}' means {} as well as {}", wanted, found, one.name));
            }
            found = one.name;
        }
    }
    if (found.empty()) {
        return fail(Status::address_invalid,
                    fmt::format("there is no server '{}'; there are {}floor", wanted, names));
    }
    return found;
}

Result<void> Runner::choose_servers() {
    const std::vector<ServerKind> known = known_servers();
    for (const std::string& name : options_.servers) {
        const auto matches = [&](const ServerKind& one) { return name_matches(one.name, name); };
        if (!is_floor(name) && std::none_of(known.begin(), known.end(), matches)) {
            return std::unexpected(one_server(known, name).error());
        }
    }
    baseline_ = options_.baseline;
    if (!baseline_.empty() && !is_floor(baseline_)) {
        auto name = one_server(known, baseline_);
        if (!name) {
            return std::unexpected(name.error());
        }
        baseline_ = std::move(*name);
    }
    for (const ServerKind& one : known) {
        if (!wanted(one.name) && one.name != baseline_) {
            continue;
        }
        if (!one.program.empty()) {
            servers_.push_back(one);
            if (!one.ours) {
                report_.programs.push_back({one.name, version_of(one, workspace_.folder())});
            }
        } else if (!options_.servers.empty() || one.name == baseline_) {
            return fail(Status::not_found, one.name + " is not installed");
        } else {
            report_.left_out.push_back(one.name + ": not installed");
        }
    }
    return {};
}

std::string Runner::reason_to_leave_out(const Scenario& scenario) const {
    Load load;
    load.connections = scenario.setting.connections;
    if (scenario.kind == Kind::load) {
        if (std::string reason = generator_.unable(load); !reason.empty()) {
            return reason;
        }
    }
    const unsigned long limit = raise_descriptor_limit();
    if (scenario.setting.connections + kDescriptorsOwn > limit) {
        return fmt::format(
            "the limit of open files is {}, and {} connections need more (ulimit -n)", limit,
            scenario.setting.connections);
    }
    return "";
}

Result<void> Runner::run() {
    for (const Scenario& scenario : options_.scenarios) {
        if (stopped()) {
            break;
        }
        if (const std::string reason = reason_to_leave_out(scenario); !reason.empty()) {
            report_.left_out.push_back(scenario.name + ": " + reason);
            continue;
        }
        // Made before the clock of any block runs.
        for (const Setting& setting : {scenario.setting, scenario.base.value_or(Setting{})}) {
            say(fmt::format("{}: making the root '{}'", scenario.name, setting.root));
            if (auto root = workspace_.root(setting.root); !root) {
                return std::unexpected(root.error());
            }
        }
        if (options_.self_trials > 0) {
            run_self_test(scenario);
        } else {
            run_scenario(scenario);
        }
    }
    report_.stopped = stopped();
    return {};
}

void Runner::run_scenario(const Scenario& scenario) {
    std::vector<ServerKind> floors;
    for (const FloorUse& use : scenario.floors) {
        if (!wants_floor(use.program)) {
            continue;
        }
        floors.push_back(floor_server(use, own_folder()));
        if (floors.back().program.empty()) {
            report_.left_out.push_back(
                fmt::format("{}: {} is not beside sluice", scenario.name, use.program));
            floors.pop_back();
        }
    }
    std::vector<Contender> contenders;
    contenders.reserve(floors.size() + 2 * servers_.size());
    for (const ServerKind& floor : floors) {
        contenders.push_back({&floor, scenario.setting});
    }
    for (const ServerKind& server : servers_) {
        if (scenario.ours_only && !server.ours) {
            continue;
        }
        if (scenario.base) {
            contenders.push_back({&server, *scenario.base});
        }
        contenders.push_back({&server, scenario.setting});
    }
    std::vector<Entry> entries = run_rounds(scenario, contenders, scenario.name);
    // Of a scenario that was cut short only what is whole may stay.
    if (!stopped()) {
        report_.scenarios.push_back(
            analyse(scenario, entries,
                    {.baseline = baseline_, .noise = options_.noise, .seed = options_.seed}));
    }
}

void Runner::run_self_test(const Scenario& scenario) {
    if (servers_.empty()) {
        return;
    }
    const ServerKind& server = servers_.front();
    SelfTest test{.scenario = scenario.name, .server = server.name};
    const std::vector<Contender> twice(2, Contender{&server, scenario.setting});
    for (unsigned trial = 0; trial < options_.self_trials && test.invalid.empty(); ++trial) {
        const std::vector<Entry> entries = run_rounds(
            scenario, twice,
            fmt::format("A/A {}, trial {} of {}", scenario.name, trial + 1, options_.self_trials));
        if (stopped()) {
            break;
        }
        std::vector<double> costs[2];
        for (std::size_t i = 0; i < 2; ++i) {
            test.invalid = test.invalid.empty() ? entries[i].invalid : test.invalid;
            for (const Block& block : entries[i].blocks) {
                costs[i].push_back(block.cost);
            }
        }
        test.trials.push_back(load::compare(costs[0], costs[1], load::Better::lower,
                                            options_.seed + trial, options_.noise));
    }
    report_.self_tests.push_back(std::move(test));
}

std::vector<Entry> Runner::run_rounds(const Scenario& scenario,
                                      const std::vector<Contender>& contenders,
                                      const std::string& title) {
    std::vector<Entry> entries;
    const bool two_settings = scenario.base.has_value() && options_.self_trials == 0;
    for (std::size_t i = 0; i < contenders.size(); ++i) {
        const ServerKind& server = *contenders[i].server;
        // The base setting of a server stands before the other one.
        const bool base =
            two_settings && i + 1 < contenders.size() && contenders[i + 1].server == &server;
        entries.push_back({.name = server.name,
                           .base = base,
                           .floor = server.floor,
                           .reference = server.reference});
    }
    for (unsigned round = 0; round < options_.rounds; ++round) {
        for (const std::size_t at : order_of_round(round, contenders.size())) {
            Entry& entry = entries[at];
            if (stopped() || !entry.invalid.empty()) {
                continue;
            }
            say(fmt::format("{}: round {} of {}, {}", title, round + 1, options_.rounds,
                            entry.name));
            auto block = run_block(scenario, contenders[at], entry);
            if (!block) {
                entry.invalid = stopped() ? "stopped" : block.error().what;
                continue;
            }
            block->round = round;
            entry.blocks.push_back(std::move(*block));
        }
    }
    return entries;
}

Result<Block> Runner::run_block(const Scenario& scenario, const Contender& contender,
                                Entry& entry) {
    auto port = free_port();
    auto root = workspace_.root(contender.setting.root);
    if (!port || !root) {
        return std::unexpected(port ? root.error() : port.error());
    }
    const std::string folder = workspace_.folder();
    Duty duty{.port = *port,
              .root = *root,
              .work = folder,
              .log = {},
              .arguments = contender.setting.arguments};
    if (contender.setting.log) {
        duty.log = folder + "/access.log";
        std::error_code error;
        std::filesystem::remove(to_path(duty.log), error);
    }
    auto command = contender.server->launch(duty);
    if (!command) {
        return std::unexpected(command.error());
    }
    Block block;
    const Nanos began = load::monotonic_now();
    auto process = Process::start(*command, server_cpu_, folder + "/server.out");
    if (!process) {
        return std::unexpected(process.error());
    }
    if (auto ready = wait_ready(*port, *process); !ready) {
        return std::unexpected(ready.error());
    }
    if (scenario.kind == Kind::start) {
        auto answer = check(scenario, *port, *root);
        block.cost = static_cast<double>(load::monotonic_now() - began);
        if (!answer) {
            return std::unexpected(answer.error());
        }
    } else if (auto done = measure(scenario, contender, *process, *port, block, entry); !done) {
        return std::unexpected(done.error());
    }
    if (!process->running()) {
        return fail(Status::io_error, "it ended: " + process->last_words());
    }
    block.memory = static_cast<double>(process->peak_resident_bytes());
    return block;
}

Result<void> Runner::measure(const Scenario& scenario, const Contender& contender,
                             const Process& process, std::uint16_t port, Block& block,
                             Entry& entry) {
    if (scenario.kind == Kind::idle_memory) {
        return measure_memory(scenario, process, port, block);
    }
    return measure_load(scenario, contender, process, port, block, entry);
}

// Asks once and looks at the answer; returns its validator. Floors answer a constant and are not
// looked at.
Result<std::string> Runner::check(const Scenario& scenario, std::uint16_t port,
                                  const std::string& root) {
    const std::string path = scenario.many > 0 ? file_path(7) : scenario.path;
    std::vector<std::string> fields = scenario.fields;
    std::string etag;
    if (scenario.revalidate) {
        auto first = ask(port, path);
        if (!first || first->etag.empty()) {
            return fail(Status::io_error, first ? "it gives no ETag" : first.error().what);
        }
        etag = first->etag;
        fields.push_back("If-None-Match: " + etag);
    }
    auto answer = ask(port, path, fields);
    if (!answer) {
        return std::unexpected(answer.error());
    }
    if (answer->status != scenario.status) {
        return fail(Status::io_error,
                    fmt::format("status {}, not {}", answer->status, scenario.status));
    }
    if (scenario.status == 200) {
        const auto file = read_file(root + (path == "/" ? "/index.html" : path));
        if (!file || answer->body != *file) {
            return fail(Status::io_error, fmt::format("{} bytes that are not those of the file",
                                                      answer->body.size()));
        }
    }
    return etag;
}

Load Runner::make_load(const Scenario& scenario, const Contender& contender,
                       std::uint16_t port) const {
    Load load{.port = port, .paths = {}, .fields = scenario.fields};
    load.connections = contender.setting.connections;
    load.pipeline = scenario.pipeline;
    load.churn = scenario.churn;
    load.status = contender.server->floor ? 200 : scenario.status;
    load.body_bytes = scenario.body_bytes;
    load.duration = options_.duration;
    for (unsigned i = 0; i < std::max(1U, scenario.many); ++i) {
        load.paths.push_back(scenario.many > 0 ? file_path(i) : scenario.path);
    }
    return load;
}

Result<void> Runner::measure_load(const Scenario& scenario, const Contender& contender,
                                  const Process& process, std::uint16_t port, Block& block,
                                  Entry& entry) {
    Load load = make_load(scenario, contender, port);
    if (!contender.server->floor) {
        auto root = workspace_.root(contender.setting.root);
        auto etag = root ? check(scenario, port, *root) : root;
        if (!etag) {
            return std::unexpected(etag.error());
        }
        if (!etag->empty()) {
            load.fields.push_back("If-None-Match: " + *etag);
        }
    }
    auto measured = generator_.run(load, process);
    if (!measured) {
        return std::unexpected(measured.error());
    }
    block.cost = measured->cpu_ns;
    block.rate = measured->rate;
    block.answers = measured->answers;
    block.p50 = measured->p50;
    block.p99 = measured->p99;
    block.p999 = measured->p999;
    block.flaw = measured->flaw;
    if (block.cost <= 0) {
        return fail(Status::io_error, "it took no CPU time that could be measured");
    }
    if (measured->flaw.empty() && measured->response) {
        entry.response.merge(*measured->response);
    }
    if (measured->connect) {
        entry.connect.merge(*measured->connect);
    }
    return {};
}

Result<void> Runner::measure_memory(const Scenario& scenario, const Process& process,
                                    std::uint16_t port, Block& block) {
    // Whatever is made on first use is there before the first look. Memory that a burst of
    // connections leaves behind would hide the growth: one connection at a time.
    for (unsigned i = 0; i < kWarmAsks; ++i) {
        if (auto answer = ask(port, scenario.path); !answer) {
            return std::unexpected(answer.error());
        }
    }
    const auto before = static_cast<double>(process.resident_bytes());
    auto held =
        HeldConnections::open(port, scenario.setting.connections, kPageBytes, options_.stop);
    if (!held) {
        return std::unexpected(held.error());
    }
    std::this_thread::sleep_for(std::chrono::nanoseconds(kSettle));
    const auto after = static_cast<double>(process.resident_bytes());
    block.cost = std::max(0.0, after - before) / scenario.setting.connections;
    return {};
}

std::string today() {
    const auto now = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
    const std::chrono::year_month_day date(now);
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

}  // namespace

Result<void> run(const RunOptions& options, Report& report) {
    const std::vector<int> cpus = usable_cpus();
    if (cpus.size() < 2) {
        return fail(Status::not_supported,
                    "two CPUs are needed, one for the server and one for the generator");
    }
    report.machine = load::machine();
    report.date = today();
    report.rounds = options.rounds;
    report.duration = options.duration;
    report.noise = options.noise;
    report.generator = options.wrk ? "wrk" : "sluice";
    auto workspace = Workspace::make();
    if (!workspace) {
        return std::unexpected(workspace.error());
    }
    // The generator's threads inherit this, and take the last of what they are left.
    if (!pin_away_from(cpus.front())) {
        return fail(Status::access_denied, "the system refuses to pin us to a CPU");
    }
    std::unique_ptr<Generator> generator;
    if (options.wrk) {
        const std::string program = find_program("wrk");
        if (program.empty()) {
            return fail(Status::not_found, "wrk is not installed");
        }
        report.programs.push_back(
            {"wrk", version_of({.name = "wrk", .program = program}, workspace->folder())});
        generator = wrk_generator(program, cpus.back(), workspace->folder(), options.stop);
    } else {
        generator = own_generator(*options.backends, options.stop);
    }
    Runner runner(options, *workspace, *generator, cpus.front(), report);
    if (auto chosen = runner.choose_servers(); !chosen) {
        return chosen;
    }
    return runner.run();
}

}  // namespace sluice::compare

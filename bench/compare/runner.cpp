#include "bench/compare/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "bench/compare/context.h"
#include "bench/compare/generator.h"
#include "bench/compare/servers.h"
#include "bench/compare/workspace.h"
#include "bench/load/system.h"
#include "system/cpu.h"

namespace sluice::compare {

namespace {

constexpr unsigned long kDescriptorsOwn = 128;

class Runner {
  public:
    Runner(const Context& context, Report& report)
        : options_(context.options), context_(context), report_(report) {}

    Result<void> choose_servers();
    Result<void> run();

  private:
    void run_scenario(const Scenario& scenario);
    void run_self_test(const Scenario& scenario);
    std::vector<ServerKind> floors_of(const Scenario& scenario);
    std::vector<ServerKind> equals_of(const Scenario& scenario, SelfTest& test);
    std::vector<Entry> measure(const Scenario& scenario, const std::vector<Variant>& variants,
                               const std::string& title, std::string& baseline);
    void add_instructions(const Scenario& scenario, const std::vector<Variant>& variants,
                          std::vector<Entry>& entries);
    std::string reason_to_leave_out(const Scenario& scenario) const;
    [[nodiscard]] bool wanted(const std::string& name) const;
    [[nodiscard]] bool wants_floor(const std::string& name) const;

    const RunOptions& options_;
    const Context& context_;
    Report& report_;
    std::vector<ServerKind> servers_;
    std::string baseline_;  // the full name, or empty
};

bool Runner::wanted(const std::string& name) const {
    return options_.servers.empty() ||
           std::any_of(options_.servers.begin(), options_.servers.end(),
                       [&](const std::string& one) { return name_matches(name, one); });
}

// Floors run as possible baselines. When another server is the baseline, a floor must be named.
// When some floors are named, only those run.
bool Runner::wants_floor(const std::string& name) const {
    const bool named = std::any_of(options_.servers.begin(), options_.servers.end(), is_floor);
    if (named) {
        return wanted(name) || name == baseline_;
    }
    return baseline_.empty() || name == baseline_;
}

Result<void> Runner::choose_servers() {
    const std::vector<ServerKind> known = known_servers();
    if (!options_.baseline.empty()) {
        auto name = one_server(options_.baseline);
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
                report_.programs.push_back(
                    {one.name, version_of(one, context_.workspace.folder())});
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
    load.connections = scenario.parameters.connections;
    if (scenario.kind == Kind::load) {
        if (std::string reason = context_.generator.unable(load); !reason.empty()) {
            return reason;
        }
    }
    const unsigned long limit = raise_descriptor_limit();
    if (scenario.parameters.connections + kDescriptorsOwn > limit) {
        return fmt::format(
            "the limit of open files is {}, and {} connections need more (ulimit -n)", limit,
            scenario.parameters.connections);
    }
    return "";
}

Result<void> Runner::run() {
    for (const Scenario& scenario : options_.scenarios) {
        if (context_.stopped()) {
            break;
        }
        if (const std::string reason = reason_to_leave_out(scenario); !reason.empty()) {
            report_.left_out.push_back(scenario.name + ": " + reason);
            continue;
        }
        // Made before anything is timed.
        for (const Parameters& parameters :
             {scenario.parameters, scenario.base.value_or(Parameters{})}) {
            context_.say(fmt::format("{}: making the root '{}'", scenario.name, parameters.root));
            if (auto root = context_.workspace.root(parameters.root); !root) {
                return std::unexpected(root.error());
            }
        }
        if (options_.self_trials > 0) {
            run_self_test(scenario);
        } else {
            run_scenario(scenario);
        }
    }
    report_.stopped = context_.stopped();
    return {};
}

std::vector<ServerKind> Runner::floors_of(const Scenario& scenario) {
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
    return floors;
}

std::vector<Entry> Runner::measure(const Scenario& scenario, const std::vector<Variant>& variants,
                                   const std::string& title, std::string& baseline) {
    return can_slice(context_, scenario) ? run_slices(context_, scenario, variants, title, baseline)
                                         : run_blocks(context_, scenario, variants, title);
}

void Runner::run_scenario(const Scenario& scenario) {
    const std::vector<ServerKind> floors = floors_of(scenario);
    std::vector<Variant> variants;
    variants.reserve(floors.size() + 2 * servers_.size());
    for (const ServerKind& floor : floors) {
        variants.push_back({&floor, scenario.parameters});
    }
    for (const ServerKind& server : servers_) {
        if (scenario.ours_only && !server.ours) {
            continue;
        }
        if (scenario.base) {
            variants.push_back({&server, *scenario.base, true});
        }
        variants.push_back({&server, scenario.parameters});
    }
    std::string baseline = baseline_;
    std::vector<Entry> entries = measure(scenario, variants, scenario.name, baseline);
    add_instructions(scenario, variants, entries);
    // A scenario that was cut short is not reported.
    if (!context_.stopped()) {
        report_.scenarios.push_back(
            analyse(scenario, entries, {.baseline = baseline, .noise = options_.noise}));
    }
}

void Runner::add_instructions(const Scenario& scenario, const std::vector<Variant>& variants,
                              std::vector<Entry>& entries) {
    for (std::size_t i = 0; i < variants.size(); ++i) {
        Entry& entry = entries[i];
        if (!options_.instructions || scenario.kind != Kind::load || context_.stopped() ||
            !variants[i].server->ours || !entry.invalid.empty()) {
            continue;
        }
        context_.say(fmt::format("{}: instructions of {}", scenario.name, entry.name));
        auto counted = count_instructions(context_, scenario, variants[i]);
        if (counted) {
            entry.instructions = *counted;
        } else if (!context_.stopped()) {
            report_.left_out.push_back(fmt::format("{}: instructions of {}: {}", scenario.name,
                                                   entry.name, counted.error().what));
        }
    }
}

// Two equal servers, or two that differ by the spin alone.
std::vector<ServerKind> Runner::equals_of(const Scenario& scenario, SelfTest& test) {
    if (options_.spin == 0 && !servers_.empty()) {
        return {servers_.front(), servers_.front()};
    }
    const auto use = std::ranges::find_if(
        scenario.floors, [&](const FloorUse& one) { return wants_floor(one.program); });
    if (use == scenario.floors.end()) {
        test.invalid = "it has no null server";
        return {};
    }
    FloorUse second = *use;
    if (options_.spin > 0) {
        second.arguments.insert(second.arguments.end(), {"--spin", std::to_string(options_.spin)});
    }
    std::vector<ServerKind> equals = {floor_server(*use, own_folder()),
                                      floor_server(second, own_folder())};
    if (equals[0].program.empty()) {
        test.invalid = use->program + " is not beside sluice";
        return {};
    }
    return equals;
}

void Runner::run_self_test(const Scenario& scenario) {
    SelfTest test{.scenario = scenario.name, .server = {}, .spin = options_.spin};
    const std::vector<ServerKind> equals = equals_of(scenario, test);
    std::vector<Variant> variants;
    for (const ServerKind& server : equals) {
        test.server = server.name;
        variants.push_back({&server, scenario.parameters});
    }
    std::vector<double> costs;
    for (unsigned trial = 0; trial < options_.self_trials && test.invalid.empty(); ++trial) {
        std::string baseline = test.server;
        const std::vector<Entry> entries = measure(
            scenario, variants,
            fmt::format("A/A {}, trial {} of {}", scenario.name, trial + 1, options_.self_trials),
            baseline);
        if (context_.stopped()) {
            break;
        }
        const ScenarioResult result =
            analyse(scenario, entries, {.baseline = baseline, .noise = options_.noise});
        for (const Row& row : result.rows) {
            test.invalid = test.invalid.empty() ? row.invalid : test.invalid;
        }
        costs.push_back(result.rows[0].cost);
        test.trials.push_back(result.rows[1].comparison);
    }
    test.cost = load::median(costs);
    report_.self_tests.push_back(std::move(test));
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
    const Priority priority = options.priority.value_or(highest_priority());
    if (options.priority && *options.priority > highest_priority()) {
        return fail(Status::access_denied, fmt::format("the system does not allow us {} priority",
                                                       to_string(*options.priority)));
    }
    report.priority = to_string(priority);
    auto workspace = Workspace::make();
    if (!workspace) {
        return std::unexpected(workspace.error());
    }
    // The generator's threads inherit this, and take the last of the CPUs that are left.
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
    const Context context{options, *workspace, *generator, cpus.front(), priority};
    Runner runner(context, report);
    if (auto chosen = runner.choose_servers(); !chosen) {
        return chosen;
    }
    return runner.run();
}

}  // namespace sluice::compare

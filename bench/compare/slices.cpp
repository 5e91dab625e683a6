// Slices: all variants of a scenario are alive, on one CPU, and one thread of ours loads one of
// them at a time, for some milliseconds, in the order of schedule.h. The others have no request in
// flight and nothing to do; how far that holds is measured (Block::idle_busy).
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "bench/compare/context.h"
#include "bench/compare/schedule.h"
#include "bench/load/slices.h"
#include "bench/load/system.h"

namespace sluice::compare {

namespace {

constexpr Nanos kSlice = 20 * kMillisecond;
// With bodies of megabytes a shorter slice would hold only a handful of answers.
constexpr Nanos kSliceLarge = 50 * kMillisecond;
constexpr Nanos kFirstSliceMin = 50 * kMillisecond;
// A server is idle when its CPU time does not change for this long; we wait at most kIdleWaitMax.
constexpr auto kIdleCheck = std::chrono::microseconds(100);
constexpr Nanos kIdleWaitMax = 3 * kMillisecond;

// A variant's server during one restart, and its load.
struct Instance {
    std::unique_ptr<Running> server;
    std::vector<int> pids;
    Load load;
    load::Plan plan;
    std::unique_ptr<load::SlicedLoad> slices;
    std::string invalid;
    Nanos cpu = 0;  // of its slices
    Nanos wall = 0;
    std::vector<double> costs;  // CPU time per answer, of each slice
    double warmup_cost = 0;
    Nanos cpu_when_idle = 0;  // its CPU time when its last slice was over
    Nanos idle_since = 0;
    Nanos idle_cpu = 0;
    Nanos idle_wall = 0;

    [[nodiscard]] bool alive() const { return slices != nullptr && invalid.empty(); }
};

Nanos cpu_of(Instance& instance) {
    const auto cpu = exact_cpu_of(instance.pids);
    if (!cpu) {
        instance.invalid = "it ended: " + instance.server->process.last_line();
    }
    return cpu.value_or(0);
}

// The CPU time when the work of the slice is done: the last answer arrives before the server has
// finished with it.
Nanos wait_until_idle(Instance& instance) {
    const Nanos give_up_at = load::monotonic_now() + kIdleWaitMax;
    Nanos cpu = cpu_of(instance);
    while (load::monotonic_now() < give_up_at) {
        std::this_thread::sleep_for(kIdleCheck);
        if (const Nanos before = std::exchange(cpu, cpu_of(instance)); cpu == before) {
            break;
        }
    }
    return cpu;
}

// CPU time for each answer; 0 when there was none.
double run_slice(Instance& instance, Nanos duration) {
    const Nanos before = cpu_of(instance);
    if (instance.idle_since > 0) {
        instance.idle_cpu += before - instance.cpu_when_idle;
        instance.idle_wall += load::monotonic_now() - instance.idle_since;
    }
    const load::SlicedLoad::Slice slice = instance.slices->run(duration);
    instance.cpu_when_idle = wait_until_idle(instance);
    instance.idle_since = load::monotonic_now();
    if (!instance.alive() || slice.answers == 0) {
        return 0;
    }
    instance.cpu += instance.cpu_when_idle - before;
    instance.wall += slice.wall;
    instance.costs.push_back(static_cast<double>(instance.cpu_when_idle - before) /
                             static_cast<double>(slice.answers));
    return instance.costs.back();
}

// Two variants that are compared; the same one twice when it has nothing to be compared with.
struct Pair {
    std::size_t base;
    std::size_t candidate;
};

class Restart {
  public:
    Restart(const Context& context, const Scenario& scenario, const std::vector<Variant>& variants,
            unsigned number, std::vector<Entry>& entries, std::string& baseline)
        : context_(context),
          scenario_(scenario),
          variants_(variants),
          number_(number),
          entries_(entries),
          baseline_(baseline),
          instances_(variants.size()) {}

    void run() {
        start();
        // Servers end with the thread that started them, so slices run on another one.
        std::thread([this] { load_in_turns(); }).join();
        if (!context_.stopped()) {
            collect();
        }
    }

  private:
    void start();
    void load_in_turns();
    void warm_up(Instance& instance) const;
    void choose_pairs();
    [[nodiscard]] std::size_t base_of(std::size_t at) const;
    void collect();

    const Context& context_;
    const Scenario& scenario_;
    const std::vector<Variant>& variants_;
    const unsigned number_;
    std::vector<Entry>& entries_;
    std::string& baseline_;
    std::vector<Instance> instances_;
    std::vector<Pair> pairs_;
    std::unique_ptr<Ratios> ratios_;
};

void Restart::start() {
    for (const std::size_t at : order_of_round(number_, variants_.size())) {
        if (context_.stopped() || !entries_[at].invalid.empty()) {
            continue;
        }
        Instance& instance = instances_[at];
        const Variant& variant = variants_[at];
        auto server = start_server(context_, variant, std::to_string(at));
        if (!server) {
            instance.invalid = server.error().what;
            continue;
        }
        instance.server = std::make_unique<Running>(std::move(*server));
        auto load = load_of(context_, scenario_, variant, instance.server->port);
        auto plan = load ? plan_of(*load) : std::unexpected(load.error());
        if (!plan) {
            instance.invalid = plan.error().what;
            continue;
        }
        instance.load = std::move(*load);
        instance.plan = std::move(*plan);
        instance.plan.backends = context_.options.backends;
        instance.plan.stop = context_.options.stop;
        instance.pids = process_tree(instance.server->process.pid());
    }
}

void Restart::load_in_turns() {
    (void)take_priority(context_.priority);
    for (Instance& instance : instances_) {
        if (instance.server != nullptr && instance.invalid.empty() && !context_.stopped()) {
            warm_up(instance);
        }
    }
    choose_pairs();
    const Nanos slice = scenario_.large() ? kSliceLarge : kSlice;
    const auto sequences =
        static_cast<unsigned>(std::max<Nanos>(1, context_.options.duration / (2 * slice)));
    ratios_ = std::make_unique<Ratios>(pairs_.size());
    for (unsigned sequence = 0; sequence < sequences; ++sequence) {
        for (const Turn& turn : order_of_sequence(number_, sequence, pairs_.size())) {
            const Pair& pair = pairs_[turn.pair];
            Instance& instance = instances_[turn.candidate ? pair.candidate : pair.base];
            const bool both = instances_[pair.base].alive() && instances_[pair.candidate].alive();
            ratios_->add(turn, both && !context_.stopped() ? run_slice(instance, slice) : 0);
        }
    }
    // The thread that made them must destroy them.
    for (Instance& instance : instances_) {
        if (instance.slices == nullptr) {
            continue;
        }
        load::Outcome outcome = instance.slices->close();
        instance.slices.reset();
        auto measured = measured_of(instance.load, instance.plan, outcome, instance.cpu);
        Entry& entry = entries_[static_cast<std::size_t>(&instance - instances_.data())];
        if (!measured && instance.invalid.empty() && !context_.stopped()) {
            instance.invalid = measured.error().what;
        }
        if (instance.invalid.empty() && measured) {
            entry.blocks.push_back({.round = number_});
            take(std::move(*measured), entry.blocks.back(), entry);
            // A median, as for the ratios: one disturbed slice does not move it far.
            entry.blocks.back().cost = load::median(instance.costs);
        }
    }
}

void Restart::warm_up(Instance& instance) const {
    instance.slices = std::make_unique<load::SlicedLoad>(instance.plan);
    if (auto opened = instance.slices->open(); !opened) {
        instance.invalid = opened.error().what;
        instance.slices.reset();
        return;
    }
    instance.warmup_cost =
        run_slice(instance, std::max(kFirstSliceMin, context_.options.duration / 10));
    instance.slices->end_warmup();
    instance.costs.clear();
}

// The first restart chooses the baseline, and the others keep it.
void Restart::choose_pairs() {
    if (baseline_.empty() && !scenario_.base) {
        const Instance* cheapest = nullptr;
        for (std::size_t i = 0; i < instances_.size(); ++i) {
            const Instance& instance = instances_[i];
            if (variants_[i].server->reference && instance.alive() && instance.warmup_cost > 0 &&
                (cheapest == nullptr || instance.warmup_cost < cheapest->warmup_cost)) {
                cheapest = &instance;
                baseline_ = entries_[i].name;
            }
        }
        for (std::size_t i = 0; i < instances_.size() && baseline_.empty(); ++i) {
            if (!variants_[i].server->floor && instances_[i].alive()) {
                baseline_ = entries_[i].name;
            }
        }
    }
    for (std::size_t i = 0; i < instances_.size(); ++i) {
        const std::size_t base = base_of(i);
        // A baseline has its slices in the pairs of the others.
        const bool others = std::ranges::any_of(instances_, [&](const Instance& instance) {
            const auto at = static_cast<std::size_t>(&instance - instances_.data());
            return at != i && instance.alive() && base_of(at) == i;
        });
        if (instances_[i].alive() && (base != i || !others)) {
            pairs_.push_back({base, i});
        }
    }
}

// What the variant is compared with; itself when with nothing.
std::size_t Restart::base_of(std::size_t at) const {
    for (std::size_t i = 0; i < instances_.size(); ++i) {
        const bool mine = scenario_.base ? variants_[i].base && !variants_[at].base &&
                                               variants_[i].server == variants_[at].server
                                         : entries_[i].name == baseline_;
        if (mine && instances_[i].alive()) {
            return i;
        }
    }
    return at;
}

void Restart::collect() {
    for (std::size_t i = 0; i < instances_.size(); ++i) {
        Instance& instance = instances_[i];
        Entry& entry = entries_[i];
        if (instance.server != nullptr && instance.invalid.empty() &&
            !instance.server->process.running()) {
            instance.invalid = "it ended: " + instance.server->process.last_line();
        }
        if (!instance.invalid.empty()) {
            entry.invalid = instance.invalid;
        }
        if (!entry.invalid.empty() || entry.blocks.empty() ||
            entry.blocks.back().round != number_) {
            continue;
        }
        Block& block = entry.blocks.back();
        block.memory = static_cast<double>(instance.server->process.peak_resident_bytes());
        const auto share = [](Nanos part, Nanos whole) {
            return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
        };
        block.busy = share(instance.cpu, instance.wall);
        block.idle_busy = share(instance.idle_cpu, instance.idle_wall);
    }
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
        const Pair& pair = pairs_[i];
        Entry& entry = entries_[pair.candidate];
        if (pair.base != pair.candidate && entry.invalid.empty() &&
            entries_[pair.base].invalid.empty() && !entry.blocks.empty()) {
            entry.blocks.back().ratio = ratios_->of(i);
            entry.blocks.back().pairs = ratios_->count(i);
        }
    }
}

}  // namespace

bool can_slice(const Context& context, const Scenario& scenario) {
    const bool few = scenario.parameters.connections <= kFewConnections &&
                     (!scenario.base || scenario.base->connections <= kFewConnections);
    return scenario.kind == Kind::load && few && !context.options.wrk && exact_cpu_of({});
}

std::vector<Entry> run_slices(const Context& context, const Scenario& scenario,
                              const std::vector<Variant>& variants, const std::string& title,
                              std::string& baseline) {
    std::vector<Entry> entries = entries_of(variants);
    for (unsigned number = 0; number < context.options.rounds && !context.stopped(); ++number) {
        context.say(fmt::format("{}: restart {} of {}", title, number + 1, context.options.rounds));
        Restart(context, scenario, variants, number, entries, baseline).run();
    }
    return entries;
}

}  // namespace sluice::compare

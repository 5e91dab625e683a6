// Slices: all contenders of a scenario are alive, on one CPU, and one thread of ours loads one of
// them at a time, for some milliseconds, in the order of schedule.h. Who has no turn has nothing
// under way and nothing to do; how far that is true is measured (Block::idle_busy).
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "bench/compare/schedule.h"
#include "bench/compare/stage.h"
#include "bench/load/slices.h"
#include "bench/load/system.h"

namespace sluice::compare {

namespace {

constexpr Nanos kSlice = 20 * kMillisecond;
// Of bodies of megabytes a shorter one would hold a handful of answers.
constexpr Nanos kSliceLarge = 50 * kMillisecond;
constexpr Nanos kFirstSliceMin = 50 * kMillisecond;
// A server is at rest when its CPU time stands still for so long; it has a while to get there.
constexpr auto kRest = std::chrono::microseconds(100);
constexpr Nanos kRestMax = 3 * kMillisecond;

// A contender during one restart.
struct Side {
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
    Nanos rested_cpu = 0;  // its CPU time when its last slice was over
    Nanos rested_at = 0;
    Nanos idle_cpu = 0;
    Nanos idle_wall = 0;

    [[nodiscard]] bool alive() const { return slices != nullptr && invalid.empty(); }
};

Nanos cpu_of(Side& side) {
    const auto cpu = exact_cpu_of(side.pids);
    if (!cpu) {
        side.invalid = "it ended: " + side.server->process.last_words();
    }
    return cpu.value_or(0);
}

// The CPU time once the work of the slice is done: the last answer is here before the server is
// through with it.
Nanos rest(Side& side) {
    const Nanos give_up_at = load::monotonic_now() + kRestMax;
    Nanos cpu = cpu_of(side);
    while (load::monotonic_now() < give_up_at) {
        std::this_thread::sleep_for(kRest);
        if (const Nanos before = std::exchange(cpu, cpu_of(side)); cpu == before) {
            break;
        }
    }
    return cpu;
}

// CPU time for each answer; 0 when there was none.
double run_slice(Side& side, Nanos duration) {
    const Nanos before = cpu_of(side);
    if (side.rested_at > 0) {
        side.idle_cpu += before - side.rested_cpu;
        side.idle_wall += load::monotonic_now() - side.rested_at;
    }
    const load::SlicedLoad::Slice slice = side.slices->run(duration);
    side.rested_cpu = rest(side);
    side.rested_at = load::monotonic_now();
    if (!side.alive() || slice.answers == 0) {
        return 0;
    }
    side.cpu += side.rested_cpu - before;
    side.wall += slice.wall;
    side.costs.push_back(static_cast<double>(side.rested_cpu - before) /
                         static_cast<double>(slice.answers));
    return side.costs.back();
}

// Two contenders that are compared; the same one twice when it has nothing to be compared with.
struct Pair {
    std::size_t base;
    std::size_t candidate;
};

class Restart {
  public:
    Restart(const Stage& stage, const Scenario& scenario, const std::vector<Contender>& contenders,
            unsigned number, std::vector<Entry>& entries, std::string& baseline)
        : stage_(stage),
          scenario_(scenario),
          contenders_(contenders),
          number_(number),
          entries_(entries),
          baseline_(baseline),
          sides_(contenders.size()) {}

    void run() {
        start();
        // Servers end with the thread that started them, so that one is not this one.
        std::thread([this] { load_in_turns(); }).join();
        if (!stage_.stopped()) {
            collect();
        }
    }

  private:
    void start();
    void load_in_turns();
    void warm_up(Side& side) const;
    void choose_pairs();
    [[nodiscard]] std::size_t base_of(std::size_t at) const;
    void collect();

    const Stage& stage_;
    const Scenario& scenario_;
    const std::vector<Contender>& contenders_;
    const unsigned number_;
    std::vector<Entry>& entries_;
    std::string& baseline_;
    std::vector<Side> sides_;
    std::vector<Pair> pairs_;
    std::unique_ptr<Ratios> ratios_;
};

void Restart::start() {
    for (const std::size_t at : order_of_round(number_, contenders_.size())) {
        if (stage_.stopped() || !entries_[at].invalid.empty()) {
            continue;
        }
        Side& side = sides_[at];
        const Contender& contender = contenders_[at];
        auto server = start_server(stage_, contender, std::to_string(at));
        if (!server) {
            side.invalid = server.error().what;
            continue;
        }
        side.server = std::make_unique<Running>(std::move(*server));
        auto load = load_of(stage_, scenario_, contender, side.server->port);
        auto plan = load ? plan_of(*load) : std::unexpected(load.error());
        if (!plan) {
            side.invalid = plan.error().what;
            continue;
        }
        side.load = std::move(*load);
        side.plan = std::move(*plan);
        side.plan.backends = stage_.options.backends;
        side.plan.stop = stage_.options.stop;
        side.pids = process_tree(side.server->process.pid());
    }
}

void Restart::load_in_turns() {
    (void)take_priority(stage_.priority);
    for (Side& side : sides_) {
        if (side.server != nullptr && side.invalid.empty() && !stage_.stopped()) {
            warm_up(side);
        }
    }
    choose_pairs();
    const Nanos slice = scenario_.large() ? kSliceLarge : kSlice;
    const auto figures =
        static_cast<unsigned>(std::max<Nanos>(1, stage_.options.duration / (2 * slice)));
    ratios_ = std::make_unique<Ratios>(pairs_.size());
    for (unsigned figure = 0; figure < figures; ++figure) {
        for (const Turn& turn : order_of_figure(number_, figure, pairs_.size())) {
            const Pair& pair = pairs_[turn.pair];
            Side& side = sides_[turn.candidate ? pair.candidate : pair.base];
            const bool both = sides_[pair.base].alive() && sides_[pair.candidate].alive();
            ratios_->add(turn, both && !stage_.stopped() ? run_slice(side, slice) : 0);
        }
    }
    // The generator's parts belong to this thread.
    for (Side& side : sides_) {
        if (side.slices == nullptr) {
            continue;
        }
        load::Outcome outcome = side.slices->close();
        side.slices.reset();
        auto measured = measured_of(side.load, side.plan, outcome, side.cpu);
        Entry& entry = entries_[static_cast<std::size_t>(&side - sides_.data())];
        if (!measured && side.invalid.empty() && !stage_.stopped()) {
            side.invalid = measured.error().what;
        }
        if (side.invalid.empty() && measured) {
            entry.blocks.push_back({.round = number_});
            take(std::move(*measured), entry.blocks.back(), entry);
            // As the ratios: no slice that something else disturbed moves it far.
            entry.blocks.back().cost = load::median(side.costs);
        }
    }
}

void Restart::warm_up(Side& side) const {
    side.slices = std::make_unique<load::SlicedLoad>(side.plan);
    if (auto opened = side.slices->open(); !opened) {
        side.invalid = opened.error().what;
        side.slices.reset();
        return;
    }
    side.warmup_cost = run_slice(side, std::max(kFirstSliceMin, stage_.options.duration / 10));
    side.slices->end_warmup();
    side.costs.clear();
}

// What is compared with what is settled by the first restart, and stays.
void Restart::choose_pairs() {
    if (baseline_.empty() && !scenario_.base) {
        const Side* cheapest = nullptr;
        for (std::size_t i = 0; i < sides_.size(); ++i) {
            const Side& side = sides_[i];
            if (contenders_[i].server->reference && side.alive() && side.warmup_cost > 0 &&
                (cheapest == nullptr || side.warmup_cost < cheapest->warmup_cost)) {
                cheapest = &side;
                baseline_ = entries_[i].name;
            }
        }
        for (std::size_t i = 0; i < sides_.size() && baseline_.empty(); ++i) {
            if (!contenders_[i].server->floor && sides_[i].alive()) {
                baseline_ = entries_[i].name;
            }
        }
    }
    for (std::size_t i = 0; i < sides_.size(); ++i) {
        const std::size_t base = base_of(i);
        // A baseline has its slices beside those of the others.
        const bool others = std::ranges::any_of(sides_, [&](const Side& side) {
            const auto at = static_cast<std::size_t>(&side - sides_.data());
            return at != i && side.alive() && base_of(at) == i;
        });
        if (sides_[i].alive() && (base != i || !others)) {
            pairs_.push_back({base, i});
        }
    }
}

// Of the contender: what it is compared with; itself when with nothing.
std::size_t Restart::base_of(std::size_t at) const {
    for (std::size_t i = 0; i < sides_.size(); ++i) {
        const bool mine = scenario_.base ? contenders_[i].base && !contenders_[at].base &&
                                               contenders_[i].server == contenders_[at].server
                                         : entries_[i].name == baseline_;
        if (mine && sides_[i].alive()) {
            return i;
        }
    }
    return at;
}

void Restart::collect() {
    for (std::size_t i = 0; i < sides_.size(); ++i) {
        Side& side = sides_[i];
        Entry& entry = entries_[i];
        if (side.server != nullptr && side.invalid.empty() && !side.server->process.running()) {
            side.invalid = "it ended: " + side.server->process.last_words();
        }
        if (!side.invalid.empty()) {
            entry.invalid = side.invalid;
        }
        if (!entry.invalid.empty() || entry.blocks.empty() ||
            entry.blocks.back().round != number_) {
            continue;
        }
        Block& block = entry.blocks.back();
        block.memory = static_cast<double>(side.server->process.peak_resident_bytes());
        const auto share = [](Nanos part, Nanos whole) {
            return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
        };
        block.busy = share(side.cpu, side.wall);
        block.idle_busy = share(side.idle_cpu, side.idle_wall);
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

bool can_slice(const Stage& stage, const Scenario& scenario) {
    const bool few = scenario.setting.connections <= kFewConnections &&
                     (!scenario.base || scenario.base->connections <= kFewConnections);
    return scenario.kind == Kind::load && few && !stage.options.wrk && exact_cpu_of({});
}

std::vector<Entry> run_slices(const Stage& stage, const Scenario& scenario,
                              const std::vector<Contender>& contenders, const std::string& title,
                              std::string& baseline) {
    std::vector<Entry> entries = entries_of(contenders);
    for (unsigned number = 0; number < stage.options.rounds && !stage.stopped(); ++number) {
        stage.say(fmt::format("{}: restart {} of {}", title, number + 1, stage.options.rounds));
        Restart(stage, scenario, contenders, number, entries, baseline).run();
    }
    return entries;
}

}  // namespace sluice::compare

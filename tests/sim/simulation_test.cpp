// Seeds: random worlds with random clients, faults and ends, and what must hold in each of them.
//
// Each seed is run plainly and through the test transport. SLUICE_SIM_SEED=n runs the one seed in
// place of the random ones; SLUICE_SIM_SEEDS=n runs that many random ones. A failure prints its
// command line.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <random>

#include "tests/sim/client.h"
#include "tests/sim/log_check.h"
#include "tests/sim/world.h"

namespace sluice::sim {

namespace {

constexpr std::size_t kRandomSeeds = 20;

template <typename T>
T one_of(SimRandom& random, std::initializer_list<T> list) {
    return list.begin()[random.between<std::size_t>(0, list.size() - 1)];
}

WorldOptions random_options(SimRandom& random, std::uint64_t seed) {
    WorldOptions options;
    SimOptions& network = options.network;
    network.seed = seed;
    network.latency_max = one_of(random, {20 * kMicrosecond, kMillisecond, 20 * kMillisecond});
    network.latency_min = std::min(network.latency_min, network.latency_max);
    network.segment_bytes_max = one_of<std::size_t>(random, {1'400, 9'000, 64 * 1024});
    network.window_bytes_min = one_of<std::size_t>(random, {2'000, 20'000, 64 * 1024});
    network.window_bytes_max = network.window_bytes_min * one_of<std::size_t>(random, {1, 4, 16});
    SimFaults& faults = network.faults;
    if (random.chance(0.7)) {  // what nobody outside may notice
        faults.short_recv = one_of(random, {0.0, 0.1, 0.6});
        faults.pause_recv = one_of(random, {0.0, 0.05, 0.3});
        faults.spurious_return = one_of(random, {0.0, 0.05, 0.3});
        faults.accept_no_fds = one_of(random, {0.0, 0.1});
        faults.file_cold = one_of(random, {0.0, 0.3, 1.0});
        network.disk_latency_max = one_of(random, {kMicrosecond, 10 * kMillisecond, kSecond});
    }
    if (random.chance(0.4)) {  // what breaks connections
        faults.reset = one_of(random, {0.0, 0.002, 0.03});
        faults.time_out = one_of(random, {0.0, 0.005});
        faults.connect_refused = one_of(random, {0.0, 0.1});
        faults.file_changed = one_of(random, {0.0, 0.05});
    }
    BackendLimits& backend = options.backend;
    backend.recv_buffers = one_of(random, {1U, 4U, 256U});
    backend.recv_buffer_bytes = one_of(random, {61U, 512U, 4096U});
    backend.completions = one_of(random, {2U, 33U, 512U});
    Limits& limits = options.limits;
    limits.connections_per_worker = one_of(random, {3U, 20U, 64U});
    limits.head_timeout = one_of(random, {2 * kSecond, 10 * kSecond});
    limits.body_timeout = one_of(random, {3 * kSecond, 30 * kSecond});
    limits.idle_timeout = one_of(random, {kSecond, 4 * kSecond, 60 * kSecond});
    if (network.latency_max > kMillisecond) {
        limits.body_timeout = 60 * kSecond;
        limits.head_timeout = 10 * kSecond;
    }
    limits.write_timeout = one_of(random, {5 * kSecond, 30 * kSecond});
    limits.drain_timeout = one_of(random, {500 * kMillisecond, 10 * kSecond});
    options.workers = one_of(random, {1U, 1U, 2U, 3U});
    if (random.chance(0.4)) {
        options.site_changes = true;
        options.file_clock_tick = one_of(random, {Nanos{1}, 4 * kMillisecond, 10 * kMillisecond});
        faults.file_changed = 0;  // a stamp that moves without a reason counts for a moved one
    }
    if (random.chance(0.3)) {
        options.counts_clients = random.chance(0.3);
        options.failing_allocations = one_of(random, {0.02, 0.3, 1.0});
    }
    if (random.chance(0.2)) {  // a log that is read too seldom for its ring
        options.log_ring_bytes = 512;
        options.log_pause = one_of(random, {10 * kMillisecond, 2 * kSecond});
    }
    return options;
}

ClientPlan random_plan(SimRandom& random, World& world) {
    ClientPlan plan;
    plan.start = random.between<Nanos>(0, 3 * kSecond);
    const auto dice = random.between(0, 99);
    plan.manner = dice < 30   ? Manner::closes
                  : dice < 45 ? Manner::half_closes
                  : dice < 65 ? Manner::stays
                  : dice < 73 ? Manner::cuts
                  : dice < 80 ? Manner::cuts_and_ends
                  : dice < 84 ? Manner::silent
                  : dice < 91 ? Manner::vanishes
                  : dice < 96 ? Manner::stalls
                              : Manner::babbles;
    const auto steps = random.between<std::size_t>(1, 8);
    for (std::size_t i = 0; i < steps; ++i) {
        plan.steps.push_back(ordinary_request(random, world));
    }
    if (random.chance(0.3) || plan.manner == Manner::babbles) {
        plan.steps.push_back(last_request(random, world));
    }
    plan.pipelined_max = one_of<std::size_t>(random, {1, 1, 2, 100});
    const Step& last = plan.steps.back();
    plan.cut_at = random.between<std::size_t>(1, last.bytes.size() - 1);
    if (random.chance(0.4)) {
        // Slow to write, but never so slow that a head or body would take too long.
        std::size_t longest = 0;
        for (const Step& step : plan.steps) {
            longest = std::max(longest, step.bytes.size());
        }
        plan.write_max = 2 + longest / one_of<std::size_t>(random, {2, 10, 150});
        plan.write_pause = one_of(random, {50 * kMicrosecond, 5 * kMillisecond});
    }
    if (random.chance(world.changes() ? 0.6 : 0.3)) {
        plan.read_max = one_of<std::size_t>(random, {500, 5'000, 50'000});
        plan.read_pause_per_byte = kMicrosecond;
    }
    plan.vanish_after = random.between<Nanos>(0, 2 * kSecond);
    plan.vanish_by_reset = random.chance(0.5);
    plan.stall_at = random.between<std::size_t>(0, 100'000);
    return plan;
}

// Somebody sets the wall clock a few times, by seconds or by months.
void set_clocks(SimRandom& random, World& world) {
    for (auto steps = random.between(1, 4); steps > 0; --steps) {
        const auto seconds = one_of<std::int64_t>(random, {-1, 1, -40, 3'600, -86'400, 7'000'000});
        world.network().after(random.between<Nanos>(0, 5 * kSecond),
                              [&world, seconds] { world.network().step_wall_clock(seconds); });
    }
}

void change_site(SimRandom& random, World& world) {
    for (auto changes = random.between(1, 30); changes > 0; --changes) {
        const Nanos first = random.between<Nanos>(0, 5 * kSecond);
        const auto burst = one_of(random, {1, 1, 1, 6});
        for (int i = 0; i < burst; ++i) {
            world.network().after(first + i * random.between<Nanos>(0, 40 * kMillisecond),
                                  [&world, seed = random.next()] {
                                      SimRandom own(seed);
                                      world.change_site(own);
                                  });
        }
    }
}

bool breaks_connections(const SimFaults& faults) {
    return faults.reset > 0 || faults.time_out > 0 || faults.connect_refused > 0;
}

using Clients = std::vector<std::unique_ptr<Client>>;

void judge(const World& world, const Clients& clients, const Client::Excuses& excuses) {
    std::uint64_t short_of_memory = 0;
    for (std::size_t i = 0; i < clients.size(); ++i) {
        std::string verdict = clients[i]->verdict(excuses);
        if (world.allocations_refused() > 0 && !verdict.empty()) {
            ++short_of_memory;
            Client::Excuses scarce = excuses;
            scarce.memory = true;
            verdict = clients[i]->verdict(scarce);
        }
        EXPECT_EQ(verdict, "") << "client " << i << " (" << clients[i]->describe() << ")";
    }
    EXPECT_LE(short_of_memory, world.allocations_refused())
        << "one connection at most for each allocation that fails";
}

void print(const World& world, const WorldOptions& options, Nanos drained_after) {
    std::printf("latency %lld us, window %zu to %zu, segments %zu, write timeout %lld ms\n",
                static_cast<long long>(options.network.latency_max / kMicrosecond),
                options.network.window_bytes_min, options.network.window_bytes_max,
                options.network.segment_bytes_max,
                static_cast<long long>(world.limits().write_timeout / kMillisecond));
    std::printf("%s; drained after %lld ms; %llu allocations refused\n",
                world.counters_text().c_str(), static_cast<long long>(drained_after / kMillisecond),
                static_cast<unsigned long long>(world.allocations_refused()));
}

// Runs one world to its end, plainly or through the test transport; returns the digest of
// everything that happened.
std::uint64_t run(std::uint64_t seed, bool sealed) {
    SCOPED_TRACE("SLUICE_SIM_SEED=" + std::to_string(seed) +
                 " build/debug/sim --gtest_filter=Simulation.RandomSeeds" +
                 (sealed ? " (sealed)" : ""));
    SimRandom random(seed);
    WorldOptions options = random_options(random, seed);
    options.sealed = sealed;
    World world(options);
    if (random.chance(0.15)) {
        world.backend().limit_sockets(one_of<std::size_t>(random, {2, 7}));
    }
    if (random.chance(0.3)) {
        set_clocks(random, world);
    }
    if (options.site_changes) {
        change_site(random, world);
    }
    for (auto times = random.chance(0.3) ? random.between(1, 20) : 0; times > 0; --times) {
        world.network().after(random.between<Nanos>(0, 4 * kSecond),
                              [&world] { world.crowd_loader(); });
    }
    Clients clients;
    const auto count = random.between<std::size_t>(1, 30);
    for (std::size_t i = 0; i < count; ++i) {
        clients.push_back(
            std::make_unique<Client>(world, random_plan(random, world), random.next()));
    }
    const auto all_done = [&] {
        return std::ranges::all_of(clients, [](const auto& client) { return client->done(); });
    };
    // Either everybody finishes first, or the end comes in the middle.
    const bool early = random.chance(0.4);
    const Nanos patience = early ? random.between<Nanos>(0, 4 * kSecond) : 100 * kSecond;
    const bool all = world.run_until(all_done, patience);
    bool stopped = false;
    if (random.chance(early ? 0.2 : 0)) {
        stopped = true;
        world.network().after(random.between<Nanos>(0, 100 * kMillisecond),
                              [&world] { world.stop(); });
    }
    const Nanos took = world.drain();
    const Limits& limits = world.limits();
    EXPECT_NE(took, kNever) << "the server never ended";
    const Nanos read = options.network.disk_latency_max;  // a read under way is waited for
    EXPECT_LE(took, limits.drain_timeout + 100 * kMillisecond + read);
    stopped = stopped || took >= limits.drain_timeout;
    EXPECT_EQ(world.leftovers(), "");
    // What the server sent last is still on its way.
    world.network().run_until(world.now() + 60 * kSecond);

    Client::Excuses excuses;
    excuses.network = breaks_connections(options.network.faults);
    excuses.gave_way = world.counters().gave_way > 0;
    excuses.crowded = world.counters().accept_pauses > 0;
    excuses.refused = world.counters().refused > 0 || !all;
    excuses.drained = !all;
    excuses.stopped = stopped;
    judge(world, clients, excuses);
    EXPECT_EQ(log_complaint(world, clients), "");
    if (testing::Test::HasFailure()) {
        print(world, options, took);
    }
    const std::uint64_t digest = world.network().digest();
    clients.clear();
    world.network().run_until(world.now() + 60 * kSecond);
    EXPECT_EQ(world.network().sockets_open(), 0U);
    return digest;
}

}  // namespace

class Seeds : public testing::TestWithParam<int> {};

TEST_P(Seeds, Hold) {
    const int first = GetParam() * 20;
    for (int seed = first; seed < first + 20 && !HasFailure(); ++seed) {
        run(static_cast<std::uint64_t>(seed), false);
        run(static_cast<std::uint64_t>(seed), true);
    }
}
INSTANTIATE_TEST_SUITE_P(Simulation, Seeds, testing::Range(0, 10));

TEST(Simulation, RandomSeeds) {
    if (const char* given = std::getenv("SLUICE_SIM_SEED")) {
        run(std::strtoull(given, nullptr, 10), false);
        run(std::strtoull(given, nullptr, 10), true);
        return;
    }
    const char* many = std::getenv("SLUICE_SIM_SEEDS");
    const std::size_t count = many != nullptr ? std::strtoull(many, nullptr, 10) : kRandomSeeds;
    std::random_device device;
    const std::uint64_t first = device();
    std::printf("seeds %llu to %llu\n", static_cast<unsigned long long>(first),
                static_cast<unsigned long long>(first + count - 1));
    for (std::size_t i = 0; i < count && !HasFailure(); ++i) {
        run(first + i, false);
        run(first + i, true);
    }
}

TEST(Simulation, ASeedReproduces) {
    // Some with files that change, some with memory that is short.
    for (const std::uint64_t seed : {5U, 8U, 17U, 37U, 83U, 123U}) {
        for (const bool sealed : {false, true}) {
            EXPECT_EQ(run(seed, sealed), run(seed, sealed)) << seed;
        }
    }
}

}  // namespace sluice::sim

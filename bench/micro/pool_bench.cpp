// Slots of connections, handed out and given back.
#include <benchmark/benchmark.h>

#include <vector>

#include "core/connection.h"
#include "core/pool.h"

namespace sluice::micro {

namespace {

// The slot released last is acquired first: always the same.
void one(benchmark::State& state) {
    Pool<Connection> pool(10'000);
    for (auto _ : state) {
        const std::uint32_t slot = pool.acquire();
        benchmark::DoNotOptimize(pool[slot]);
        pool.release(slot);
    }
}

// A burst: all are taken, then all are given back.
void all(benchmark::State& state) {
    constexpr std::uint32_t kCapacity = 10'000;
    Pool<Connection> pool(kCapacity);
    for (auto _ : state) {
        for (std::uint32_t i = 0; i < kCapacity; ++i) {
            benchmark::DoNotOptimize(pool.acquire());
        }
        for (std::uint32_t i = 0; i < kCapacity; ++i) {
            pool.release(i);
        }
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * kCapacity);
}

BENCHMARK(one)->Name("pool/acquire_and_release");
BENCHMARK(all)->Name("pool/ten_thousand");

}  // namespace

}  // namespace sluice::micro

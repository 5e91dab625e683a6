// Recording a latency, which the generator does a few times for each request, and reading
// quantiles.
#include <benchmark/benchmark.h>

#include <array>
#include <cmath>
#include <random>

#include "core/histogram.h"

namespace sluice::micro {

namespace {

constexpr std::size_t kValues = 4096;

// Around 100 us, as latencies are spread.
std::array<Nanos, kValues> latencies() {
    std::array<Nanos, kValues> values{};
    std::mt19937 engine(1);  // NOLINT(bugprone-random-generator-seed): the same in each run
    std::lognormal_distribution<double> spread(std::log(100e3), 0.5);
    for (Nanos& value : values) {
        value = static_cast<Nanos>(spread(engine));
    }
    return values;
}

void record(benchmark::State& state) {
    const auto values = latencies();
    Histogram histogram;
    std::size_t at = 0;
    for (auto _ : state) {
        histogram.record(values[at++ % kValues]);
    }
    benchmark::DoNotOptimize(histogram.count());
}

void quantile(benchmark::State& state) {
    Histogram histogram;
    for (const Nanos value : latencies()) {
        histogram.record(value);
    }
    for (auto _ : state) {
        benchmark::DoNotOptimize(histogram.quantile(0.99));
    }
}

void merge(benchmark::State& state) {
    Histogram one;
    Histogram sum;
    for (const Nanos value : latencies()) {
        one.record(value);
    }
    for (auto _ : state) {
        sum.merge(one);
    }
    benchmark::DoNotOptimize(sum.count());
}

BENCHMARK(record)->Name("histogram/record");
BENCHMARK(quantile)->Name("histogram/quantile");
BENCHMARK(merge)->Name("histogram/merge");

}  // namespace

}  // namespace sluice::micro

// Accept-Encoding to the coding that is sent.
#include <benchmark/benchmark.h>

#include "http/encoding.h"

namespace sluice::micro {

namespace {

void choose(benchmark::State& state, std::string_view field) {
    const http::Variants all = {true, true, true};
    for (auto _ : state) {
        benchmark::DoNotOptimize(field);
        benchmark::DoNotOptimize(http::negotiate(field, all));
    }
}

BENCHMARK_CAPTURE(choose, browser, "gzip, deflate, br")->Name("negotiation/browser");
BENCHMARK_CAPTURE(choose, weights, "br;q=0.5, zstd;q=0.8, gzip;q=1.0, identity;q=0.1, *;q=0")
    ->Name("negotiation/weights");

}  // namespace

}  // namespace sluice::micro

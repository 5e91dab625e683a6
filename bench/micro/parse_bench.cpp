// Bytes to a request: the head of one, and of sixteen in one buffer.
#include <benchmark/benchmark.h>

#include "bench/micro/site.h"
#include "core/check.h"
#include "http1/parser.h"

namespace sluice::micro {

namespace {

void parse(benchmark::State& state, std::string_view one, std::size_t times) {
    std::string bytes;
    for (std::size_t i = 0; i < times; ++i) {
        bytes += one;
    }
    const Limits limits;
    http::RequestParser parser(limits);
    for (auto _ : state) {
        std::string_view rest = bytes;
        while (!rest.empty()) {
            http::HeadScan scan;
            const http::HeadResult result = parser.parse(rest, scan);
            CHECK(result.complete());
            benchmark::DoNotOptimize(parser.request().target);
            rest.remove_prefix(result.bytes);
        }
    }
    const auto iterations = static_cast<std::int64_t>(state.iterations());
    state.SetItemsProcessed(iterations * static_cast<std::int64_t>(times));
    state.SetBytesProcessed(iterations * static_cast<std::int64_t>(bytes.size()));
}

void browser(benchmark::State& state) {
    parse(state, kBrowserRequest, 1);
}
void minimal(benchmark::State& state) {
    parse(state, kMinimalRequest, 1);
}
void pipelined(benchmark::State& state) {
    parse(state, kMinimalRequest, 16);
}

// A head that comes in two parts: the first is not parsed again.
void cut(benchmark::State& state) {
    const Limits limits;
    http::RequestParser parser(limits);
    for (auto _ : state) {
        http::HeadScan scan;
        CHECK(parser.parse(kBrowserRequest.substr(0, 500), scan).incomplete());
        CHECK(parser.parse(kBrowserRequest, scan).complete());
    }
}

BENCHMARK(browser)->Name("parse/browser");
BENCHMARK(minimal)->Name("parse/minimal");
BENCHMARK(pipelined)->Name("parse/pipelined_16");
BENCHMARK(cut)->Name("parse/browser_in_two_pieces");

}  // namespace

}  // namespace sluice::micro

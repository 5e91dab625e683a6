// Preconditions and ranges.
#include <benchmark/benchmark.h>

#include "core/check.h"
#include "http/conditional.h"
#include "http/range.h"

namespace sluice::micro {

namespace {

constexpr std::int64_t kModified = 784'111'777;
const http::Validators kCurrent{"\"0123456789abcdef\"", kModified};

void check(benchmark::State& state, const http::Request& request, http::Precondition expected) {
    for (auto _ : state) {
        const http::Precondition found = http::check_preconditions(request, kCurrent);
        CHECK(found == expected);
    }
}

void none(benchmark::State& state) {
    check(state, {}, http::Precondition::proceed);
}
void if_none_match(benchmark::State& state) {
    http::Request request;
    request.if_none_match = "\"0123456789abcdef\"";
    check(state, request, http::Precondition::not_modified);
}
void if_none_match_of_ten(benchmark::State& state) {
    http::Request request;
    request.if_none_match =
        "\"1\", \"2\", W/\"3\", \"4\", \"5\", \"6\", W/\"7\", \"8\", \"9\", \"0123456789abcdef\"";
    check(state, request, http::Precondition::not_modified);
}
void if_modified_since(benchmark::State& state) {
    http::Request request;
    request.wall_seconds = kModified + 1'000'000;
    request.if_modified_since = "Sun, 06 Nov 1994 08:49:37 GMT";
    check(state, request, http::Precondition::not_modified);
}

void range(benchmark::State& state, std::string_view field, std::uint8_t expected) {
    http::ByteRanges ranges;
    for (auto _ : state) {
        std::uint8_t count = 0;
        const auto outcome = http::select_ranges(field, 1'000'000, ranges, count);
        CHECK(outcome == http::RangeOutcome::satisfiable && count == expected);
        benchmark::DoNotOptimize(ranges);
    }
}

BENCHMARK(none)->Name("conditional/none");
BENCHMARK(if_none_match)->Name("conditional/if_none_match");
BENCHMARK(if_none_match_of_ten)->Name("conditional/if_none_match_of_ten");
BENCHMARK(if_modified_since)->Name("conditional/if_modified_since");
BENCHMARK_CAPTURE(range, one, "bytes=1000-1999", 1)->Name("conditional/range_one");
BENCHMARK_CAPTURE(range, eight, "bytes=0-9, 20-29, 40-49, 60-69, 80-89, 100-109, 120-129, 999990-",
                  8)
    ->Name("conditional/range_eight");
BENCHMARK_CAPTURE(range, coalesced, "bytes=0-99, 50-149, 100-199, -500", 2)
    ->Name("conditional/range_coalesced");

}  // namespace

}  // namespace sluice::micro

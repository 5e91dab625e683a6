// The path of a target to the name that content is looked up by.
#include <benchmark/benchmark.h>

#include <array>

#include "core/check.h"
#include "http/path.h"

namespace sluice::micro {

namespace {

void resolve(benchmark::State& state, std::string_view raw) {
    std::array<char, 512> out{};
    for (auto _ : state) {
        benchmark::DoNotOptimize(raw);
        http::Path path = http::normalise_path(raw, out.data());
        CHECK(path.status == http::PathStatus::ok);
        benchmark::DoNotOptimize(path.text);
    }
}

BENCHMARK_CAPTURE(resolve, root, "/")->Name("path/root");
BENCHMARK_CAPTURE(resolve, plain, "/static/css/site/main.0123456789abcdef.css")->Name("path/plain");
BENCHMARK_CAPTURE(resolve, escaped, "/static/%E4%B8%AD%E6%96%87/a%20file%20name.html")
    ->Name("path/escaped");
BENCHMARK_CAPTURE(resolve, dots, "/static/../static/./css//../css/main.css")->Name("path/dots");

}  // namespace

}  // namespace sluice::micro

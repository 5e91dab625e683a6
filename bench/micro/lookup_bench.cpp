// A path to its entry, in sites of 10 and of 100,000 files, in random order, so that the large one
// does not fit into the caches.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/check.h"
#include "http/snapshot.h"

namespace sluice::micro {

namespace {

class Paths {
  public:
    explicit Paths(std::size_t files) {
        std::vector<const http::Entry*> all;
        for (std::size_t i = 0; i < files; ++i) {
            auto entry = std::make_unique<http::Entry>();
            entry->path = "/d" + std::to_string(i % 100) + "/file" + std::to_string(i) + ".html";
            asked.push_back(entry->path);
            all.push_back(entry.get());
            entries_.push_back(std::move(entry));
        }
        // NOLINTNEXTLINE(bugprone-random-generator-seed): the same in each run
        std::ranges::shuffle(asked, std::mt19937(1));
        snapshot = std::make_unique<http::Snapshot>(std::move(all), 1);
    }
    std::vector<std::string> asked;
    std::unique_ptr<http::Snapshot> snapshot;

  private:
    std::vector<std::unique_ptr<http::Entry>> entries_;
};

void found(benchmark::State& state) {
    const Paths paths(static_cast<std::size_t>(state.range(0)));
    std::size_t at = 0;
    for (auto _ : state) {
        const http::Entry* entry = paths.snapshot->find(paths.asked[at]);
        CHECK(entry != nullptr);
        at = at + 1 == paths.asked.size() ? 0 : at + 1;
    }
}

void missing_file(benchmark::State& state) {
    const Paths paths(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) {
        CHECK(paths.snapshot->find("/no/such/file.html") == nullptr);
    }
}

BENCHMARK(found)->Name("lookup/found")->Arg(10)->Arg(100'000);
BENCHMARK(missing_file)->Name("lookup/missing")->Arg(10)->Arg(100'000);

}  // namespace

}  // namespace sluice::micro

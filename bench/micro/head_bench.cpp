// From a request to a plan, and from a plan to the bytes of an answer.
#include <benchmark/benchmark.h>

#include <array>

#include "bench/micro/site.h"
#include "core/check.h"

namespace sluice::micro {

namespace {

class Answers {
  public:
    explicit Answers(std::size_t bytes) {
        site_.add("/", bytes);
        snapshot_ = &site_.publish();
        date_.update(1'800'000'000);
        request_.method = http::Method::get;
        request_.path = "/";
    }
    [[nodiscard]] http::Request& request() { return request_; }

    void run(benchmark::State& state, std::uint16_t status) {
        std::size_t written = 0;
        for (auto _ : state) {
            const http::ResponsePlan plan = http::plan_response(request_, *snapshot_);
            CHECK(plan.status == status);
            bool body_written = false;
            written = http::write_response(plan, date_, http::ConnectionField::none, out_.data(),
                                           out_.size(), &body_written);
            CHECK(written > 0);
            benchmark::ClobberMemory();
        }
        state.counters["bytes"] = static_cast<double>(written);
    }

  private:
    Site site_;
    const http::Snapshot* snapshot_ = nullptr;
    http::DateLine date_;
    http::Request request_;
    std::array<char, std::size_t{16} * 1024> out_{};
};

void page(benchmark::State& state) {
    Answers(kPageBytes).run(state, 200);
}
void not_modified(benchmark::State& state) {
    Answers answers(kPageBytes);
    answers.request().if_none_match = "\"0123456789abcdef\"";
    answers.run(state, 304);
}
void partial(benchmark::State& state) {
    Answers answers(100'000);
    answers.request().range = "bytes=1000-1999";
    answers.run(state, 206);
}
void missing(benchmark::State& state) {
    Answers answers(kPageBytes);
    answers.request().path = "/missing";
    answers.run(state, 404);
}
// What is done once when a file is loaded, and never for a request.
void prepare(benchmark::State& state) {
    Site site;
    http::Entry& entry = site.add("/", kPageBytes);
    for (auto _ : state) {
        http::prepare_heads(entry);
        benchmark::ClobberMemory();
    }
}

BENCHMARK(page)->Name("head/page_with_body");
BENCHMARK(not_modified)->Name("head/304");
BENCHMARK(partial)->Name("head/206");
BENCHMARK(missing)->Name("head/404");
BENCHMARK(prepare)->Name("head/prepare");

}  // namespace

}  // namespace sluice::micro

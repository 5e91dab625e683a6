// One line of the access log, in each format.
#include <benchmark/benchmark.h>

#include <memory>

#include "log/access_log.h"

namespace sluice::micro {

namespace {

void line(benchmark::State& state, http::LogFormat format, std::string_view request_line) {
    const auto peer = Endpoint::parse("127.0.0.1:54321");
    http::LogClock clock;
    clock.update(1'800'000'000);
    http::LogRecord record;
    record.peer = &*peer;
    record.request_line = request_line;
    record.referer = "http://127.0.0.1:8080/";
    record.user_agent =
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/106.0.0.0 Safari/537.36";
    record.status = 200;
    record.body_bytes = 509;
    record.duration_ns = 12'345;
    const auto out = std::make_unique<char[]>(http::kLogLineMax);
    for (auto _ : state) {
        benchmark::DoNotOptimize(http::format_log_line(format, record, clock, out.get()));
        benchmark::ClobberMemory();
    }
}

constexpr std::string_view kPlain = "GET /index.html HTTP/1.1";
BENCHMARK_CAPTURE(line, common, http::LogFormat::common, kPlain)->Name("log/common");
BENCHMARK_CAPTURE(line, combined, http::LogFormat::combined, kPlain)->Name("log/combined");
BENCHMARK_CAPTURE(line, json, http::LogFormat::json, kPlain)->Name("log/json");
BENCHMARK_CAPTURE(line, hostile, http::LogFormat::combined,
                  "GET /\"\\\x1b[31m\x01\x02\xff HTTP/1.1")
    ->Name("log/escaped");

}  // namespace

}  // namespace sluice::micro

// What crosses threads: a new snapshot, requests to load, lines of the log.
#include <benchmark/benchmark.h>

#include "bench/micro/site.h"
#include "core/check.h"
#include "http/content_view.h"
#include "http/load_queue.h"
#include "log/access_log.h"

namespace sluice::micro {

namespace {

// What a worker does in each iteration of its loop: looks whether there is a new snapshot.
void mailbox_empty(benchmark::State& state) {
    http::ContentView view;
    for (auto _ : state) {
        benchmark::DoNotOptimize(view.refresh());
    }
}

void mailbox_offer_and_take(benchmark::State& state) {
    Site site;
    site.add("/", kPageBytes);
    const http::Snapshot& snapshot = site.publish();
    http::ContentView view;
    for (auto _ : state) {
        view.offer(&snapshot);
        CHECK(view.refresh());
    }
}

void load_queue(benchmark::State& state) {
    Site site;
    const http::Entry& entry = site.add("/", kPageBytes);
    http::LoadQueue queue([] {});
    http::LoadQueue::Batch batch;
    for (auto _ : state) {
        CHECK(queue.push(&entry));
        CHECK(queue.drain(batch) == 1);
    }
}

// A line is formatted, put into the ring and taken out again.
void log_ring(benchmark::State& state) {
    http::AccessLogSink sink(http::LogFormat::combined);
    http::LogRecord record;
    record.request_line = "GET / HTTP/1.1";
    record.status = 200;
    record.body_bytes = kPageBytes;
    for (auto _ : state) {
        sink.write(record, 1'800'000'000);
        std::size_t bytes = 0;
        for (const std::string_view part : sink.pending()) {
            bytes += part.size();
        }
        sink.consume(bytes);
    }
    CHECK(sink.dropped() == 0);
}

BENCHMARK(mailbox_empty)->Name("queue/mailbox_empty");
BENCHMARK(mailbox_offer_and_take)->Name("queue/mailbox_offer_and_take");
BENCHMARK(load_queue)->Name("queue/load_push_and_drain");
BENCHMARK(log_ring)->Name("queue/log_write_and_consume");

}  // namespace

}  // namespace sluice::micro

#include "serve/log_thread.h"

#include <algorithm>
#include <utility>

#include "system/cpu.h"

namespace sluice {

namespace {

constexpr Nanos kPeriod = 200 * kMillisecond;     // a line is on disk after this long at most
constexpr Nanos kLastPeriod = 10 * kMillisecond;  // between attempts to write at the end

}  // namespace

LogThread::LogThread(std::string path, Calls calls, std::unique_ptr<Events> events)
    : path_(std::move(path)), calls_(std::move(calls)), events_(std::move(events)) {}

Result<std::unique_ptr<LogThread>> LogThread::start(std::string path, http::LogFormat format,
                                                    unsigned workers, Calls calls,
                                                    std::size_t ring_bytes) {
    auto events = Events::create();
    if (!events) {
        return std::unexpected(std::move(events.error()));
    }
    std::unique_ptr<LogThread> log(
        new LogThread(std::move(path), std::move(calls), std::move(*events)));
    std::vector<http::AccessLogSink*> sinks;
    for (unsigned i = 0; i < workers; ++i) {
        log->sinks_.push_back(std::make_unique<http::AccessLogSink>(
            format, ring_bytes, [&self = *log] { self.events_->wake(); }));
        sinks.push_back(log->sinks_.back().get());
    }
    log->writer_ = std::make_unique<http::LogWriter>(std::move(sinks), log->calls_.say);
    log->thread_ = std::jthread([&self = *log] { self.run(); });
    return log;
}

LogThread::~LogThread() {
    finish(0);
}

const Result<void>* LogThread::opened() const noexcept {
    return opened_set_.load(std::memory_order_acquire) ? &opened_ : nullptr;
}

void LogThread::reopen() noexcept {
    reopen_.store(true, std::memory_order_relaxed);
    events_->wake();
}

void LogThread::finish(Nanos until) noexcept {
    finish_by_.store(until, std::memory_order_release);
    events_->wake();
}

bool LogThread::ended() const noexcept {
    return ended_.load(std::memory_order_acquire);
}

// ---- the thread --------------------------------------------------------------------------------

void LogThread::run() {
    name_this_thread("log");
    opened_ = writer_->open(path_);
    opened_set_.store(true, std::memory_order_release);
    calls_.state_changed();
    if (opened_) {
        write_until_finished();
        writer_->finish();
    }
    ended_.store(true, std::memory_order_release);
    calls_.state_changed();
}

void LogThread::write_until_finished() {
    Nanos period = kPeriod;
    for (;;) {
        events_->wait({}, events_->clock() + period);
        if (reopen_.exchange(false, std::memory_order_relaxed)) {
            if (auto reopened = writer_->open(path_); !reopened) {
                calls_.say(reopened.error().what);
            }
        }
        // Before the drain, which then includes what was written before finish().
        const Nanos until = finish_by_.load(std::memory_order_acquire);
        const bool all = writer_->drain();
        if (until != kNever && (all || events_->clock() >= until)) {
            return;
        }
        period = until != kNever ? kLastPeriod : kPeriod;
    }
}

}  // namespace sluice

// LogThread: the access log's thread. It writes the workers' lines to the file, within 200 ms or as
// soon as a ring is half full, and may block on disks, so that no other thread does.
//
// OWNERSHIP AND THREADS. Created, used and destroyed on one thread, control's. Each sink is for one
// worker. The callbacks run on the log's thread.
//
// FAILURE. When the file cannot be opened, opened() returns the error and the thread ends; later
// troubles are reported by `say` (log/log_writer.h). A disk that does not answer blocks the thread:
// ended() stays false after finish(), and the destructor would block as long.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/result.h"
#include "log/access_log.h"
#include "log/log_writer.h"
#include "serve/events.h"

namespace sluice {

class LogThread {
  public:
    struct Calls {
        std::function<void()> state_changed;          // opened() or ended() has changed
        std::function<void(const std::string&)> say;  // one line for the operator
    };
    // `path` is that of LogWriter::open().
    [[nodiscard]] static Result<std::unique_ptr<LogThread>> start(
        std::string path, http::LogFormat format, unsigned workers, Calls calls,
        std::size_t ring_bytes = http::kLogRingBytes);
    ~LogThread();
    LogThread(const LogThread&) = delete;
    LogThread& operator=(const LogThread&) = delete;

    // Null until the file was opened, or opening it failed.
    [[nodiscard]] const Result<void>* opened() const noexcept;
    [[nodiscard]] http::AccessLogSink& sink(unsigned worker) { return *sinks_[worker]; }
    // Opens the path again.
    void reopen() noexcept;
    // To be called when the workers have stopped: writes what is left and ends. Waits for a slow
    // reader until this time of Events::clock(); 0 gives up now. May be called again.
    void finish(Nanos until) noexcept;
    [[nodiscard]] bool ended() const noexcept;

  private:
    LogThread(std::string path, Calls calls, std::unique_ptr<Events> events);
    void run();
    void write_until_finished();

    const std::string path_;
    const Calls calls_;
    const std::unique_ptr<Events> events_;
    std::vector<std::unique_ptr<http::AccessLogSink>> sinks_;
    std::unique_ptr<http::LogWriter> writer_;
    Result<void> opened_;
    std::atomic<bool> opened_set_{false};
    std::atomic<bool> reopen_{false};
    std::atomic<Nanos> finish_by_{kNever};  // kNever: not yet
    std::atomic<bool> ended_{false};
    std::jthread thread_;
};

}  // namespace sluice

// LogWriter: writes the lines of all workers' rings to one file, or to standard output.
//
// OWNERSHIP AND THREADS. Used on one thread, the log's. The sinks outlive it.
//
// A SLOW READER never blocks that thread. A file that we opened does not block. Standard output is
// shared with others, whose writes must not start to fail with EAGAIN, so it stays in blocking
// mode: a pipe or a terminal is polled before each write, and gets at most PIPE_BUF bytes, for
// which pipe(7) has room when poll() says so. What cannot be written stays in the rings; when they
// are full, lines are dropped.
//
// WHAT CAN FAIL. After a short write the rest follows before any other ring's lines, so lines are
// never interleaved. A failed write (no space, a broken pipe) drops the lines at hand and counts
// them; a line that it cut in two is ended before the next begins. The first loss of each kind
// after open() is reported; the sum is reported at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "log/access_log.h"
#include "log/log_file.h"

namespace sluice::http {

class LogWriter {
  public:
    // `say` takes one line for the operator.
    LogWriter(std::vector<AccessLogSink*> sinks, std::function<void(const std::string&)> say);
    ~LogWriter();
    LogWriter(const LogWriter&) = delete;
    LogWriter& operator=(const LogWriter&) = delete;

    // Opens the file for appending ("-": standard output). Called again (after the file was
    // renamed), it drains to the old file first; on failure the old one stays in use. A named pipe
    // that nobody reads is a failure.
    [[nodiscard]] Result<void> open(const std::string& path);

    // Writes what the rings hold. False when a reader has to be waited for.
    bool drain();

    // The last drain, once the workers have stopped. Drops what would have to wait, and says how
    // many lines were lost since the start.
    void finish();

    // Lines lost so far, in rings and in writing.
    [[nodiscard]] std::uint64_t lost() const noexcept;

  private:
    enum class Outcome : std::uint8_t { written, blocked, failed };
    [[nodiscard]] bool drain_sinks();
    [[nodiscard]] Outcome drain_sink(AccessLogSink& sink);
    std::uint64_t discard(AccessLogSink& sink);
    void drop(AccessLogSink& sink, int os_code);
    void say_if_rings_overflowed();

    const std::vector<AccessLogSink*> sinks_;
    const std::function<void(const std::string&)> say_;
    std::string path_;
    LogFile file_;
    std::size_t next_sink_ = 0;  // the next one; does not advance in the middle of a line
    bool inside_line_ = false;   // the last write ended within a line
    bool torn_ = false;          // the file ends in a line that stays incomplete
    std::uint64_t failed_lines_ = 0;
    bool said_failed_ = false;
    bool said_overflowed_ = false;
};

}  // namespace sluice::http

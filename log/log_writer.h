// LogWriter: takes the lines of all workers' rings to one file, or to standard output.
//
// OWNERSHIP AND THREADS. Used on one thread, the log's. The sinks outlive it.
//
// A SLOW READER never holds that thread. A file that we opened does not block. Standard
// output is shared with others, whose writes must not begin to fail with EAGAIN, so it stays as it
// is: a pipe or a terminal is asked with poll() before each write, and gets at most PIPE_BUF bytes,
// for which pipe(7) has room when poll() says so. What cannot be written stays in the rings, whose
// bound makes it lost lines in the end.
//
// WHAT CAN FAIL. A short write goes on where it stopped, before any other ring's lines, so lines
// are never interleaved. A failing one (no space, a broken pipe) drops the lines at hand and counts
// them; a line cut in two by that is ended before the next begins. The first loss of each kind
// after open() is said; the sum is said at the end.
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

    // Opens the file for appending ("-": standard output). Called again (after the file was moved
    // away) it drains to the old file first; on failure the old one stays in use. A named
    // pipe that nobody reads is a failure.
    [[nodiscard]] Result<void> open(const std::string& path);

    // Writes out what the rings hold. False when some of it has to wait for a reader.
    bool drain();

    // The last drain, once the workers have stopped. Gives up what would have to wait, and says how
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
    std::size_t next_sink_ = 0;  // whose turn it is; stays with a sink in the middle of a line
    bool inside_line_ = false;   // the last write ended inside of one of its lines
    bool torn_ = false;          // the file ends in a line that will never be whole
    std::uint64_t failed_lines_ = 0;
    bool said_failed_ = false;
    bool said_overflowed_ = false;
};

}  // namespace sluice::http

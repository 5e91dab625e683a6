#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "http/log_writer.h"

namespace sluice::http {
namespace {

iovec to_iovec(std::string_view text) {
    // writev() takes a pointer to non-const and does not write through it.
    return {const_cast<char*>(text.data()), text.size()};
}

bool is_regular(int file) {
    struct stat about {};
    return ::fstat(file, &about) == 0 && S_ISREG(about.st_mode);
}

std::string lines(std::uint64_t count) {
    return std::to_string(count) + (count == 1 ? " line" : " lines");
}

}  // namespace

LogWriter::LogWriter(std::vector<AccessLogSink*> sinks, std::function<void(const std::string&)> say)
    : sinks_(std::move(sinks)), say_(std::move(say)) {}

LogWriter::~LogWriter() {
    close_file();
}

Result<void> LogWriter::open(const std::string& path) {
    int file = STDOUT_FILENO;
    if (path != "-") {
        // O_NONBLOCK means nothing to a regular file; fifo(7) says what it means to a named pipe.
        file = ::open(path.c_str(),
                      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
        if (file < 0) {
            const int code = errno;
            const Status status = code == EACCES || code == EPERM ? Status::access_denied
                                  : code == ENOENT                ? Status::not_found
                                                                  : Status::io_error;
            const std::string why = code == ENXIO ? "nobody reads this pipe" : std::strerror(code);
            return fail(status, "cannot open access log " + path + ": " + why, code);
        }
    }
    if (file_ >= 0) {
        (void)drain();
        close_file();
    }
    path_ = path;
    file_ = file;
    ask_first_ = path == "-" && !is_regular(file);
    torn_ = false;
    said_failed_ = false;
    said_overflowed_ = false;
    return {};
}

void LogWriter::close_file() noexcept {
    if (file_ > STDERR_FILENO) {
        ::close(file_);
    }
    file_ = -1;
}

bool LogWriter::drain() {
    if (file_ < 0) {
        return true;
    }
    const bool all = drain_sinks();
    say_if_rings_overflowed();
    return all;
}

void LogWriter::finish() {
    if (file_ < 0) {
        return;
    }
    std::uint64_t unread = 0;
    if (!drain_sinks()) {
        for (AccessLogSink* sink : sinks_) {
            unread += discard(*sink);
        }
    }
    if (const std::uint64_t count = lost(); count != 0) {
        say_("access log: " + lines(count) + " lost in all" +
             (unread != 0 ? "; " + path_ + " is not being read" : ""));
    }
}

std::uint64_t LogWriter::lost() const noexcept {
    std::uint64_t count = failed_lines_;
    for (const AccessLogSink* sink : sinks_) {
        count += sink->dropped();
    }
    return count;
}

// One round over all rings; false when the file would block.
bool LogWriter::drain_sinks() {
    for (std::size_t turn = 0; turn < sinks_.size(); ++turn) {
        if (drain_sink(*sinks_[next_sink_]) == Outcome::blocked) {
            return false;
        }
        next_sink_ = (next_sink_ + 1) % sinks_.size();
    }
    return true;
}

bool LogWriter::has_room() const {
    pollfd asked{file_, POLLOUT, 0};
    // An error is for the write to report.
    return !ask_first_ || ::poll(&asked, 1, 0) > 0;
}

// What the ring holds at the start, so that a busy worker cannot keep us here.
LogWriter::Outcome LogWriter::drain_sink(AccessLogSink& sink) {
    std::size_t left = 0;
    for (const std::string_view piece : sink.pending()) {
        left += piece.size();
    }
    while (left != 0) {
        if (!has_room()) {
            return Outcome::blocked;
        }
        const std::size_t at_once =
            ask_first_ ? std::min<std::size_t>(left, PIPE_BUF - (torn_ ? 1 : 0)) : left;
        const auto [first, second] = sink.pending();
        std::array<iovec, 3> parts{};
        int count = 0;
        const auto add = [&](std::string_view text) {
            parts[static_cast<std::size_t>(count++)] = to_iovec(text);
        };
        if (torn_) {
            add("\n");
        }
        add(first.substr(0, at_once));
        add(second.substr(0, at_once - std::min(at_once, first.size())));
        const ssize_t result = ::writev(file_, parts.data(), count);
        if (result <= 0) {
            if (errno == EINTR && result < 0) {
                continue;
            }
            if ((errno == EAGAIN || errno == EWOULDBLOCK) && result < 0) {
                return Outcome::blocked;
            }
            drop(sink, errno);
            return Outcome::failed;
        }
        const std::size_t written = static_cast<std::size_t>(result) - (torn_ ? 1 : 0);
        torn_ = false;
        if (written != 0) {
            const char last =
                written <= first.size() ? first[written - 1] : second[written - 1 - first.size()];
            inside_line_ = last != '\n';
        }
        sink.consume(written);
        left -= written;
    }
    return Outcome::written;
}

// Gives up what the ring holds; says how many lines that were.
std::uint64_t LogWriter::discard(AccessLogSink& sink) {
    std::uint64_t count = 0;
    std::size_t bytes = 0;
    for (const std::string_view piece : sink.pending()) {
        count += static_cast<std::uint64_t>(std::ranges::count(piece, '\n'));
        bytes += piece.size();
    }
    sink.consume(bytes);
    failed_lines_ += count;
    torn_ = torn_ || inside_line_;
    inside_line_ = false;
    return count;
}

void LogWriter::drop(AccessLogSink& sink, int os_code) {
    const std::uint64_t count = discard(sink);
    if (!said_failed_ && count != 0) {
        said_failed_ = true;
        say_("access log: cannot write to " + path_ + ": " + std::strerror(os_code) + "; " +
             lines(count) + " dropped, and more while it lasts");
    }
}

void LogWriter::say_if_rings_overflowed() {
    if (!said_overflowed_ && lost() > failed_lines_) {
        said_overflowed_ = true;
        say_("access log: " + path_ + " is slower than the traffic; " +
             lines(lost() - failed_lines_) + " dropped so far");
    }
}

}  // namespace sluice::http

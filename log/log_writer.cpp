#include "log/log_writer.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace sluice::http {
namespace {

std::string lines(std::uint64_t count) {
    return std::to_string(count) + (count == 1 ? " line" : " lines");
}

}  // namespace

LogWriter::LogWriter(std::vector<AccessLogSink*> sinks, std::function<void(const std::string&)> say)
    : sinks_(std::move(sinks)), say_(std::move(say)) {}

LogWriter::~LogWriter() = default;

Result<void> LogWriter::open(const std::string& path) {
    // First, so that nothing goes to the old file once the new one exists.
    (void)drain();
    auto file = LogFile::open(path);
    if (!file) {
        return std::unexpected(std::move(file.error()));
    }
    path_ = path;
    file_ = std::move(*file);
    torn_ = false;
    said_failed_ = false;
    said_overflowed_ = false;
    return {};
}

bool LogWriter::drain() {
    if (!file_) {
        return true;
    }
    const bool all = drain_sinks();
    say_if_rings_overflowed();
    return all;
}

void LogWriter::finish() {
    if (!file_) {
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

// Only what the ring holds at the start, so that a busy worker cannot keep us here.
LogWriter::Outcome LogWriter::drain_sink(AccessLogSink& sink) {
    std::size_t left = 0;
    for (const std::string_view part : sink.pending()) {
        left += part.size();
    }
    while (left != 0) {
        if (!file_.has_room()) {
            return Outcome::blocked;
        }
        const std::size_t at_once = std::min(left, file_.write_max() - (torn_ ? 1 : 0));
        const auto [first, second] = sink.pending();
        std::array<std::string_view, 3> parts;
        std::size_t count = 0;
        if (torn_) {
            parts[count++] = "\n";
        }
        parts[count++] = first.substr(0, at_once);
        parts[count++] = second.substr(0, at_once - std::min(at_once, first.size()));
        const LogFile::Written result = file_.write(std::span(parts).first(count));
        if (result.blocked) {
            return Outcome::blocked;
        }
        if (result.bytes == 0) {
            drop(sink, result.error);
            return Outcome::failed;
        }
        const std::size_t written = result.bytes - (torn_ ? 1 : 0);
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

// Drops what the ring holds; returns how many lines that was.
std::uint64_t LogWriter::discard(AccessLogSink& sink) {
    std::uint64_t count = 0;
    std::size_t bytes = 0;
    for (const std::string_view part : sink.pending()) {
        count += static_cast<std::uint64_t>(std::ranges::count(part, '\n'));
        bytes += part.size();
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
        say_("access log: cannot write to " + path_ + ": " + LogFile::text_of(os_code) + "; " +
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

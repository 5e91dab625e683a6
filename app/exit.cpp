#include "app/exit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <string>

#include "log/log_file.h"

namespace sluice {

namespace {

// How long a slow reader is waited for, unless it made the last line lost already.
constexpr Nanos kWriteTimeout = 100 * kMillisecond;

// Standard error, shared by all threads.
class Messages {
  public:
    void add(const std::string& line) {
        const std::scoped_lock lock(mutex_);
        if (lost_ != 0 &&
            put(fmt::format("sluice: {} earlier message{} lost: standard error did "
                            "not take {}\n",
                            lost_, lost_ == 1 ? " was" : "s were", lost_ == 1 ? "it" : "them"))) {
            lost_ = 0;
        }
        if (!put(line)) {
            ++lost_;
        }
    }

  private:
    // Whether the whole line was written. A line that was cut off is ended before the next begins.
    bool put(const std::string& line) {
        const std::string text = torn_ ? "\n" + line : line;
        std::size_t at = 0;
        while (at < text.size() && out_.has_room(lost_ == 0 ? kWriteTimeout : 0)) {
            const std::array part = {std::string_view(text).substr(at, out_.write_max())};
            const http::LogFile::Written written = out_.write(part);
            if (written.bytes == 0) {
                break;
            }
            at += written.bytes;
        }
        const bool whole = at == text.size();
        torn_ = !whole && (torn_ || at != 0);
        return whole;
    }

    std::mutex mutex_;
    http::LogFile out_ = http::LogFile::standard_error();
    std::uint64_t lost_ = 0;
    bool torn_ = false;  // the last line is incomplete
};

}  // namespace

void say_raw(std::string_view text) noexcept {
    static Messages messages;
    messages.add(std::string(text));
}

void say(std::string_view line, std::string_view program) noexcept {
    say_raw(fmt::format("{}: {}\n", program, line));
}

int failed(std::string_view program, const Error& error, int code) {
    say(error.what, program);
    return code;
}

bool print(std::string_view text) noexcept {
    if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
        std::fflush(stdout) == 0) {
        return true;
    }
    say(std::string("standard output: ") + std::strerror(errno));
    return false;
}

}  // namespace sluice

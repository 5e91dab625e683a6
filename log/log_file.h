// LogFile: where lines for the operator are written: a file opened for appending, standard output
// or standard error. One implementation for each system.
//
// One thread at a time. Fails by value only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/clock.h"
#include "core/result.h"

namespace sluice::http {

class LogFile {
  public:
    // "-" is standard output. A named pipe that nobody reads is an error.
    [[nodiscard]] static Result<LogFile> open(const std::string& path);
    [[nodiscard]] static LogFile standard_error() noexcept;
    LogFile() = default;
    LogFile(LogFile&& other) noexcept
        : handle_(std::exchange(other.handle_, -1)), write_max_(other.write_max_) {}
    LogFile& operator=(LogFile&& other) noexcept {
        std::swap(handle_, other.handle_);
        std::swap(write_max_, other.write_max_);
        return *this;
    }
    ~LogFile();

    [[nodiscard]] explicit operator bool() const { return handle_ >= 0; }
    // The largest write that does not block when has_room() is true.
    [[nodiscard]] std::size_t write_max() const { return write_max_; }
    // False when a write would block for longer than `timeout`. An error counts as room: the write
    // reports it.
    [[nodiscard]] bool has_room(Nanos timeout = 0) const noexcept;

    struct Written {
        std::size_t bytes = 0;
        bool blocked = false;
        int error = 0;  // errno, or GetLastError() on Windows
    };
    // Writes the concatenated parts, or their beginning.
    [[nodiscard]] Written write(std::span<const std::string_view> parts) const noexcept;
    [[nodiscard]] static std::string text_of(int error);

  private:
    LogFile(std::intptr_t handle, std::size_t write_max) : handle_(handle), write_max_(write_max) {}

    std::intptr_t handle_ = -1;
    std::size_t write_max_ = SIZE_MAX;
};

}  // namespace sluice::http

// SendState: what is left of one send, and the step that pushes it on without blocking. Used by
// epoll for every send and by io_uring for files, because the ring has no sendfile.
//
// Owned by the backend, one thread. The bytes and the file belong to the caller until the end.
#pragma once

#include <sys/uio.h>

#include <array>
#include <span>

#include "core/backend.h"

namespace sluice::posix {

enum class Step : std::uint8_t { done, blocked, failed };

struct SendState {
    std::array<iovec, kSlicesMax> slices{};
    std::uint32_t slice_first = 0;
    std::uint32_t slice_count = 0;
    FileRange file;          // advanced as bytes leave
    std::uint64_t sent = 0;  // bytes handed to the socket so far
    Status failure = Status::ok;
    Token token;
    SendUrgency urgency = SendUrgency::eager;

    void start(Token name, std::span<const Slice> head, const FileRange& range,
               SendUrgency how_soon) noexcept;
    // Takes `bytes` off the memory slices.
    void advance(std::size_t bytes) noexcept;
    [[nodiscard]] bool slices_left() const { return slice_first < slice_count; }
    [[nodiscard]] std::size_t slice_bytes() const noexcept;
    [[nodiscard]] std::uint64_t left() const noexcept { return slice_bytes() + file.length; }

    // Sends as much as the socket takes.
    [[nodiscard]] Step step(int socket) noexcept;

  private:
    void advance_file(std::uint64_t bytes) noexcept;
    [[nodiscard]] Step step_slices(int socket) noexcept;
    [[nodiscard]] Step step_file(int socket) noexcept;
    [[nodiscard]] Step fail_with(Status status) noexcept {
        failure = status;
        return Step::failed;
    }
};

// Does the open file still look as it did? fstat(2).
[[nodiscard]] bool stamp_matches(int file, const FileStamp& stamp) noexcept;

}  // namespace sluice::posix

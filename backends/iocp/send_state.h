// SendState: what is left of one send, and the call that takes the next step of it. Memory leaves
// by gathering WSASend; files by TransmitFile, or read (ReadFileEx) into a buffer and sent by
// WSASend when they are small, or TransmitFile is not wanted.
//
// Owned by the backend, one thread. The bytes and the file belong to the caller until the end.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "backends/iocp/operation.h"
#include "core/backend.h"

namespace sluice::iocp {

// The most that one step hands to the system, so that completions show progress.
inline constexpr std::uint32_t kStepBytes = 256 * 1024;
inline constexpr std::uint32_t kTransmitStepBytes = 256 * 1024;
// A shorter range is read and sent: TransmitFile is one call less, but costs more than the copy.
inline constexpr std::uint64_t kTransmitMin = 64 * 1024;

// Buffers for file bytes that are read. Grows to its high-water mark and then never allocates.
class FileBuffers {
  public:
    static constexpr std::uint32_t kBytes = 64 * 1024;
    using Buffer = std::unique_ptr<char[]>;

    [[nodiscard]] Buffer take() {
        if (free_.empty()) {
            return Buffer(new char[kBytes]);
        }
        Buffer buffer = std::move(free_.back());
        free_.pop_back();
        return buffer;
    }
    void give_back(Buffer buffer) {
        if (buffer != nullptr) {
            free_.push_back(std::move(buffer));
        }
    }

  private:
    std::vector<Buffer> free_;
};

// Whether the file still carries the range's stamp, if that has one.
[[nodiscard]] bool stamp_matches(const FileRange& range) noexcept;

struct SendState {
    enum class Step : std::uint8_t { send, transmit, read };

    Operation operation;
    std::array<WSABUF, kSlicesMax> slices{};
    std::array<WSABUF, kSlicesMax> step_slices{};  // those of the step under way
    TRANSMIT_FILE_BUFFERS head{};
    FileRange file;          // advanced as bytes leave
    std::uint64_t sent = 0;  // bytes handed to the system so far
    FileBuffers::Buffer buffer;
    Token token;
    std::uint32_t slice_first = 0;
    std::uint32_t slice_count = 0;
    std::uint32_t step_memory = 0;  // bytes of the step under way
    std::uint32_t step_file = 0;
    std::uint32_t buffered = 0;  // bytes of the file that were read and are to be sent next
    std::uint32_t steps_without_bytes = 0;  // in a row
    Status failure = Status::ok;
    SendUrgency urgency = SendUrgency::eager;
    bool active = false;
    bool may_transmit = false;
    Step step = Step::send;  // the one under way

    void start(Token name, std::span<const Slice> head_slices, const FileRange& range,
               SendUrgency how_soon, bool transmit_allowed) noexcept;
    [[nodiscard]] std::uint64_t left() const noexcept;
    // Begins the next step. `on_read` is told of the end of one that reads, with an operation whose
    // hEvent is `reader`.
    [[nodiscard]] Begun begin_step(const System& system, SOCKET socket, FileBuffers& buffers,
                                   LPOVERLAPPED_COMPLETION_ROUTINE on_read, void* reader) noexcept;
    // Withdraws the step under way, whose end comes all the same.
    void cancel(SOCKET socket) noexcept;
    // The step under way has ended well, with so many bytes; `failure` is set when they are not
    // those that were promised.
    void step_done(std::uint32_t bytes) noexcept;
    // It has ended with this error; `bytes` is what the system says has left.
    void step_failed(DWORD error, std::uint32_t bytes) noexcept;

  private:
    [[nodiscard]] DWORD gather() noexcept;
    [[nodiscard]] Begun begin_transmit(const System& system, SOCKET socket) noexcept;
    void read_done(std::uint32_t bytes) noexcept;
    void fail_with(Status status) noexcept;
};

}  // namespace sluice::iocp

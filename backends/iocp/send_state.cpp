#include "backends/iocp/send_state.h"

#include <algorithm>

#include "core/check.h"

namespace sluice::iocp {

namespace {

constexpr std::uint32_t kStepsWithoutBytesMax = 16;

}  // namespace

bool stamp_matches(const FileRange& range) noexcept {
    if (!range.stamped()) {
        return true;
    }
    const auto look = win32::look_at(win32::to_handle(range.file));
    return look && look->stamp == *range.stamp;
}

void SendState::start(Token name, std::span<const Slice> head_slices, const FileRange& range,
                      SendUrgency how_soon, bool transmit_allowed) noexcept {
    CHECK(head_slices.size() <= kSlicesMax);
    operation.kind = Operation::Kind::send;
    operation.slot = name.slot();
    operation.pending = false;
    slice_first = 0;
    slice_count = 0;
    for (const Slice& slice : head_slices) {
        CHECK(slice.size <= ULONG_MAX);
        if (slice.size > 0) {
            slices[slice_count++] = {static_cast<ULONG>(slice.size), const_cast<char*>(slice.data)};
        }
    }
    file = range;
    sent = 0;
    failure = Status::ok;
    token = name;
    urgency = how_soon;
    active = true;
    may_transmit = transmit_allowed && range.length >= kTransmitMin;
    step_memory = step_file = buffered = steps_without_bytes = 0;
}

std::uint64_t SendState::left() const noexcept {
    std::uint64_t total = file.length;
    for (std::uint32_t i = slice_first; i < slice_count; ++i) {
        total += slices[i].len;
    }
    return total;
}

// The slices of the next step; returns how many.
DWORD SendState::gather() noexcept {
    DWORD count = 0;
    step_memory = 0;
    for (std::uint32_t i = slice_first; i < slice_count && step_memory < kStepBytes; ++i) {
        const ULONG size = std::min<ULONG>(slices[i].len, kStepBytes - step_memory);
        step_slices[count++] = {size, slices[i].buf};
        step_memory += size;
    }
    return count;
}

Begun SendState::begin_step(const System& system, SOCKET socket, FileBuffers& buffers,
                            LPOVERLAPPED_COMPLETION_ROUTINE on_read, void* reader) noexcept {
    const DWORD count = gather();
    step_file = 0;
    step = Step::send;
    operation.reset();
    if (may_transmit && count <= 1) {
        return begin_transmit(system, socket);
    }
    if (count > 0) {
        return system.send(socket, step_slices.data(), count, &operation);
    }
    if (buffered > 0) {
        step_file = buffered;
        step_slices[0] = {step_file, buffer.get()};
        return system.send(socket, step_slices.data(), 1, &operation);
    }
    if (buffer == nullptr) {
        buffer = buffers.take();
    }
    step = Step::read;
    operation.reset(file.offset);
    operation.hEvent = reader;  // ReadFileEx leaves it to its caller
    const auto wanted =
        static_cast<DWORD>(std::min<std::uint64_t>(file.length, FileBuffers::kBytes));
    return system.read(win32::to_handle(file.file), buffer.get(), wanted, &operation, on_read);
}

// One slice of memory may go along. TransmitFile takes the place in the file from the operation, so
// that one handle serves many sends at once.
Begun SendState::begin_transmit(const System& system, SOCKET socket) noexcept {
    operation.reset(file.offset);
    step_file =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(file.length, kTransmitStepBytes));
    step = Step::transmit;
    head = {};
    if (step_memory > 0) {
        head.Head = step_slices[0].buf;
        head.HeadLength = step_memory;
    }
    // Memory that does not fit into this step leaves before the file does.
    if (step_memory > 0 && slices[slice_first].len > step_memory) {
        step_file = 0;
        step = Step::send;
        operation.reset();
        return system.send(socket, step_slices.data(), 1, &operation);
    }
    return system.transmit(socket, win32::to_handle(file.file), step_file,
                           step_memory > 0 ? &head : nullptr, &operation);
}

void SendState::cancel(SOCKET socket) noexcept {
    HANDLE busy =
        step == Step::read ? win32::to_handle(file.file) : reinterpret_cast<HANDLE>(socket);
    (void)::CancelIoEx(busy, &operation);
}

void SendState::read_done(std::uint32_t bytes) noexcept {
    buffered = bytes;
    if (bytes == 0 || !stamp_matches(file)) {
        fail_with(Status::changed);
    }
}

void SendState::step_done(std::uint32_t bytes) noexcept {
    if (step == Step::read) {
        return read_done(bytes);
    }
    const std::uint32_t memory = std::min(bytes, step_memory);
    const std::uint32_t of_file = std::min(bytes - memory, step_file);
    sent += memory + of_file;
    file.offset += of_file;
    file.length -= of_file;
    for (std::uint32_t rest = memory; rest > 0;) {
        WSABUF& slice = slices[slice_first];
        const ULONG taken = std::min<ULONG>(slice.len, rest);
        slice.buf += taken;
        slice.len -= taken;
        rest -= taken;
        slice_first += slice.len == 0 ? 1 : 0;
    }
    buffered = 0;
    if (step == Step::transmit && !stamp_matches(file)) {
        fail_with(Status::changed);
    } else if (step == Step::transmit && of_file < step_file) {
        // The file ends before the range does, or the system gave up early: reading tells.
        may_transmit = false;
    }
    // Under Wine the peer's FIN ends a step with success, but with too few bytes.
    steps_without_bytes = bytes > 0 ? 0 : steps_without_bytes + 1;
    if (steps_without_bytes > kStepsWithoutBytesMax) {
        fail_with(Status::reset);
    }
    step_memory = step_file = 0;
}

void SendState::step_failed(DWORD error, std::uint32_t bytes) noexcept {
    if (step != Step::send && error == ERROR_HANDLE_EOF) {
        sent += std::min(bytes, step_memory + step_file);
        fail_with(Status::changed);
    } else {
        // How much of the step the peer will see is not known: all of it was handed over.
        sent += step_memory + step_file;
        fail_with(win32::status_of(error));
    }
    step_memory = step_file = 0;
}

// The contract knows only these ends of a send.
void SendState::fail_with(Status status) noexcept {
    const bool known =
        status == Status::changed || status == Status::cancelled || status == Status::timed_out;
    if (failure == Status::ok) {
        failure = known ? status : Status::reset;
    }
}

}  // namespace sluice::iocp

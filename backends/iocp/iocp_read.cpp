// Reading files for the caller.
#include <algorithm>

#include "backends/iocp/iocp_backend.h"
#include "core/check.h"

namespace sluice {

namespace iocp {

namespace {

constexpr std::uint64_t kReadStep = std::uint64_t{1} << 30;

}  // namespace

void ReadState::start(Token name, const FileRange& wanted, char* memory) noexcept {
    kind = Kind::read;
    slot = name.slot();
    pending = false;
    token = name;
    range = wanted;
    into = memory;
    done = 0;
    status = Status::ok;
    active = true;
}

Begun ReadState::begin_step(const System& system, LPOVERLAPPED_COMPLETION_ROUTINE on_read,
                            void* reader) noexcept {
    reset(range.offset);
    hEvent = reader;  // ReadFileEx leaves it to its caller
    const auto bytes = static_cast<DWORD>(std::min(range.length, kReadStep));
    return system.read(win32::to_handle(range.file), into, bytes, this, on_read);
}

bool ReadState::step_ended(DWORD error, std::uint32_t bytes) noexcept {
    if (error == ERROR_HANDLE_EOF || (error == 0 && bytes == 0)) {
        status = Status::changed;  // the file ends before the range does
        return true;
    }
    if (error != 0) {
        status = win32::status_of(error);
        return true;
    }
    done += bytes;
    into += bytes;
    range.offset += bytes;
    range.length -= bytes;
    if (range.length == 0 && !stamp_matches(range)) {
        status = Status::changed;
    }
    return range.length == 0;
}

}  // namespace iocp

using iocp::Begun;
using iocp::ReadState;

void IocpBackend::read(Token token, const FileRange& range, char* into) noexcept {
    Socket_& socket = at(token);
    CHECK(token.kind() == OpKind::read && !socket.reading);
    const std::uint32_t index = file_reads_.acquire();
    CHECK(index != Pool<ReadState>::kNone);
    socket.reading = true;
    ReadState& read = file_reads_[index];
    read.index = index;
    read.start(token, range, into);
    if (range.length == 0) {
        finish_read(read);
    } else {
        go_on_reading(read);
    }
}

void IocpBackend::go_on_reading(ReadState& read) noexcept {
    const Begun begun = read.begin_step(system_, on_read, this);
    if (expect_packet(read, begun)) {
        ++reads_;
        return;
    }
    (void)read.step_ended(begun.error, 0);
    finish_read(read);
}

void IocpBackend::on_file_read(ReadState& read, DWORD error, std::uint32_t bytes) noexcept {
    --reads_;
    const bool over = read.step_ended(error, bytes);
    if (!over && !sockets_[read.slot].closing) {
        go_on_reading(read);
        return;
    }
    if (!over) {
        read.status = Status::cancelled;
    }
    finish_read(read);
}

void IocpBackend::finish_read(ReadState& read) noexcept {
    sockets_[read.slot].reading = false;
    outbox_.add(read.token, read.status).bytes = read.done;
    read.active = false;
    file_reads_.release(read.index);
}

void IocpBackend::cancel_read(Slot slot) noexcept {
    for (std::uint32_t i = 0; i < file_reads_.made(); ++i) {
        ReadState& read = file_reads_[i];
        if (read.active && read.slot == slot) {
            (void)::CancelIoEx(win32::to_handle(read.range.file), &read);
        }
    }
}

}  // namespace sluice

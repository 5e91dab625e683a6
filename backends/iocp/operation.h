// Operation: what the kernel holds while something is under way: an OVERLAPPED, and whose it is.
// The completion port hands the same pointer back, so an operation's memory stays until its packet
// has come, cancelled or not.
#pragma once

#include <cstdint>

#include "backends/iocp/system.h"
#include "core/token.h"

namespace sluice::iocp {

struct Operation : OVERLAPPED {
    enum class Kind : std::uint8_t { accept, connect, watch, send, read };

    Slot slot = 0;
    Kind kind = Kind::watch;
    bool pending = false;  // a packet will come

    Operation() : OVERLAPPED{} {}
    // As a call wants it that begins at this place of a file.
    void reset(std::uint64_t offset = 0) noexcept {
        static_cast<OVERLAPPED&>(*this) = win32::operation_at(offset);
    }
};

}  // namespace sluice::iocp

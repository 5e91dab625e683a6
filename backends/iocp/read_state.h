// ReadState: a read of a file for the caller, in as many calls as the system wants.
//
// Owned by the backend, one thread. The memory and the file belong to the caller of read() until
// the end; the kernel writes into the memory until then.
#pragma once

#include "backends/iocp/operation.h"
#include "core/backend.h"

namespace sluice::iocp {

struct ReadState : Operation {
    Token token;
    FileRange range;  // what is still to be read
    char* into = nullptr;
    std::uint64_t done = 0;
    Status status = Status::ok;
    std::uint32_t index = 0;  // in the backend's pool
    bool active = false;

    void start(Token name, const FileRange& wanted, char* memory) noexcept;
    [[nodiscard]] Begun begin_step(const System& system, LPOVERLAPPED_COMPLETION_ROUTINE on_read,
                                   void* reader) noexcept;
    // A step has ended. True: the read is over.
    [[nodiscard]] bool step_ended(DWORD error, std::uint32_t bytes) noexcept;
};

}  // namespace sluice::iocp

// FileRead: one read of a file range, and the two ways to take it further: what is in memory
// already, without waiting, and all of it. in_memory() asks the same question for a send.
//
// The range and the memory belong to the caller of Backend::read() until the end. Any thread, one
// at a time. Nothing fails except the read itself.
#pragma once

#include "core/backend.h"

namespace sluice::posix {

struct FileRead {
    Token token;
    FileRange range;  // what is still to be read
    char* into = nullptr;
    std::uint64_t done = 0;
    Status status = Status::ok;

    // Reads what the system has in memory (preadv2(2), RWF_NOWAIT). True: the read is over.
    [[nodiscard]] bool try_now() noexcept;
    // Reads to the end, however long that takes.
    void wait() noexcept;
    // Takes what a call has read, or its errno as a negative number. True: the read is over, except
    // for check_stamp().
    [[nodiscard]] bool took(std::int64_t result) noexcept;
    // The bytes are there: do they belong to the file that was promised?
    void check_stamp() noexcept;
};

// Looks at a page in every 64 KiB, and at the last one. Where the file system cannot be asked (on
// Linux 6.18 overlayfs and tmpfs) the answer is yes, unless the range is remote.
[[nodiscard]] bool in_memory(const FileRange& range) noexcept;

}  // namespace sluice::posix

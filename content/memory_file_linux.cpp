#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <string>

#include "content/memory_file.h"

// Linux 6.1 (madvise(2)); older headers do not name it.
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

namespace sluice::http {

Result<MemoryFile> MemoryFile::create() {
    MemoryFile result;
    result.file_ = fs::File(::memfd_create("sluice-content", MFD_CLOEXEC));
    if (!result.file_) {
        return fail(Status::no_memory,
                    std::string("cannot make a file in memory: ") + std::strerror(errno), errno);
    }
    return result;
}

std::uint64_t MemoryFile::page_bytes() noexcept {
    return static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Status MemoryFile::write_some(std::uint64_t offset, const char* data, std::size_t size,
                              std::size_t& wrote) {
    ssize_t done = -1;
    do {
        done = ::pwrite(static_cast<int>(handle()), data, size, static_cast<off_t>(offset));
    } while (done < 0 && errno == EINTR);
    if (done <= 0) {
        // EFBIG: the limit on the size of files (setrlimit(2), RLIMIT_FSIZE) applies here, too.
        return errno == ENOMEM || errno == ENOSPC || errno == EFBIG ? Status::no_memory
                                                                    : Status::io_error;
    }
    wrote = static_cast<std::size_t>(done);
    return Status::ok;
}

// On request Linux makes the pages of a mapped range of a memory file one huge page, whatever the
// system's setting for huge pages in shared memory is, unless that is "deny" (madvise(2),
// MADV_COLLAPSE). The address must be aligned as the chunk is.
void MemoryFile::use_huge_page(std::size_t chunk) noexcept {
    if (!huge_pages_) {
        return;
    }
    void* reserved = ::mmap(nullptr, 2 * kChunkBytes, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED) {
        return;
    }
    const auto address = (std::bit_cast<std::uintptr_t>(reserved) + kChunkBytes - 1) &
                         ~std::uintptr_t{kChunkBytes - 1};
    void* mapped = ::mmap(std::bit_cast<void*>(address), kChunkBytes, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_FIXED, static_cast<int>(handle()),
                          static_cast<off_t>(chunk * kChunkBytes));
    if (mapped != MAP_FAILED && ::madvise(mapped, kChunkBytes, MADV_COLLAPSE) != 0) {
        huge_pages_ = errno != EINVAL;  // otherwise none is free just now
    }
    ::munmap(reserved, 2 * kChunkBytes);
}

void MemoryFile::punch(std::uint64_t offset, std::uint64_t size) noexcept {
    // Pages that a socket still holds keep their bytes; they only leave the file.
    ::fallocate(static_cast<int>(handle()), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                static_cast<off_t>(offset), static_cast<off_t>(size));
}

}  // namespace sluice::http

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string>

#include "core/check.h"
#include "http/memory_file.h"

// Linux 6.1 (madvise(2)); older headers do not name it.
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

namespace sluice::http {

namespace {

std::uint64_t whole_pages(std::uint64_t size) noexcept {
    static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    return (size + page - 1) & ~(page - 1);
}

// Calls visit(chunk, bytes of the range in it) for each chunk of a range.
template <typename Visit>
void for_chunks(std::uint64_t offset, std::uint64_t size, Visit visit) {
    while (size != 0) {
        const std::uint64_t room = MemoryFile::kChunkBytes - offset % MemoryFile::kChunkBytes;
        const std::uint64_t part = std::min(size, room);
        visit(static_cast<std::size_t>(offset / MemoryFile::kChunkBytes),
              static_cast<std::uint32_t>(part));
        offset += part;
        size -= part;
    }
}

}  // namespace

Result<MemoryFile> MemoryFile::create() {
    MemoryFile result;
    result.file_ = fs::File(::memfd_create("sluice-content", MFD_CLOEXEC));
    if (!result.file_) {
        return fail(Status::no_memory,
                    std::string("cannot make a file in memory: ") + std::strerror(errno), errno);
    }
    return result;
}

Status MemoryFile::write(std::uint64_t offset, const char* data, std::size_t size) {
    DCHECK(offset >= end_);
    while (size != 0) {
        const ssize_t wrote =
            ::pwrite(static_cast<int>(handle()), data, size, static_cast<off_t>(offset));
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return errno == ENOMEM || errno == ENOSPC ? Status::no_memory : Status::io_error;
        }
        data += wrote;
        offset += static_cast<std::uint64_t>(wrote);
        size -= static_cast<std::size_t>(wrote);
        // The first bytes of a chunk: what follows is written into the huge page at once.
        while (chunks_.size() * kChunkBytes < offset) {
            chunks_.emplace_back();
            use_huge_page(chunks_.size() - 1);
        }
    }
    return Status::ok;
}

// Linux makes the pages of a mapped range of a memory file one huge page when asked to, whatever
// the system's setting for huge pages in shared memory, unless that is "deny" (madvise(2),
// MADV_COLLAPSE). Addresses must be aligned as the chunk is.
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

std::uint64_t MemoryFile::commit(std::uint64_t size) {
    const std::uint64_t taken = whole_pages(size);
    for_chunks(end_, taken, [this](std::size_t chunk, std::uint32_t bytes) {
        chunks_[chunk].committed += bytes;
        chunks_[chunk].live += bytes;
    });
    end_ += taken;
    return taken;
}

void MemoryFile::discard() noexcept {
    const std::uint64_t kept = (end_ + kChunkBytes - 1) / kChunkBytes;
    if (chunks_.size() > kept) {
        punch(kept * kChunkBytes, (chunks_.size() - kept) * kChunkBytes);
        chunks_.resize(kept);
    }
}

std::uint64_t MemoryFile::release(std::uint64_t offset, std::uint64_t size) noexcept {
    std::uint64_t given_back = 0;
    for_chunks(offset, whole_pages(size), [&](std::size_t index, std::uint32_t bytes) {
        Chunk& chunk = chunks_[index];
        DCHECK(chunk.live >= bytes);
        chunk.live -= bytes;
        if (chunk.live == 0) {
            given_back += chunk.committed;
            chunk.committed = 0;
            punch(index * kChunkBytes, kChunkBytes);
            if (index == end_ / kChunkBytes) {
                end_ = (index + 1) * kChunkBytes;  // the rest of the last chunk went with it
            }
        }
    });
    return given_back;
}

void MemoryFile::punch(std::uint64_t offset, std::uint64_t size) noexcept {
    // Pages that a socket still holds keep their bytes, they merely leave the file.
    ::fallocate(static_cast<int>(handle()), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                static_cast<off_t>(offset), static_cast<off_t>(size));
}

}  // namespace sluice::http

#include "content/memory_file.h"

#include <algorithm>

#include "core/check.h"

namespace sluice::http {

namespace {

std::uint64_t whole_pages(std::uint64_t size) noexcept {
    static const std::uint64_t page = MemoryFile::page_bytes();
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

Status MemoryFile::write(std::uint64_t offset, const char* data, std::size_t size) {
    DCHECK(offset >= end_);
    while (size != 0) {
        std::size_t wrote = 0;
        if (const Status status = write_some(offset, data, size, wrote); status != Status::ok) {
            return status;
        }
        data += wrote;
        offset += wrote;
        size -= wrote;
        // The first bytes of a chunk: what follows is written directly into the huge page.
        while (chunks_.size() * kChunkBytes < offset) {
            chunks_.emplace_back();
            use_huge_page(chunks_.size() - 1);
        }
    }
    return Status::ok;
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

}  // namespace sluice::http

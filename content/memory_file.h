// MemoryFile: one file in memory for bytes that must not change while they are sent, so that they
// can leave without a copy through user space.
//
// Space is only ever added at the end; what is released is never written again, so that a send in
// flight, or a socket that still holds the pages, cannot see other bytes. Space is held and given
// back in chunks of one huge page (2 MiB): sending from huge pages costs a quarter less than from
// small ones (docs/performance.md), and a part of a huge page cannot be given back, because the
// kernel would zero it under the sockets that still hold it. Where the system has no huge pages to
// give, the chunks are of small ones.
//
// Windows has no files in memory that could be sent: there it is a temporary one of ours alone,
// which the system keeps in its cache as long as there is room (memory_file_windows.cpp).
//
// Loader's thread. Fails by value only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "content/files.h"
#include "core/result.h"

namespace sluice::http {

class MemoryFile {
  public:
    static constexpr std::uint64_t kChunkBytes = 2 * 1024 * 1024;

    [[nodiscard]] static Result<MemoryFile> create();

    [[nodiscard]] std::intptr_t handle() const { return file_.handle(); }
    // The file alone, as it is.
    [[nodiscard]] fs::File into_file() && { return std::move(file_); }
    // Where the next bytes go; a multiple of the page size.
    [[nodiscard]] std::uint64_t end() const { return end_; }
    // Writes behind end(); what was written there before may be replaced until commit(). Errors:
    // no_memory, io_error.
    [[nodiscard]] Status write(std::uint64_t offset, const char* data, std::size_t size);
    // Makes the `size` bytes behind end() permanent and moves end() behind them, to the next page.
    // Returns how much memory they take: `size` in whole pages.
    [[nodiscard]] std::uint64_t commit(std::uint64_t size);
    // Gives back what was written behind end() and not committed.
    void discard() noexcept;
    // Takes back a commit of `size` bytes at `offset`. Returns how much memory the system got back
    // by it, in what commit() counted: nothing, as long as something else lives in the same chunk.
    [[nodiscard]] std::uint64_t release(std::uint64_t offset, std::uint64_t size) noexcept;

    [[nodiscard]] static std::uint64_t page_bytes() noexcept;

  private:
    struct Chunk {
        std::uint32_t committed = 0;  // bytes ever committed to it
        std::uint32_t live = 0;       // bytes of these that are not released
    };
    [[nodiscard]] Status write_some(std::uint64_t offset, const char* data, std::size_t size,
                                    std::size_t& wrote);
    void use_huge_page(std::size_t chunk) noexcept;
    void punch(std::uint64_t offset, std::uint64_t size) noexcept;

    fs::File file_;
    std::uint64_t end_ = 0;
    std::vector<Chunk> chunks_;  // those that were written to
    bool huge_pages_ = true;     // false once the system has said that it has none
};

}  // namespace sluice::http

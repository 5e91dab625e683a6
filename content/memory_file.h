// MemoryFile: one file in memory (memfd) for bytes that must not change while they are sent, so
// that they can be sent without a copy through user space.
//
// Space is only appended; what is released is never written again, so that a send in flight, or a
// socket that still holds the pages, cannot see other bytes. Space is held and given back in chunks
// of one huge page (2 MiB): sending from huge pages costs a quarter less than from small ones
// (docs/performance.md). A part of a huge page cannot be given back, because the kernel would zero
// it under the sockets that still hold it. Where the system has no free huge pages, the chunks
// consist of small pages.
//
// Windows cannot send from a file in memory: there it is a private temporary file, which the system
// keeps in its cache as long as there is room (memory_file_windows.cpp).
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
    // Releases the file itself.
    [[nodiscard]] fs::File into_file() && { return std::move(file_); }
    // Where the next bytes go; a multiple of the page size.
    [[nodiscard]] std::uint64_t end() const { return end_; }
    // Writes behind end(); bytes there may be replaced until commit(). Errors: no_memory, io_error.
    [[nodiscard]] Status write(std::uint64_t offset, const char* data, std::size_t size);
    // Makes the `size` bytes behind end() permanent and moves end() past them, to the next page.
    // Returns how much memory they take: `size` in whole pages.
    [[nodiscard]] std::uint64_t commit(std::uint64_t size);
    // Gives back what was written behind end() and not committed.
    void discard() noexcept;
    // Takes back a commit of `size` bytes at `offset`. Returns how much of the memory that commit()
    // counted the system got back: nothing while other bytes in the same chunk are in use.
    [[nodiscard]] std::uint64_t release(std::uint64_t offset, std::uint64_t size) noexcept;

    [[nodiscard]] static std::uint64_t page_bytes() noexcept;

  private:
    struct Chunk {
        std::uint32_t committed = 0;  // bytes ever committed to it
        std::uint32_t live = 0;       // committed bytes that are not released
    };
    [[nodiscard]] Status write_some(std::uint64_t offset, const char* data, std::size_t size,
                                    std::size_t& wrote);
    void use_huge_page(std::size_t chunk) noexcept;
    void punch(std::uint64_t offset, std::uint64_t size) noexcept;

    fs::File file_;
    std::uint64_t end_ = 0;
    std::vector<Chunk> chunks_;  // that were written to
    bool huge_pages_ = true;     // false once the system said that it has none
};

}  // namespace sluice::http

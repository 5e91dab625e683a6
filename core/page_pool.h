// PagePool: blocks of one size whose memory goes back to the system as soon as they are given back.
// An allocator would keep it, and how much of it depends on the allocator and on what lies beside.
//
// One thread. Blocks are aligned to 64 bytes and begin at different places within their pages: the
// first lines of all of them would otherwise share a few sets of the cache.
#pragma once

#include <cstddef>
#include <vector>

namespace sluice {

class PagePool {
  public:
    explicit PagePool(std::size_t block_bytes);
    PagePool(const PagePool&) = delete;
    PagePool& operator=(const PagePool&) = delete;
    ~PagePool();  // blocks that are still out go with it

    [[nodiscard]] void* acquire() noexcept;  // null: out of memory
    void release(void* block) noexcept;

  private:
    [[nodiscard]] bool map_chunk() noexcept;

    const std::size_t stride_;  // whole pages
    const std::size_t shifts_;  // places within the first page
    std::vector<void*> chunks_;
    std::vector<void*> free_;  // strides without memory
    std::size_t acquired_ = 0;
};

}  // namespace sluice

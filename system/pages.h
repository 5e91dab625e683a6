// Pages: memory directly from the system, for what comes and goes in large amounts. An allocator
// keeps freed memory, and how much depends on the allocator.
//
// Functions without state, for any thread. New memory is zero.
#pragma once

#include <cstddef>

namespace sluice {

// A power of two; every size and every address below is a multiple of it.
[[nodiscard]] std::size_t page_bytes() noexcept;
// Null: no memory.
[[nodiscard]] void* map_pages(std::size_t bytes) noexcept;
void unmap_pages(void* begin, std::size_t bytes) noexcept;
// Gives the memory of a range back to the system; the addresses stay, their content is lost.
void empty_pages(void* begin, std::size_t bytes) noexcept;
// To be called before an emptied range is used again. False: no memory.
[[nodiscard]] bool fill_pages(void* begin, std::size_t bytes) noexcept;

}  // namespace sluice

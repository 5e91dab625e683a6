#include <sys/mman.h>
#include <unistd.h>

#include "system/pages.h"

namespace sluice {

std::size_t page_bytes() noexcept {
    return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void* map_pages(std::size_t bytes) noexcept {
    void* begin =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return begin == MAP_FAILED ? nullptr : begin;
}

void unmap_pages(void* begin, std::size_t bytes) noexcept {
    (void)::munmap(begin, bytes);
}

void empty_pages(void* begin, std::size_t bytes) noexcept {
    (void)::madvise(begin, bytes, MADV_DONTNEED);
}

bool fill_pages(void*, std::size_t) noexcept {
    return true;  // the first touch does it
}

}  // namespace sluice

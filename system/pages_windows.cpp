#include "system/pages.h"
#include "system/win32.h"

namespace sluice {

std::size_t page_bytes() noexcept {
    SYSTEM_INFO info{};
    ::GetSystemInfo(&info);
    return info.dwPageSize;
}

void* map_pages(std::size_t bytes) noexcept {
    return ::VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

void unmap_pages(void* begin, std::size_t) noexcept {
    (void)::VirtualFree(begin, 0, MEM_RELEASE);
}

void empty_pages(void* begin, std::size_t bytes) noexcept {
    (void)::VirtualFree(begin, bytes, MEM_DECOMMIT);
}

bool fill_pages(void* begin, std::size_t bytes) noexcept {
    return ::VirtualAlloc(begin, bytes, MEM_COMMIT, PAGE_READWRITE) != nullptr;
}

}  // namespace sluice

#include "core/page_pool.h"

#include <cstdint>

#include "core/check.h"
#include "core/reserve.h"
#include "system/pages.h"

namespace sluice {

namespace {

constexpr std::size_t kBlockAlignment = 64;
constexpr std::size_t kBlocksMapped = 64;  // blocks mapped at once

std::size_t whole_pages(std::size_t bytes) {
    return (bytes + page_bytes() - 1) / page_bytes() * page_bytes();
}

}  // namespace

PagePool::PagePool(std::size_t block_bytes)
    : stride_(whole_pages(block_bytes)), shifts_((stride_ - block_bytes) / kBlockAlignment + 1) {}

PagePool::~PagePool() {
    for (void* chunk : chunks_) {
        unmap_pages(chunk, kBlocksMapped * stride_);
    }
}

bool PagePool::map_chunk() noexcept {
    // Room for all that there will be, so that release() never allocates.
    const std::size_t blocks = kBlocksMapped * (chunks_.size() + 1);
    if (!reserve_more(chunks_, 1) || !reserve_more(free_, blocks - free_.size())) {
        return false;
    }
    void* chunk = map_pages(kBlocksMapped * stride_);
    if (chunk == nullptr) {
        return false;
    }
    chunks_.push_back(chunk);
    for (std::size_t i = kBlocksMapped; i-- > 0;) {
        free_.push_back(static_cast<char*>(chunk) + i * stride_);
    }
    return true;
}

void* PagePool::acquire() noexcept {
    if ((free_.empty() && !map_chunk()) || !fill_pages(free_.back(), stride_)) {
        return nullptr;
    }
    void* pages = free_.back();
    free_.pop_back();
    return static_cast<char*>(pages) + acquired_++ % shifts_ * kBlockAlignment;
}

void PagePool::release(void* block) noexcept {
    CHECK(free_.size() < kBlocksMapped * chunks_.size());
    void* pages =
        static_cast<char*>(block) - reinterpret_cast<std::uintptr_t>(block) % page_bytes();
    empty_pages(pages, stride_);
    free_.push_back(pages);
}

}  // namespace sluice

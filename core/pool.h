// Pool: a fixed number of objects, handed out by index, last returned first (it is the one still in
// the cache). Storage is reserved at once and touched only when used, so a large capacity costs
// address space and not memory. One thread. Objects are constructed at their first use and then
// kept; acquire() gives back whatever state release() left.
#pragma once

#include <cstdint>
#include <memory>
#include <new>

#include "core/check.h"

namespace sluice {

template <typename T>
class Pool {
  public:
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};

    explicit Pool(std::uint32_t capacity)
        : storage_(static_cast<Item*>(
              ::operator new (sizeof(Item) * capacity, std::align_val_t{alignof(Item)}))),
          capacity_(capacity) {}
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;
    ~Pool() {
        for (std::uint32_t i = 0; i < made_; ++i) {
            storage_[i].~Item();
        }
        ::operator delete (storage_, std::align_val_t{alignof(Item)});
    }

    // kNone when all are in use.
    [[nodiscard]] std::uint32_t acquire() noexcept {
        if (free_ != kNone) {
            const std::uint32_t index = free_;
            free_ = storage_[index].next_free;
            ++used_;
            return index;
        }
        if (made_ >= capacity_) {
            return kNone;
        }
        new (&storage_[made_]) Item{};
        ++used_;
        return made_++;
    }

    void release(std::uint32_t index) noexcept {
        CHECK(index < made_ && used_ > 0);
        storage_[index].next_free = free_;
        free_ = index;
        --used_;
    }

    [[nodiscard]] T& operator[](std::uint32_t index) noexcept {
        DCHECK(index < made_);
        return storage_[index].value;
    }
    [[nodiscard]] const T& operator[](std::uint32_t index) const noexcept {
        DCHECK(index < made_);
        return storage_[index].value;
    }
    [[nodiscard]] std::uint32_t used() const { return used_; }
    // Indexes below this have been handed out at least once.
    [[nodiscard]] std::uint32_t made() const { return made_; }
    [[nodiscard]] std::uint32_t capacity() const { return capacity_; }

  private:
    struct Item {
        T value{};
        std::uint32_t next_free = kNone;
    };
    Item* storage_;
    std::uint32_t capacity_;
    std::uint32_t made_ = 0;
    std::uint32_t used_ = 0;
    std::uint32_t free_ = kNone;
};

}  // namespace sluice

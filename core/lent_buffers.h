// LentBuffers: buffers of one size that a worker lends to its connections. Some that come back are
// kept. One thread; whoever has borrowed one gives it back.
#pragma once

#include <array>
#include <cstddef>

#include "core/page_pool.h"

namespace sluice {

class LentBuffers {
  public:
    explicit LentBuffers(std::size_t bytes) : memory_(bytes) {}
    [[nodiscard]] char* acquire() noexcept {  // null: out of memory
        return kept_ > 0 ? free_[--kept_] : static_cast<char*>(memory_.acquire());
    }
    void release(char* buffer) noexcept {
        if (kept_ < kKept) {
            free_[kept_++] = buffer;
        } else {
            memory_.release(buffer);
        }
    }

  private:
    static constexpr std::size_t kKept = 64;
    PagePool memory_;
    std::array<char*, kKept> free_{};
    std::size_t kept_ = 0;
};

}  // namespace sluice

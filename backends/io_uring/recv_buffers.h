// RecvBuffers: receive memory that is lent to the caller, with or without a kernel buffer ring
// (io_uring_register_buf_ring(3)). With a ring the kernel picks the buffer when data arrives, so an
// idle connection owns none. Without one, take() hands buffers out here.
//
// One thread. The memory lives as long as the object, which must outlive the ring.
#pragma once

#include <liburing.h>

#include <vector>

#include "core/backend.h"

namespace sluice {

class RecvBuffers {
  public:
    RecvBuffers(std::uint32_t count, std::uint32_t bytes_each);
    ~RecvBuffers();
    RecvBuffers(const RecvBuffers&) = delete;
    RecvBuffers& operator=(const RecvBuffers&) = delete;

    // Registers with the ring as buffer group 0. Returns 0 or a negative errno.
    [[nodiscard]] int provide_to(io_uring& ring) noexcept;

    [[nodiscard]] char* data(BufferId id) const noexcept {
        return memory_ + std::size_t{id} * bytes_each_;
    }
    [[nodiscard]] std::uint32_t bytes_each() const { return bytes_each_; }
    [[nodiscard]] std::uint32_t count() const { return count_; }
    [[nodiscard]] std::uint32_t lent() const { return lent_; }

    // Ring mode: the kernel filled this buffer, it is the caller's now.
    void mark_lent(BufferId id) noexcept;
    // Without a ring: a free buffer, or kNoBuffer.
    [[nodiscard]] BufferId take() noexcept;
    void put_back(BufferId id) noexcept;

  private:
    std::uint32_t count_;
    std::uint32_t bytes_each_;
    std::uint32_t lent_ = 0;
    char* memory_ = nullptr;
    io_uring_buf_ring* ring_memory_ = nullptr;
    std::vector<bool> is_lent_;
    std::vector<BufferId> free_;
};

}  // namespace sluice

#include "backends/io_uring/recv_buffers.h"

#include <sys/mman.h>

#include "core/check.h"

namespace sluice {

namespace {

// Page-aligned, zeroed and untouched, as io_uring_register_buf_ring(3) wants it.
char* map_pages(std::size_t bytes) {
    void* memory =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return static_cast<char*>(memory);
}

}  // namespace

RecvBuffers::RecvBuffers(std::uint32_t count, std::uint32_t bytes_each)
    : count_(count),
      bytes_each_(bytes_each),
      memory_(map_pages(std::size_t{count} * bytes_each)),
      is_lent_(count, false) {
    CHECK(count > 0 && count <= 32'768 && (count & (count - 1)) == 0);
    free_.reserve(count);
    for (BufferId id = count; id-- > 0;) {
        free_.push_back(id);
    }
}

RecvBuffers::~RecvBuffers() {
    ::munmap(memory_, std::size_t{count_} * bytes_each_);
    if (ring_memory_ != nullptr) {
        ::munmap(ring_memory_, count_ * sizeof(io_uring_buf));
    }
}

int RecvBuffers::provide_to(io_uring& ring) noexcept {
    ring_memory_ = reinterpret_cast<io_uring_buf_ring*>(map_pages(count_ * sizeof(io_uring_buf)));
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(ring_memory_);
    registration.ring_entries = count_;
    if (const int error = io_uring_register_buf_ring(&ring, &registration, 0); error != 0) {
        return error;
    }
    io_uring_buf_ring_init(ring_memory_);
    free_.clear();
    for (BufferId id = 0; id < count_; ++id) {
        io_uring_buf_ring_add(ring_memory_, data(id), bytes_each_, static_cast<unsigned short>(id),
                              io_uring_buf_ring_mask(count_), static_cast<int>(id));
    }
    io_uring_buf_ring_advance(ring_memory_, static_cast<int>(count_));
    return 0;
}

void RecvBuffers::mark_lent(BufferId id) noexcept {
    CHECK(id < count_ && !is_lent_[id]);
    is_lent_[id] = true;
    ++lent_;
}

BufferId RecvBuffers::take() noexcept {
    if (free_.empty()) {
        return kNoBuffer;
    }
    const BufferId id = free_.back();
    free_.pop_back();
    mark_lent(id);
    return id;
}

void RecvBuffers::put_back(BufferId id) noexcept {
    CHECK(id < count_ && is_lent_[id]);
    is_lent_[id] = false;
    --lent_;
    if (ring_memory_ == nullptr) {
        free_.push_back(id);
        return;
    }
    io_uring_buf_ring_add(ring_memory_, data(id), bytes_each_, static_cast<unsigned short>(id),
                          io_uring_buf_ring_mask(count_), 0);
    io_uring_buf_ring_advance(ring_memory_, 1);
}

}  // namespace sluice

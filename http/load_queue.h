// LoadQueue: how workers request unloaded entries from the loader. Bounded; an entry waits once,
// however many connections want it.
//
// OWNERSHIP AND THREADS. The content store owns it, any worker pushes to it, the loader's thread
// drains it. Its pointers only name entries: by the time the loader looks, the entry may be gone,
// so it compares them with the entries it knows before it follows them. A lock is taken, but only
// on the way to a file that has to be opened first.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <mutex>

#include "http/entry.h"

namespace sluice::http {

class LoadQueue {
  public:
    static constexpr std::size_t kCapacity = 256;
    using Batch = std::array<const Entry*, kCapacity>;

    // `wake` is called, outside the lock, when the queue stops being empty.
    explicit LoadQueue(std::function<void()> wake) : wake_(std::move(wake)) {}

    // False when the queue is full.
    [[nodiscard]] bool push(const Entry* entry) noexcept;
    // Moves what waits into `out` and returns how many there were.
    [[nodiscard]] std::size_t drain(Batch& out) noexcept;

  private:
    std::mutex mutex_;
    std::array<const Entry*, kCapacity> waiting_{};
    std::size_t count_ = 0;
    std::function<void()> wake_;
};

}  // namespace sluice::http

// Events: where one thread of the service waits: for handles that become readable, a wake from
// another thread, a deadline. One implementation for each system; CMake picks the file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "core/clock.h"
#include "core/result.h"

namespace sluice {

class Events {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Events>> create();
    virtual ~Events() = default;

    // Waits until one of `handles` is readable, wake() is called or the deadline (of clock()) has
    // passed; may return early. One thread.
    virtual void wait(std::span<const std::intptr_t> handles, Nanos deadline) = 0;
    // Any thread. Ends the current wait, or else the next one.
    virtual void wake() noexcept = 0;
    [[nodiscard]] virtual Nanos clock() const noexcept = 0;  // monotonic; any thread
};

}  // namespace sluice

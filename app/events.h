// Events: what the control thread waits for: signals, handles that become readable, a wake from
// another thread, a deadline. One implementation for each system; CMake picks the file.
//
// Made on the main thread before any other thread starts, because it blocks the signals for all.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace sluice {

enum class Signal : std::uint8_t { none, stop, reopen };  // SIGTERM and SIGINT; SIGUSR1

class Events {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Events>> create();
    virtual ~Events() = default;

    // Waits until a signal comes, one of `handles` is readable, wake() is called or the deadline
    // (of clock()) has passed. Returns the signal, if that was it.
    [[nodiscard]] virtual Signal wait(const std::vector<std::intptr_t>& handles,
                                      Nanos deadline) = 0;
    [[nodiscard]] virtual Nanos clock() const = 0;  // monotonic
    virtual void wake() noexcept = 0;               // any thread
};

}  // namespace sluice

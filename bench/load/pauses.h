// Pauses: when the generator itself stood still. It notes when it wanted to be woken and when it
// was, and the gaps between its readings of the clock that its work does not explain. Whatever came
// or was due in such a gap was kept waiting by us, and for how long is known for each request.
//
// One for each worker, on its thread; no allocation after construction, nothing fails.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/clock.h"

namespace sluice::load {

class Pauses {
  public:
    // While answers are awaited the generator wants to be woken after this time without any event,
    // and again after as much as has gone by then: a shorter pause cannot be most of the latency of
    // what has been awaited for so long.
    static constexpr Nanos kBeat = kMillisecond;
    // What is no pause: a wake-up, and the work of each completion (a generous bound).
    static constexpr Nanos kFree = 250 * kMicrosecond;
    static constexpr Nanos kWorkEach = 20 * kMicrosecond;

    // From `from` to `to` it did the work of so many completions, and nothing else was to be done.
    // Returns the length of the pause in that, 0 if there was none.
    Nanos note(Nanos from, Nanos to, std::size_t completions) noexcept;
    // How much of the time between two instants, of which the second is not in the future, it stood
    // still. (Of the pauses that it remembers, the last kRemembered.)
    [[nodiscard]] Nanos within(Nanos from, Nanos to) const noexcept {
        return from >= last_end_ ? 0 : until(to) - until(from);
    }

  private:
    static constexpr std::size_t kRemembered = 1024;
    struct Pause {
        Nanos from = 0;
        Nanos to = 0;
        Nanos before = 0;  // the length of all before it
    };
    [[nodiscard]] Nanos until(Nanos instant) const noexcept;
    [[nodiscard]] const Pause& at(std::uint64_t number) const noexcept {
        return pauses_[number % kRemembered];
    }

    std::array<Pause, kRemembered> pauses_;  // a ring
    std::uint64_t count_ = 0;
    Nanos last_end_ = 0;
};

}  // namespace sluice::load

// Pauses: when the generator itself stood still. They show in wake-ups that came late, and in gaps
// between two readings of the clock that its work does not explain. Whatever arrived or was due in
// a pause waited for us; for how long is known for each request.
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
    // While answers are awaited, the generator asks to be woken after this time without any event,
    // and then after twice, four times ... as long: a shorter pause cannot be most of the latency
    // of what has been awaited for so long.
    static constexpr Nanos kWakeAfter = kMillisecond;
    // What is no pause: the time of a wake-up, and the work of each completion (a generous bound).
    static constexpr Nanos kPauseMin = 250 * kMicrosecond;
    static constexpr Nanos kWorkPerCompletion = 20 * kMicrosecond;

    // From `from` to `to` the generator handled that many completions, and had nothing else to do.
    // Returns the length of the pause in that time, 0 if there was none.
    Nanos note(Nanos from, Nanos to, std::size_t completions) noexcept;
    // How long it stood still from `from` to `to` (not in the future). Only the last kRemembered
    // pauses count.
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

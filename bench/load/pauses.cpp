#include "bench/load/pauses.h"

#include <algorithm>

namespace sluice::load {

Nanos Pauses::note(Nanos from, Nanos to, std::size_t completions) noexcept {
    const Nanos began = from + kWorkPerCompletion * static_cast<Nanos>(completions);
    if (to - began <= kPauseMin) {
        return 0;
    }
    Nanos before = 0;
    if (count_ > 0) {
        const Pause& last = at(count_ - 1);
        before = last.before + last.to - last.from;
    }
    pauses_[count_++ % kRemembered] = {began, to, before};
    last_end_ = to;
    return to - began;
}

// The length of all pauses up to an instant.
Nanos Pauses::until(Nanos instant) const noexcept {
    std::uint64_t low = count_ > kRemembered ? count_ - kRemembered : 0;
    const Nanos forgotten = count_ > 0 ? at(low).before : 0;
    std::uint64_t high = count_;  // the first pause that begins later than the instant
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        if (at(middle).from <= instant) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0 || (count_ > kRemembered && low == count_ - kRemembered)) {
        return forgotten;  // before all that it remembers
    }
    const Pause& pause = at(low - 1);
    return pause.before + std::min(instant, pause.to) - pause.from;
}

}  // namespace sluice::load

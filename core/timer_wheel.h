// TimerWheel: one deadline for each slot, O(1) to set and to cancel. Deadlines fire in order of
// their tick (67 ms), never early (in any order after a sleep that was longer than the horizon).
// Meant for deadlines that almost never fire: one beyond the wheel's horizon, counted from the last
// expire(), fires at the horizon, and the caller sets it again.
//
// One thread. Links live in an array by slot, touched only for slots in use.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "core/check.h"
#include "core/clock.h"
#include "core/token.h"

namespace sluice {

class TimerWheel {
  public:
    static constexpr int kTickBits = 26;  // 2^26 ns = 67 ms
    static constexpr std::uint32_t kBuckets = 128;
    static constexpr Nanos kTick = Nanos{1} << kTickBits;
    static constexpr std::int64_t kHorizonTicks = kBuckets - 2;  // 8.4 s

    // The tick of an instant; 32 bits last for nine years from 0. That of kNever is the latest: all
    // its bits are ones.
    [[nodiscard]] static std::uint32_t tick_of(Nanos instant) noexcept {
        return static_cast<std::uint32_t>(instant >> kTickBits);
    }

    TimerWheel(std::uint32_t slots, Nanos now);
    ~TimerWheel();
    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;

    // Sets or moves the slot's deadline; beyond the horizon it fires at the horizon.
    void schedule(Slot slot, Nanos when) noexcept;
    void cancel(Slot slot) noexcept;

    // Calls fire(slot) for each slot whose tick has passed; it is no longer scheduled then, and may
    // be scheduled again by the call.
    template <typename Fire>
    void expire(Nanos now, Fire&& fire) noexcept {
        const std::int64_t target = now >> kTickBits;
        if (target - done_tick_ > kBuckets) {
            done_tick_ = target - kBuckets;  // each bucket is visited once at most
        }
        while (done_tick_ < target) {
            const std::uint32_t bucket = static_cast<std::uint32_t>(done_tick_) % kBuckets;
            ++done_tick_;
            while (heads_[bucket] != kNoSlot) {
                const Slot slot = heads_[bucket];
                unlink(slot);
                fire(slot);
            }
        }
    }

    // The instant at which expire() has something to do; kNever when nothing is scheduled.
    [[nodiscard]] Nanos next_deadline() const noexcept;
    [[nodiscard]] std::uint32_t scheduled() const { return scheduled_; }

  private:
    struct Link {
        Slot previous;
        Slot next;
        std::uint32_t bucket_plus_one;  // 0: not scheduled; memory starts as zero
    };
    void unlink(Slot slot) noexcept;

    std::uint32_t slots_;
    Link* links_;
    std::array<Slot, kBuckets> heads_{};
    std::int64_t done_tick_;  // ticks before this one have fired
    std::uint32_t scheduled_ = 0;
};

}  // namespace sluice

#include "core/timer_wheel.h"

#include <algorithm>
#include <cstdlib>

namespace sluice {

TimerWheel::TimerWheel(std::uint32_t slots, Nanos now)
    : slots_(slots),
      // calloc: zeroed by the system, so the links of unused slots never become resident.
      links_(static_cast<Link*>(std::calloc(slots, sizeof(Link)))),
      done_tick_(now >> kTickBits) {
    CHECK(links_ != nullptr);
    heads_.fill(kNoSlot);
}

TimerWheel::~TimerWheel() {
    std::free(links_);
}

void TimerWheel::schedule(Slot slot, Nanos when) noexcept {
    CHECK(slot < slots_);
    cancel(slot);
    const std::int64_t latest = done_tick_ + kHorizonTicks;
    const std::int64_t tick = std::clamp(when >> kTickBits, done_tick_, latest);
    const std::uint32_t bucket = static_cast<std::uint32_t>(tick) % kBuckets;
    Link& link = links_[slot];
    link.previous = kNoSlot;
    link.next = heads_[bucket];
    link.bucket_plus_one = bucket + 1;
    if (link.next != kNoSlot) {
        links_[link.next].previous = slot;
    }
    heads_[bucket] = slot;
    ++scheduled_;
}

void TimerWheel::cancel(Slot slot) noexcept {
    CHECK(slot < slots_);
    if (links_[slot].bucket_plus_one != 0) {
        unlink(slot);
    }
}

void TimerWheel::unlink(Slot slot) noexcept {
    Link& link = links_[slot];
    if (link.previous != kNoSlot) {
        links_[link.previous].next = link.next;
    } else {
        heads_[link.bucket_plus_one - 1] = link.next;
    }
    if (link.next != kNoSlot) {
        links_[link.next].previous = link.previous;
    }
    link.bucket_plus_one = 0;
    --scheduled_;
}

Nanos TimerWheel::next_deadline() const noexcept {
    if (scheduled_ == 0) {
        return kNever;
    }
    for (std::uint32_t i = 0; i < kBuckets; ++i) {
        const std::int64_t tick = done_tick_ + i;
        if (heads_[static_cast<std::uint32_t>(tick) % kBuckets] != kNoSlot) {
            return (tick + 1) << kTickBits;
        }
    }
    return kNever;
}

}  // namespace sluice

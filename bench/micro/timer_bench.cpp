// The timer wheel, with as many deadlines as there are connections.
#include <benchmark/benchmark.h>

#include "core/timer_wheel.h"

namespace sluice::micro {

namespace {

constexpr std::uint32_t kSlots = 10'000;

// What a connection does at most once in a few seconds: its deadline moves.
void schedule(benchmark::State& state) {
    Nanos now = kSecond;
    TimerWheel wheel(kSlots, now);
    Slot slot = 0;
    for (auto _ : state) {
        wheel.schedule(slot, now + 5 * kSecond);
        slot = slot + 1 == kSlots ? 0 : slot + 1;
        now += kMicrosecond;
    }
}

void cancel(benchmark::State& state) {
    TimerWheel wheel(kSlots, kSecond);
    for (auto _ : state) {
        wheel.schedule(7, 6 * kSecond);
        wheel.cancel(7);
    }
}

// What each iteration of the loop does, when nothing is due.
void nothing_due(benchmark::State& state) {
    TimerWheel wheel(kSlots, kSecond);
    for (Slot slot = 0; slot < kSlots; ++slot) {
        wheel.schedule(slot, 6 * kSecond);
    }
    for (auto _ : state) {
        benchmark::DoNotOptimize(wheel.next_deadline());
        wheel.expire(kSecond, [](Slot) {});
    }
}

// Each deadline fires and is set again.
void fire(benchmark::State& state) {
    Nanos now = kSecond;
    TimerWheel wheel(kSlots, now);
    for (Slot slot = 0; slot < kSlots; ++slot) {
        wheel.schedule(slot, now + slot * (kSecond / kSlots));
    }
    std::int64_t fired = 0;
    for (auto _ : state) {
        now += TimerWheel::kTick;
        wheel.expire(now, [&](Slot slot) {
            ++fired;
            wheel.schedule(slot, now + kSecond);
        });
    }
    state.SetItemsProcessed(fired);
}

BENCHMARK(schedule)->Name("timer/schedule");
BENCHMARK(cancel)->Name("timer/schedule_and_cancel");
BENCHMARK(nothing_due)->Name("timer/turn_with_nothing_due");
BENCHMARK(fire)->Name("timer/fire");

}  // namespace

}  // namespace sluice::micro

#include "core/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace sluice {

namespace {

constexpr Nanos kTick = TimerWheel::kTick;

std::vector<Slot> expire(TimerWheel& wheel, Nanos now) {
    std::vector<Slot> fired;
    wheel.expire(now, [&](Slot slot) { fired.push_back(slot); });
    return fired;
}

}  // namespace

TEST(TimerWheel, FiresOnceNeverEarlyAndAtMostATickLate) {
    for (const Nanos when : {Nanos{0}, Nanos{1}, kTick - 1, kTick, 3 * kTick + 17, 100 * kTick}) {
        TimerWheel wheel(4, 0);
        wheel.schedule(2, when);
        EXPECT_EQ(expire(wheel, when), std::vector<Slot>{}) << when;
        EXPECT_EQ(expire(wheel, when + kTick), std::vector<Slot>{2}) << when;
        EXPECT_EQ(expire(wheel, when + 300 * kTick), std::vector<Slot>{}) << when;
        EXPECT_EQ(wheel.scheduled(), 0U);
    }
}

TEST(TimerWheel, NextDeadlineIsWhenSomethingFires) {
    TimerWheel wheel(4, 5 * kTick);
    EXPECT_EQ(wheel.next_deadline(), kNever);
    wheel.schedule(0, 9 * kTick + 3);
    const Nanos next = wheel.next_deadline();
    EXPECT_GT(next, 9 * kTick + 3);
    EXPECT_EQ(expire(wheel, next - 1), std::vector<Slot>{});
    EXPECT_EQ(expire(wheel, next), std::vector<Slot>{0});
    EXPECT_EQ(wheel.next_deadline(), kNever);
}

TEST(TimerWheel, FiresInOrderOfTicks) {
    TimerWheel wheel(8, 0);
    wheel.schedule(0, 7 * kTick);
    wheel.schedule(1, 2 * kTick);
    wheel.schedule(2, 120 * kTick);
    wheel.schedule(3, 5 * kTick);
    EXPECT_EQ(expire(wheel, 121 * kTick), (std::vector<Slot>{1, 3, 0, 2}));
}

TEST(TimerWheel, CancelAndMove) {
    TimerWheel wheel(4, 0);
    for (Slot slot = 0; slot < 4; ++slot) {
        wheel.schedule(slot, 3 * kTick);
    }
    wheel.cancel(1);
    wheel.cancel(1);  // twice does no harm
    wheel.schedule(2, kTick);
    wheel.schedule(3, 6 * kTick);
    EXPECT_EQ(wheel.scheduled(), 3U);
    EXPECT_EQ(expire(wheel, 2 * kTick), std::vector<Slot>{2});
    EXPECT_EQ(expire(wheel, 4 * kTick), std::vector<Slot>{0});
    EXPECT_EQ(expire(wheel, 7 * kTick), std::vector<Slot>{3});
    EXPECT_EQ(wheel.scheduled(), 0U);
}

TEST(TimerWheel, BeyondTheHorizonItFiresAtTheHorizon) {
    TimerWheel wheel(1, 0);
    wheel.schedule(0, 1'000 * kTick);
    EXPECT_EQ(expire(wheel, TimerWheel::kHorizonTicks * kTick), std::vector<Slot>{});
    EXPECT_EQ(expire(wheel, (TimerWheel::kHorizonTicks + 1) * kTick), std::vector<Slot>{0});
}

TEST(TimerWheel, WhatIsOverdueFiresWithTheNextTick) {
    TimerWheel wheel(1, 50 * kTick);
    wheel.schedule(0, kTick);
    EXPECT_EQ(expire(wheel, 51 * kTick), std::vector<Slot>{0});
}

TEST(TimerWheel, MayBeScheduledAndCancelledWhileItFires) {
    TimerWheel wheel(4, 0);
    wheel.schedule(0, kTick);
    wheel.schedule(1, kTick);
    wheel.schedule(2, 2 * kTick);
    std::vector<Slot> fired;
    wheel.expire(10 * kTick, [&](Slot slot) {
        fired.push_back(slot);
        if (fired.size() == 1) {
            wheel.cancel(slot == 0 ? 1 : 0);
            wheel.cancel(2);
            wheel.schedule(3, 5 * kTick);  // due within this call
            wheel.schedule(slot, 20 * kTick);
        }
    });
    ASSERT_EQ(fired.size(), 2U);
    EXPECT_EQ(fired[1], 3U);
    EXPECT_EQ(expire(wheel, 21 * kTick), std::vector<Slot>{fired[0]});
}

TEST(TimerWheel, AfterALongSleepEverythingFiresOnce) {
    for (const Nanos begin : {Nanos{0}, 77 * kTick, 1'000'003 * kTick}) {
        TimerWheel wheel(128, begin);
        std::vector<Slot> expected;
        for (Slot slot = 0; slot < 126; ++slot) {
            wheel.schedule(slot, begin + static_cast<Nanos>(slot) * kTick);
            expected.push_back(slot);
        }
        std::vector<Slot> fired = expire(wheel, begin + 100'000 * kTick);
        std::ranges::sort(fired);
        EXPECT_EQ(fired, expected);
        EXPECT_EQ(wheel.scheduled(), 0U);
        // It keeps time afterwards.
        const Nanos now = begin + 100'000 * kTick;
        wheel.schedule(5, now + 3 * kTick);
        EXPECT_EQ(expire(wheel, now + 3 * kTick), std::vector<Slot>{});
        EXPECT_EQ(expire(wheel, now + 4 * kTick), std::vector<Slot>{5});
    }
}

// During the first turn after a long sleep, the wheel has not caught up yet.
TEST(TimerWheel, ScheduledBeforeItHasCaughtUp) {
    TimerWheel wheel(2, 0);
    const Nanos now = 5'000 * kTick;
    wheel.schedule(0, now + 10 * kTick);
    std::vector<Slot> early;
    wheel.expire(now, [&](Slot slot) {
        early.push_back(slot);
        wheel.schedule(slot, now + 10 * kTick);  // as the caller does when it was too early
    });
    EXPECT_EQ(expire(wheel, now + 10 * kTick), std::vector<Slot>{});
    EXPECT_EQ(expire(wheel, now + 11 * kTick), std::vector<Slot>{0});
}

TEST(TimerWheel, BehavesLikeASortedMap) {
    constexpr Slot kSlots = 50;
    for (unsigned seed = 1; seed <= 20; ++seed) {
        std::mt19937 random(seed);
        const auto pick = [&](Nanos low, Nanos high) {
            return std::uniform_int_distribution<Nanos>(low, high)(random);
        };
        Nanos now = pick(0, 1'000 * kTick);
        TimerWheel wheel(kSlots, now);
        std::map<Slot, Nanos> model;
        for (int step = 0; step < 3'000; ++step) {
            const auto slot = static_cast<Slot>(pick(0, kSlots - 1));
            switch (pick(0, 3)) {
                case 0:
                    wheel.cancel(slot);
                    model.erase(slot);
                    break;
                case 1:
                case 2:
                    model[slot] = now + pick(-2 * kTick, 120 * kTick);
                    wheel.schedule(slot, model[slot]);
                    model[slot] = std::max(model[slot], now);  // what is overdue fires next
                    break;
                default: {
                    now += pick(0, 1) == 0 ? pick(0, 3 * kTick) : pick(0, 60 * kTick);
                    Nanos last_tick = -1;
                    wheel.expire(now, [&](Slot fired) {
                        ASSERT_TRUE(model.contains(fired));
                        EXPECT_LE(model[fired], now);  // never early
                        const Nanos tick = model[fired] / kTick;
                        if (tick >= last_tick) {
                            last_tick = tick;
                        }
                        model.erase(fired);
                    });
                    for (const auto& [left, when] : model) {
                        EXPECT_GT(when / kTick, now / kTick - 1) << "slot " << left << " is late";
                    }
                }
            }
            ASSERT_EQ(wheel.scheduled(), model.size());
            Nanos next = kNever;
            for (const auto& [left, when] : model) {
                next = std::min(next, (std::max(when, now) / kTick + 1) * kTick);
            }
            ASSERT_EQ(wheel.next_deadline(), next) << "seed " << seed << " step " << step;
        }
    }
}

}  // namespace sluice

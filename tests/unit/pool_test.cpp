#include "core/pool.h"

#include <gtest/gtest.h>

#include <set>

namespace sluice {

namespace {

struct Counted {
    Counted() { ++alive; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() { --alive; }
    int value = 7;
    static inline int alive = 0;
};

}  // namespace

TEST(Pool, HandsOutEachIndexOnceAndThenNone) {
    Pool<Counted> pool(3);
    std::set<std::uint32_t> seen;
    for (int i = 0; i < 3; ++i) {
        seen.insert(pool.acquire());
    }
    EXPECT_EQ(seen, (std::set<std::uint32_t>{0, 1, 2}));
    EXPECT_EQ(pool.acquire(), Pool<Counted>::kNone);
    EXPECT_EQ(pool.used(), 3U);
    pool.release(1);
    EXPECT_EQ(pool.used(), 2U);
    EXPECT_EQ(pool.acquire(), 1U);
    EXPECT_EQ(pool.acquire(), Pool<Counted>::kNone);
}

TEST(Pool, TheLastOneReturnedGoesOutFirst) {
    Pool<int> pool(4);
    for (int i = 0; i < 4; ++i) {
        (void)pool.acquire();
    }
    pool.release(2);
    pool.release(0);
    pool.release(3);
    EXPECT_EQ(pool.acquire(), 3U);
    EXPECT_EQ(pool.acquire(), 0U);
    EXPECT_EQ(pool.acquire(), 2U);
}

TEST(Pool, ConstructsAtFirstUseAndKeepsWhatWasLeft) {
    {
        Pool<Counted> pool(1'000'000);
        EXPECT_EQ(Counted::alive, 0);
        const std::uint32_t index = pool.acquire();
        EXPECT_EQ(Counted::alive, 1);
        EXPECT_EQ(pool[index].value, 7);
        pool[index].value = 8;
        pool.release(index);
        EXPECT_EQ(pool.acquire(), index);
        EXPECT_EQ(pool[index].value, 8);
        EXPECT_EQ(pool.made(), 1U);
        EXPECT_EQ(pool.capacity(), 1'000'000U);
    }
    EXPECT_EQ(Counted::alive, 0);
}

TEST(Pool, KeepsTheAlignment) {
    struct alignas(64) Line {
        char bytes[64];
    };
    Pool<Line> pool(8);
    for (int i = 0; i < 8; ++i) {
        const std::uint32_t index = pool.acquire();
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&pool[index]) % 64, 0U);
    }
}

TEST(PoolDeathTest, ReleasingWhatWasNeverOutIsAMistake) {
    Pool<int> pool(2);
    EXPECT_DEATH(pool.release(0), "CHECK failed");
}

}  // namespace sluice

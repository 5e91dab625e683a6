#include "core/page_pool.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <vector>

#include "core/connection.h"

namespace sluice {

TEST(PagePool, BlocksAreApartAndAligned) {
    for (const std::size_t bytes : {1UZ, 64UZ, 4096UZ, 5000UZ, 17'000UZ}) {
        PagePool pool(bytes);
        std::vector<char*> blocks;
        for (int i = 0; i < 200; ++i) {
            blocks.push_back(static_cast<char*>(pool.acquire()));
            ASSERT_NE(blocks.back(), nullptr);
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(blocks.back()) % 64, 0U);
            std::memset(blocks.back(), i, bytes);
        }
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            EXPECT_EQ(static_cast<unsigned char>(blocks[i][0]), i);
            EXPECT_EQ(static_cast<unsigned char>(blocks[i][bytes - 1]), i);
        }
    }
}

TEST(PagePool, BlocksComeBackWithoutWhatWasInThem) {
    PagePool pool(10'000);
    std::set<void*> pages;
    const auto page_of = [](void* block) {
        return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(block) / 4096);
    };
    for (int i = 0; i < 300; ++i) {
        auto* block = static_cast<char*>(pool.acquire());
        ASSERT_NE(block, nullptr);
        pages.insert(page_of(block));
        for (const std::size_t at : {0UZ, 5'000UZ, 9'999UZ}) {
            EXPECT_EQ(block[at], 0) << "its memory was kept";
            block[at] = 1;
        }
        pool.release(block);
    }
    EXPECT_EQ(pages.size(), 1U) << "the place is used again";
}

namespace {

// Gives the pool `seconds` of turns and returns how many request contexts have memory then.
std::size_t after(RequestContextPool& pool, Nanos& now, Nanos seconds) {
    for (const Nanos end = now + seconds * kSecond; now < end; now += 10 * kMillisecond) {
        pool.trim(now);
    }
    return pool.made();
}

}  // namespace

TEST(RequestContextPool, AfterAStormMemoryGoesBack) {
    RequestContextPool pool(17'000);
    Nanos now = 0;
    std::vector<RequestContext*> storm;
    for (int i = 0; i < 5'000; ++i) {
        storm.push_back(pool.acquire());
        ASSERT_NE(storm.back(), nullptr);
        storm.back()->begun_bytes = static_cast<std::uint64_t>(i);
    }
    EXPECT_EQ(after(pool, now, 10), 5'000U);  // all are in use
    EXPECT_EQ(pool.trim_at(), kNever);
    for (std::size_t i = 0; i < storm.size(); ++i) {
        if (i % 1'000 != 0) {
            pool.release(storm[i]);
        }
    }
    EXPECT_GT(after(pool, now, 1), 1'000U);  // little by little
    EXPECT_LE(after(pool, now, 9), RequestContextPool::kKept + 5);
    EXPECT_EQ(pool.trim_at(), kNever) << "nothing left to wake up for";
    for (std::size_t i = 0; i < storm.size(); i += 1'000) {
        EXPECT_EQ(storm[i]->begun_bytes, i);
        pool.release(storm[i]);
    }
    EXPECT_EQ(pool.in_use(), 0U);
}

// Memory that is needed again and again stays.
TEST(RequestContextPool, WhatIsUsedIsKept) {
    RequestContextPool pool(17'000);
    Nanos now = 0;
    std::vector<RequestContext*> busy;
    for (int round = 0; round < 200; ++round) {
        while (busy.size() < 1'000) {
            busy.push_back(pool.acquire());
        }
        pool.trim(now);
        while (!busy.empty()) {
            pool.release(busy.back());
            busy.pop_back();
        }
        pool.trim(now);
        now += 50 * kMillisecond;
        EXPECT_EQ(pool.made(), 1'000U);
    }
    EXPECT_LE(after(pool, now, 10), RequestContextPool::kKept);
}

}  // namespace sluice

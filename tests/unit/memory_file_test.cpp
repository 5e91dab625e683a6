#include "content/memory_file.h"

#include "memory_file_fixture.h"

namespace sluice::http {
namespace {

constexpr std::uint64_t kChunk = MemoryFile::kChunkBytes;

class MemoryFileTest : public MemoryFileFixture {};

TEST_F(MemoryFileTest, KeepsWhatWasCommittedAtPageBorders) {
    const std::uint64_t one = add(10, 'a');
    const std::uint64_t two = add(5000, 'b');
    const std::uint64_t three = add(2 * kChunk, 'c');
    EXPECT_EQ(one, 0U);
    EXPECT_EQ(two, 4096U);
    EXPECT_EQ(three, 4096U + 8192U);
    EXPECT_TRUE(holds(one, 10, 'a'));
    EXPECT_TRUE(holds(two, 5000, 'b'));
    EXPECT_TRUE(holds(three, 2 * kChunk, 'c'));
    EXPECT_EQ(taken_, 4096 + 8192 + 2 * kChunk);
}

TEST_F(MemoryFileTest, GivesChunksBackAndNoOthers) {
    const std::uint64_t small = add(1000, 's');
    const std::uint64_t large = add(3 * kChunk, 'l');
    release(large, 3 * kChunk);
    EXPECT_EQ(taken_, kChunk) << "the first chunk, in which the small one lives";
    EXPECT_TRUE(!test::has_holes() || held() <= 2 * kChunk) << held();
    EXPECT_TRUE(holds(small, 1000, 's'));
    release(small, 1000);
    EXPECT_EQ(taken_, 0U);
    EXPECT_TRUE(!test::has_holes() || held() == 0) << held();
}

TEST_F(MemoryFileTest, NeverWritesWhereSomethingWas) {
    const std::uint64_t first = add(1000, '1');
    release(first, 1000);
    EXPECT_EQ(taken_, 0U);
    EXPECT_EQ(add(1000, '2'), kChunk) << "the rest of a chunk that was given back goes with it";
    const std::uint64_t full = add(kChunk - 4096, '3');
    EXPECT_EQ(file_.end(), 2 * kChunk);
    release(full, kChunk - 4096);
    EXPECT_EQ(add(1, '4'), 2 * kChunk);
    EXPECT_TRUE(holds(kChunk, 1000, '2'));
}

TEST_F(MemoryFileTest, WhatIsDiscardedLeavesRoomAndNoMemory) {
    const std::uint64_t kept = add(1000, 'k');
    const std::string bytes(5 * kChunk, 'd');
    ASSERT_EQ(file_.write(file_.end(), bytes.data(), bytes.size()), Status::ok);
    file_.discard();
    EXPECT_TRUE(!test::has_holes() || held() <= kChunk) << held();
    EXPECT_TRUE(holds(kept, 1000, 'k'));
    EXPECT_EQ(add(2 * kChunk, 'n'), 4096U);
    EXPECT_TRUE(holds(4096, 2 * kChunk, 'n'));
}

}  // namespace
}  // namespace sluice::http

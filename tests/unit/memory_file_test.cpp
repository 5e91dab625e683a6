#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "http/memory_file.h"

namespace sluice::http {
namespace {

constexpr std::uint64_t kChunk = MemoryFile::kChunkBytes;

class MemoryFileTest : public testing::Test {
  protected:
    MemoryFileTest() : file_(MemoryFile::create().value()) {}

    // The offset of the committed bytes.
    std::uint64_t add(std::size_t size, char fill) {
        const std::uint64_t offset = file_.end();
        const std::string bytes(size, fill);
        EXPECT_EQ(file_.write(offset, bytes.data(), size), Status::ok);
        taken_ += file_.commit(size);
        return offset;
    }
    void release(std::uint64_t offset, std::size_t size) { taken_ -= file_.release(offset, size); }

    [[nodiscard]] bool holds(std::uint64_t offset, std::size_t size, char fill) const {
        std::string bytes(size, '\0');
        return ::pread(static_cast<int>(file_.handle()), bytes.data(), size,
                       static_cast<off_t>(offset)) == static_cast<ssize_t>(size) &&
               bytes == std::string(size, fill);
    }
    // Memory that the system counts for the file.
    [[nodiscard]] std::uint64_t blocks() const {
        struct stat info {};
        EXPECT_EQ(::fstat(static_cast<int>(file_.handle()), &info), 0);
        return static_cast<std::uint64_t>(info.st_blocks) * 512;
    }

    MemoryFile file_;
    std::uint64_t taken_ = 0;
};

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
    EXPECT_LE(blocks(), 2 * kChunk);
    EXPECT_TRUE(holds(small, 1000, 's'));
    release(small, 1000);
    EXPECT_EQ(taken_, 0U);
    EXPECT_EQ(blocks(), 0U);
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
    EXPECT_LE(blocks(), kChunk);
    EXPECT_TRUE(holds(kept, 1000, 'k'));
    EXPECT_EQ(add(2 * kChunk, 'n'), 4096U);
    EXPECT_TRUE(holds(4096, 2 * kChunk, 'n'));
}

// Pages that a pipe or a socket holds are not zeroed when the file gives them back.
TEST_F(MemoryFileTest, PagesInFlightKeepTheirBytes) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const std::uint64_t old = add(20'000, 'o');
    loff_t from = static_cast<loff_t>(old) + 4096;
    ASSERT_EQ(::splice(static_cast<int>(file_.handle()), &from, pipe[1], nullptr, 8192, 0), 8192);
    const std::uint64_t other = add(20'000, 'x');
    release(old, 20'000);
    release(other, 20'000);
    add(20'000, 'n');
    std::string got(8192, '\0');
    EXPECT_EQ(::read(pipe[0], got.data(), got.size()), 8192);
    EXPECT_EQ(got, std::string(8192, 'o'));
    ::close(pipe[0]);
    ::close(pipe[1]);
}

TEST_F(MemoryFileTest, LivesInHugePagesWhereTheSystemHasThem) {
    const auto huge = [] {
        std::ifstream info("/proc/meminfo");
        std::string name;
        std::uint64_t kib = 0;
        for (std::string rest; info >> name >> kib && name != "ShmemHugePages:";) {
            std::getline(info, rest);
        }
        return kib * 1024;
    };
    std::ifstream setting("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
    const std::string choice(std::istreambuf_iterator<char>(setting), {});
    const bool denied = choice.empty() || choice.contains("[deny]");
    const std::uint64_t before = huge();
    add(8 * kChunk, 'h');
    EXPECT_TRUE(denied || huge() >= before + kChunk);
}

}  // namespace
}  // namespace sluice::http

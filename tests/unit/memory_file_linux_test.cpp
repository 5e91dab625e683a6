// What is special about memory files on Linux: pages that others still hold, and huge pages.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>

#include "memory_file_fixture.h"

namespace sluice::http {
namespace {

class MemoryFileLinuxTest : public MemoryFileFixture {};

// Pages that a pipe or a socket holds are not zeroed when the file gives them back.
TEST_F(MemoryFileLinuxTest, PagesInFlightKeepTheirBytes) {
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

// The limit on the size of files applies to memory files, too: content is then stored elsewhere.
TEST_F(MemoryFileLinuxTest, ALimitOnTheSizeOfFilesIsWantOfMemory) {
    const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit old_limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
    const rlimit limit{10'000, old_limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    add(4096, 'a');
    const std::string bytes(8192, 'b');
    const Status status = file_.write(file_.end(), bytes.data(), bytes.size());
    file_.discard();
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
    std::signal(SIGXFSZ, old_handler);
    EXPECT_EQ(status, Status::no_memory);
    EXPECT_EQ(file_.end(), 4096U);
}

TEST_F(MemoryFileLinuxTest, LivesInHugePagesWhereTheSystemHasThem) {
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
    // The counters are those of the whole system, and another process may give some back meanwhile.
    bool seen = denied;
    for (int attempt = 0; attempt < 10 && !seen; ++attempt) {
        const std::uint64_t before = huge();
        add(8 * MemoryFile::kChunkBytes, 'h');
        seen = huge() >= before + MemoryFile::kChunkBytes;
    }
    EXPECT_TRUE(seen);
}

}  // namespace
}  // namespace sluice::http

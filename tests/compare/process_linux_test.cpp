// A process with children of its own, looked at in /proc.
#include "bench/compare/process.h"

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <vector>

#include "bench/compare/workspace.h"

namespace sluice::compare {

TEST(ProcessLinux, RunsWithItsChildrenAndEndsWithThem) {
    auto workspace = Workspace::make();
    ASSERT_TRUE(workspace.has_value());
    const std::string out = workspace->folder() + "/out";
    std::vector<int> tree;
    {
        auto process =
            Process::start({"/bin/sh",
                            {"-c", "trap '' TERM; sleep 60 & echo $NAME; echo ready; wait; wait"},
                            {"NAME=given"}},
                           0, out);
        ASSERT_TRUE(process.has_value());
        for (int i = 0; i < 2000 && process->output() != "given\nready\n"; ++i) {
            EXPECT_FALSE(process->wait(kMillisecond));
        }
        EXPECT_EQ(process->output(), "given\nready\n");
        EXPECT_EQ(process->last_words(), "ready");
        EXPECT_TRUE(process->running());
        EXPECT_GT(process->cpu(), 0);
        EXPECT_GT(process->resident_bytes(), 100'000U);
        EXPECT_GE(process->peak_resident_bytes(), process->resident_bytes());
        tree = process_tree(process->pid());
        EXPECT_EQ(tree.size(), 2U);
    }
    // The shell is reaped; its child belongs to init now and may take a moment.
    for (const int pid : tree) {
        const std::string path = "/proc/" + std::to_string(pid);
        const auto gone = [&] {
            const std::string status = read_file(path + "/status").value_or("");
            return status.empty() || status.find("State:\tZ") != std::string::npos;
        };
        for (int i = 0; i < 1000 && !gone(); ++i) {
            const timespec nap{0, kMillisecond};
            nanosleep(&nap, nullptr);
        }
        EXPECT_TRUE(gone()) << pid;
    }
}

TEST(ProcessLinux, ProgramsAreFoundOnThePath) {
    EXPECT_EQ(find_program("sh").substr(0, 1), "/");
}

}  // namespace sluice::compare

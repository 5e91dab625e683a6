// A process with children of its own, as /proc shows them.
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
        EXPECT_EQ(process->last_line(), "ready");
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
            const timespec wait{0, kMillisecond};
            nanosleep(&wait, nullptr);
        }
        EXPECT_TRUE(gone()) << pid;
    }
}

// A server's port is its own when it, or its child, listens there, and nobody else.
TEST(ProcessLinux, KnowsWhoListens) {
    auto workspace = Workspace::make();
    ASSERT_TRUE(workspace.has_value());
    const std::string out = workspace->folder() + "/out";
    constexpr const char* kListen =
        "import socket, sys, time\n"
        "s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)\n"
        "time.sleep(60)";
    auto server = Process::start(
        {"/bin/sh", {"-c", "python3 -c \"$CODE\"; true"}, {std::string("CODE=") + kListen}}, 0,
        out);
    auto other = Process::start({"/bin/sh", {"-c", "sleep 60"}}, 0, workspace->folder() + "/other");
    ASSERT_TRUE(server.has_value() && other.has_value());
    for (int i = 0; i < 20'000 && server->output().find('\n') == std::string::npos; ++i) {
        EXPECT_FALSE(server->wait(kMillisecond));
    }
    const auto port = static_cast<std::uint16_t>(std::stoi(server->output()));
    EXPECT_TRUE(server->listens_at(port));
    EXPECT_FALSE(other->listens_at(port));
    EXPECT_FALSE(server->listens_at(1));
}

// The clock counts while a process runs, and keeps the time of threads that have ended.
TEST(ProcessLinux, CpuTimeIsExactWhileItRuns) {
    auto workspace = Workspace::make();
    ASSERT_TRUE(workspace.has_value());
    auto busy =
        Process::start({"/bin/sh", {"-c", "while :; do :; done"}}, 0, workspace->folder() + "/out");
    ASSERT_TRUE(busy.has_value());
    const Nanos first = exact_cpu_of({busy->pid()}).value();
    Nanos later = first;
    for (int i = 0; i < 20'000 && later <= first; ++i) {
        EXPECT_FALSE(busy->wait(kMillisecond / 10));
        later = exact_cpu_of({busy->pid()}).value();
    }
    EXPECT_GT(later, first);
    const int pid = busy->pid();
    busy->stop();
    EXPECT_FALSE(exact_cpu_of({pid}).has_value());
    EXPECT_EQ(exact_cpu_of({}), 0);
}

TEST(ProcessLinux, WhatIsGivenReplacesWhatIsInherited) {
    auto workspace = Workspace::make();
    ASSERT_TRUE(workspace.has_value());
    auto process =
        Process::start({"/usr/bin/env", {}, {"PATH=/given"}}, 0, workspace->folder() + "/out");
    ASSERT_TRUE(process.has_value());
    EXPECT_TRUE(process->wait(20 * kSecond));
    const std::string text = process->output();
    EXPECT_NE(text.find("PATH=/given\n"), std::string::npos);
    EXPECT_EQ(text.find("\nPATH=", text.find("PATH=/given") + 1), std::string::npos) << text;
}

TEST(ProcessLinux, ProgramsAreFoundOnThePath) {
    EXPECT_EQ(find_program("sh").substr(0, 1), "/");
}

}  // namespace sluice::compare

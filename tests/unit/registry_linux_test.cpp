// The backends of Linux, also under a filter of system calls.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "backends/registry.h"

namespace sluice {

TEST(RegistryLinux, HasTwoThePreferredOneFirst) {
    const auto reports = probe_backends();
    ASSERT_EQ(reports.size(), 2U);
    EXPECT_EQ(reports[0].name, "io_uring");
    EXPECT_EQ(reports[1].name, "epoll");
    EXPECT_TRUE(reports[1].available);
}

TEST(RegistryLinux, AnUnknownNameListsThemInOrder) {
    const auto chosen = choose_backend("kqueue");
    ASSERT_FALSE(chosen);
    EXPECT_NE(chosen.error().what.find("auto, io_uring, epoll"), std::string::npos);
}

TEST(RegistryLinux, EpollHasAVariantWithoutPwait2) {
    const auto variants = backend_variants();
    EXPECT_TRUE(std::ranges::any_of(
        variants, [](const BackendVariant& one) { return one.name == "epoll/no_pwait2"; }));
}

// From now on this thread's epoll_pwait2(2) fails with that errno (seccomp(2)).
bool refuse_pwait2(int error) {
    std::array<sock_filter, 4> program{
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog filter{program.size(), program.data()};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// Old kernels and container profiles refuse the call: the backend says so and works without it.
TEST(RegistryLinux, EpollDoesWithoutPwait2) {
    for (const int error : {ENOSYS, EPERM}) {
        std::thread([error] {
            ASSERT_TRUE(refuse_pwait2(error));
            const BackendReport report = probe_backends()[1];
            EXPECT_TRUE(report.available);
            ASSERT_EQ(report.remarks.size(), 1U);
            EXPECT_TRUE(report.remarks[0].starts_with("epoll_pwait2: "));
            const auto chosen = choose_backend("epoll");
            ASSERT_TRUE(chosen);
            const auto backend =
                chosen->factory->create(BackendLimits{.slots = 4, .recv_buffers = 4});
            ASSERT_TRUE(backend) << backend.error().what;
            const Nanos deadline = (*backend)->now() + 20 * kMillisecond;
            int polls = 0;
            for (; (*backend)->now() < deadline; ++polls) {
                EXPECT_TRUE((*backend)->poll(deadline).empty());
            }
            EXPECT_LT(polls, 10) << "it spins";
            (*backend)->wake();
            EXPECT_TRUE((*backend)->poll(kNever).empty());
        }).join();
    }
}

// Threads of the whole machine that wait for a disk, as the kernel counts them (proc_stat(5)). The
// fewest of many readings, because other processes may wait for one now and then.
int fewest_blocked() {
    int fewest = 1'000'000;
    for (int look = 0; look < 100; ++look) {
        std::ifstream stat("/proc/stat");
        for (std::string word; stat >> word;) {
            if (word == "procs_blocked") {
                int now = 0;
                stat >> now;
                fewest = std::min(fewest, now);
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
    return fewest;
}

// If an idle ring counts as a wait for a disk, then to top(1), to pressure stall information and to
// the power management an idle server looks like one that waits for its disk all the time.
TEST(RegistryLinux, AnIdleRingIsNoWaitForADisk) {
    constexpr int kThreads = 3;
    for (const BackendVariant& variant : backend_variants()) {
        if (variant.name != "io_uring" && variant.name != "io_uring/iowait") {
            continue;
        }
        const bool quiet = variant.name == "io_uring" &&
                           probe_backends()[0].detail.find("-no_iowait") == std::string::npos;
        std::array<std::unique_ptr<Backend>, kThreads> backends;
        std::atomic<int> waiting = 0;
        std::vector<std::thread> threads;
        for (std::unique_ptr<Backend>& backend : backends) {
            threads.emplace_back([&] {
                auto made = variant.factory->create(BackendLimits{.slots = 4, .recv_buffers = 4});
                ASSERT_TRUE(made);
                backend = std::move(*made);
                ++waiting;
                EXPECT_TRUE(backend->poll(kNever).empty());
                backend.reset();
            });
        }
        while (waiting < kThreads) {
            std::this_thread::yield();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(50));  // until all of them wait
        const int blocked = fewest_blocked();
        for (const std::unique_ptr<Backend>& backend : backends) {
            backend->wake();
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        if (quiet) {
            EXPECT_LT(blocked, kThreads) << variant.name;
        } else {
            EXPECT_GE(blocked, kThreads) << variant.name;
        }
    }
}

}  // namespace sluice

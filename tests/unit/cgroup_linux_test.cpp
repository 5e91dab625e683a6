// Limits of control groups, read from trees made by the test.
#include "system/cgroup.h"

#include <gtest/gtest.h>

#include "temp_tree.h"

namespace sluice {
namespace {

class CgroupTest : public testing::Test {
  protected:
    void put(const std::string& name, const std::string& text) { tree_.write(name, text + "\n"); }
    [[nodiscard]] std::uint64_t memory() const { return cgroup_memory_limit(tree_.root()); }
    [[nodiscard]] double cpus() const { return cgroup_cpu_quota(tree_.root()); }

    test::TempTree tree_;
};

TEST_F(CgroupTest, WithoutAnyThereIsNoLimit) {
    EXPECT_EQ(memory(), kNoMemoryLimit);
    EXPECT_EQ(cpus(), 0);
    put("proc/self/cgroup", "0::/");
    put("sys/fs/cgroup/memory.max", "max");
    put("sys/fs/cgroup/cpu.max", "max 100000");
    EXPECT_EQ(memory(), kNoMemoryLimit);
    EXPECT_EQ(cpus(), 0);
}

TEST_F(CgroupTest, Version2TakesTheSmallestOnTheWayToTheRoot) {
    put("proc/self/cgroup", "0::/system.slice/web.service/worker");
    put("sys/fs/cgroup/system.slice/web.service/worker/memory.max", "max");
    put("sys/fs/cgroup/system.slice/web.service/memory.max", "300000000");
    put("sys/fs/cgroup/system.slice/memory.max", "200000000");
    put("sys/fs/cgroup/other.slice/memory.max", "1");
    put("sys/fs/cgroup/system.slice/web.service/cpu.max", "150000 100000");
    EXPECT_EQ(memory(), 200'000'000U);
    EXPECT_EQ(cpus(), 1.5);
    put("sys/fs/cgroup/system.slice/web.service/memory.high", "100000000");
    EXPECT_EQ(memory(), 100'000'000U) << "beyond it the process is slowed down";
}

TEST_F(CgroupTest, Version1HasAFolderForEachController) {
    put("proc/self/cgroup",
        "12:cpuset:/docker/1\n11:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n1:name=systemd:/x");
    // In a container the process's own group is the root of the mounted hierarchy.
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864");
    put("sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us", "50000");
    put("sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us", "100000");
    put("sys/fs/cgroup/cpuset/docker/1/memory.limit_in_bytes", "1");
    EXPECT_EQ(memory(), 67'108'864U);
    EXPECT_EQ(cpus(), 0.5);
}

TEST_F(CgroupTest, WhatIsNoNumberIsNoLimit) {
    put("proc/self/cgroup", "nonsense\n0::/a");
    put("sys/fs/cgroup/a/memory.max", "");
    put("sys/fs/cgroup/memory.max", "-");
    EXPECT_EQ(memory(), kNoMemoryLimit);
}

}  // namespace
}  // namespace sluice

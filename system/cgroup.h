// What the control groups that this process lives in leave it (cgroups(7)): the smallest grant on
// the way from its own group to the root, of version 2 and of version 1. Linux only; whoever asks
// for more than Linux knows asks system/cpu.h and system/memory.h.
//
// `system` is put before /proc and /sys: tests have a tree of their own.
#pragma once

#include <cstdint>
#include <string>

namespace sluice {

inline constexpr std::uint64_t kNoMemoryLimit = UINT64_MAX;

// CPUs, or 0 without a quota (cpu.max; cpu.cfs_quota_us).
[[nodiscard]] double cgroup_cpu_quota(const std::string& system = {});

// Bytes (memory.max and memory.high; memory.limit_in_bytes), or kNoMemoryLimit.
[[nodiscard]] std::uint64_t cgroup_memory_limit(const std::string& system = {});

}  // namespace sluice

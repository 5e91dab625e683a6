// What the control groups of this process grant it (cgroups(7)): the smallest limit on the way from
// its own group to the root, of version 2 and version 1. Linux only; code for every system uses
// system/cpu.h and system/memory.h.
//
// `system` is a prefix to /proc and /sys: tests have a tree of their own.
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

// How many CPUs this process may use, and pinning. Differs by system.
#pragma once

#include <vector>

namespace sluice {

// The CPUs of the process's affinity mask, in ascending order (sched_getaffinity(2)).
[[nodiscard]] std::vector<int> usable_cpus();

// Workers worth starting: the usable CPUs, or fewer when the cgroup's quota grants less
// (cgroup v2 cpu.max, v1 cpu.cfs_quota_us; rounded up). At least 1.
[[nodiscard]] unsigned default_workers();

// Ties the calling thread to one CPU. False when the system refuses; the thread then floats.
bool pin_this_thread(int cpu) noexcept;

// Names the calling thread for top and perf (at most 15 characters).
void name_this_thread(const char* name) noexcept;

// Lets every other thread of the system go first, on the CPU and at the disk (setpriority(2) and
// ioprio_set(2); on Windows the background mode of threads). A system that refuses is no error.
void lower_this_threads_priority() noexcept;

// Raises the soft limit of open descriptors to the hard one; returns the limit in force.
unsigned long raise_descriptor_limit() noexcept;

}  // namespace sluice

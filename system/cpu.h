// How many CPUs this process may use, pinning and thread priority. Differs by system.
#pragma once

#include <vector>

namespace sluice {

// The CPUs of the process's affinity mask, in ascending order (sched_getaffinity(2)).
[[nodiscard]] std::vector<int> usable_cpus();

// A useful number of workers: the usable CPUs, or fewer when the cgroup's quota grants less (cgroup
// v2 cpu.max, v1 cpu.cfs_quota_us; rounded up). At least 1.
[[nodiscard]] unsigned default_workers();

// Pins the calling thread to one CPU. False when the system refuses; the thread is then not pinned.
bool pin_this_thread(int cpu) noexcept;

// Names the calling thread for top and perf (at most 15 characters).
void name_this_thread(const char* name) noexcept;

// Gives every other thread of the system precedence, on the CPU and at the disk (setpriority(2) and
// ioprio_set(2); on Windows the background mode of threads). A refusal by the system is no error.
void lower_this_threads_priority() noexcept;

// Raises the soft limit of open descriptors to the hard one; returns the limit in effect.
unsigned long raise_descriptor_limit() noexcept;

}  // namespace sluice

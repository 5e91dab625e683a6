#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "system/cgroup.h"
#include "system/cpu.h"

namespace sluice {

std::vector<int> usable_cpus() {
    std::vector<int> cpus;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) == 0) {
        for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(cpu, &set)) {
                cpus.push_back(static_cast<int>(cpu));
            }
        }
    }
    return cpus;
}

unsigned default_workers() {
    auto workers = static_cast<unsigned>(std::max<std::size_t>(usable_cpus().size(), 1));
    if (const double quota = cgroup_cpu_quota(); quota > 0) {
        workers = std::min(workers, static_cast<unsigned>(std::ceil(quota)));
    }
    return std::max(workers, 1U);
}

bool pin_this_thread(int cpu) noexcept {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(cpu), &set);
    return ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set) == 0;
}

void name_this_thread(const char* name) noexcept {
    ::pthread_setname_np(::pthread_self(), name);
}

void lower_this_threads_priority() noexcept {
    // Both take 0 for the calling thread. ioprio_set(2) has no wrapper and no header in <sys>.
    constexpr int kLowestNice = 19;
    constexpr int kWhoProcess = 1;                    // IOPRIO_WHO_PROCESS
    constexpr int kBestEffortLowest = (2 << 13) | 7;  // IOPRIO_CLASS_BE, the lowest of its levels
    ::setpriority(PRIO_PROCESS, 0, kLowestNice);
    ::syscall(SYS_ioprio_set, kWhoProcess, 0, kBestEffortLowest);
}

unsigned long raise_descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 1024;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        rlimit wanted = limit;
        wanted.rlim_cur = limit.rlim_max;
        if (::setrlimit(RLIMIT_NOFILE, &wanted) == 0) {
            limit = wanted;
        }
    }
    return limit.rlim_cur;
}

}  // namespace sluice

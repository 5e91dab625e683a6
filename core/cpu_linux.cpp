#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "core/cpu.h"

namespace sluice {

namespace {

// CPUs granted by one cgroup folder, or 0 when it sets no quota.
double quota_of(const std::string& folder) {
    std::string quota;
    double period = 0;
    if (std::ifstream file(folder + "/cpu.max"); file >> quota >> period) {
        return quota == "max" || period <= 0 ? 0 : std::stod(quota) / period;
    }
    double v1_quota = 0;
    std::ifstream quota_file(folder + "/cpu.cfs_quota_us");
    std::ifstream period_file(folder + "/cpu.cfs_period_us");
    if (quota_file >> v1_quota && period_file >> period && v1_quota > 0 && period > 0) {
        return v1_quota / period;
    }
    return 0;
}

// The smallest quota on the way from this process's cgroup to the root.
double cgroup_quota() {
    double smallest = 0;
    std::ifstream file("/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
        const std::size_t path_at = line.rfind(':');
        const bool v2 = line.starts_with("0::");
        if (path_at == std::string::npos || (!v2 && line.find("cpu") == std::string::npos)) {
            continue;
        }
        const std::string base = v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu";
        std::string path = line.substr(path_at + 1);
        for (;;) {
            const double quota = quota_of(base + (path == "/" ? "" : path));
            if (quota > 0 && (smallest == 0 || quota < smallest)) {
                smallest = quota;
            }
            const std::size_t slash = path.rfind('/');
            if (path.empty() || path == "/" || slash == std::string::npos) {
                break;
            }
            path.resize(slash);
        }
    }
    return smallest;
}

}  // namespace

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
    if (const double quota = cgroup_quota(); quota > 0) {
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

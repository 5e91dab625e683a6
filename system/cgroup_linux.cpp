#include <algorithm>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>

#include "system/cgroup.h"

namespace sluice {

namespace {

bool names(std::string_view list, std::string_view controller) {
    while (!list.empty()) {
        const std::string_view name = list.substr(0, list.find(','));
        if (name == controller) {
            return true;
        }
        list.remove_prefix(std::min(list.size(), name.size() + 1));
    }
    return false;
}

// Calls `visit` with the directory of each group on the way to the root. In a container some of
// them may not exist: the names are those outside of it.
void for_each_group(const std::string& system, const std::string& controller,
                    const std::function<void(const std::string& folder)>& visit) {
    std::ifstream file(system + "/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {  // number:controllers:path
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) {
            continue;
        }
        const bool v2 = line.starts_with("0::");
        if (!v2 &&
            !names(std::string_view(line).substr(first + 1, second - first - 1), controller)) {
            continue;
        }
        const std::string base = system + "/sys/fs/cgroup" + (v2 ? "" : "/" + controller);
        std::string path = line.substr(second + 1);
        for (;;) {
            visit(base + (path == "/" ? "" : path));
            const std::size_t slash = path.rfind('/');
            if (path.empty() || path == "/" || slash == std::string::npos) {
                break;
            }
            path.resize(slash);
        }
    }
}

// CPUs granted by one group, or 0 when it sets no quota.
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

}  // namespace

double cgroup_cpu_quota(const std::string& system) {
    double smallest = 0;
    for_each_group(system, "cpu", [&smallest](const std::string& folder) {
        const double quota = quota_of(folder);
        if (quota > 0 && (smallest == 0 || quota < smallest)) {
            smallest = quota;
        }
    });
    return smallest;
}

std::uint64_t cgroup_memory_limit(const std::string& system) {
    std::uint64_t smallest = kNoMemoryLimit;
    for_each_group(system, "memory", [&smallest](const std::string& folder) {
        for (const char* name : {"/memory.max", "/memory.high", "/memory.limit_in_bytes"}) {
            // "max" is not a number. Without a limit version 1 shows one larger than any memory.
            std::uint64_t limit = 0;
            if (std::ifstream file(folder + name); file >> limit) {
                smallest = std::min(smallest, limit);
            }
        }
    });
    return smallest;
}

}  // namespace sluice

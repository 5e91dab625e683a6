#include <unistd.h>

#include "system/cgroup.h"
#include "system/memory.h"

namespace sluice {

UsableMemory usable_memory() {
    const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
    const auto machine = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    if (const std::uint64_t limit = cgroup_memory_limit(); limit < machine) {
        return {limit, "the memory cgroup"};
    }
    return {machine, "this machine"};
}

}  // namespace sluice

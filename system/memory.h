// How much memory this process may use before the system kills it.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

struct UsableMemory {
    std::uint64_t bytes = 0;
    std::string_view of;  // who sets the limit: "this machine", "the memory cgroup"
};

// The machine's memory, or less when a cgroup allows less (system/cgroup.h).
[[nodiscard]] UsableMemory usable_memory();

}  // namespace sluice

#include "serve/config.h"

#include <algorithm>

#include "system/memory.h"

namespace sluice {

std::uint64_t default_memory_budget() {
    constexpr std::uint64_t kMost = 256ULL << 20;
    constexpr std::uint64_t kUnit = 1ULL << 20;
    return std::clamp(usable_memory().bytes / 4 / kUnit * kUnit, kUnit, kMost);
}

}  // namespace sluice

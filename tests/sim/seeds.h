// The seeds that a simulated test runs with: some fixed ones, so that every run covers the same
// ground, and a random one, so that every run covers some more. SLUICE_SIM_SEED=n replaces them
// all, which is how a failure is run again.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace sluice {

[[nodiscard]] inline std::vector<std::uint64_t> sim_seeds(std::uint64_t fixed) {
    if (const char* given = std::getenv("SLUICE_SIM_SEED")) {
        return {std::strtoull(given, nullptr, 10)};
    }
    std::vector<std::uint64_t> seeds;
    for (std::uint64_t seed = 1; seed <= fixed; ++seed) {
        seeds.push_back(seed);
    }
    seeds.push_back(std::random_device{}());
    return seeds;
}

// For SCOPED_TRACE: the command line that runs the failing seed again.
[[nodiscard]] inline std::string sim_again(std::uint64_t seed, const char* test) {
    return "again: SLUICE_SIM_SEED=" + std::to_string(seed) + " sim --gtest_filter=" + test;
}

}  // namespace sluice

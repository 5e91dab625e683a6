// Allocations that fail: which part of a simulated program may have its memory refused. The program
// under test runs inside a SimScarce; what the simulator and the test do themselves, also when they
// are called from there, is outside (SimPlenty). An operator new that asks sim_refuses_memory() is
// the test binary's own.
#pragma once

#include <cstdint>

#include "backends/sim/random.h"

namespace sluice {

class SimScarce {
  public:
    // Until the end of its life each allocation fails with that probability.
    SimScarce(SimRandom& random, double failing) noexcept;
    ~SimScarce();
    SimScarce(const SimScarce&) = delete;
    SimScarce& operator=(const SimScarce&) = delete;

    // How many have failed in this thread, ever.
    [[nodiscard]] static std::uint64_t refused() noexcept;
};

class SimPlenty {
  public:
    SimPlenty() noexcept;
    ~SimPlenty();
    SimPlenty(const SimPlenty&) = delete;
    SimPlenty& operator=(const SimPlenty&) = delete;

  private:
    SimRandom* outer_;
};

[[nodiscard]] bool sim_refuses_memory() noexcept;

}  // namespace sluice

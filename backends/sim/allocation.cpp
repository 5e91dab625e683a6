#include "backends/sim/allocation.h"

#include <utility>

#include "core/check.h"

namespace sluice {

namespace {

thread_local SimRandom* scarce_random = nullptr;  // null: allocations succeed
thread_local double scarce_failing = 0;
thread_local std::uint64_t scarce_refused = 0;

}  // namespace

SimScarce::SimScarce(SimRandom& random, double failing) noexcept {
    CHECK(scarce_random == nullptr);
    scarce_random = &random;
    scarce_failing = failing;
}

SimScarce::~SimScarce() {
    scarce_random = nullptr;
}

std::uint64_t SimScarce::refused() noexcept {
    return scarce_refused;
}

SimPlenty::SimPlenty() noexcept : outer_(std::exchange(scarce_random, nullptr)) {}

SimPlenty::~SimPlenty() {
    scarce_random = outer_;
}

bool sim_refuses_memory() noexcept {
    const bool refused = scarce_random != nullptr && scarce_random->chance(scarce_failing);
    scarce_refused += refused ? 1 : 0;
    return refused;
}

}  // namespace sluice

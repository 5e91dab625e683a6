// The rig of the simulator: a SimNetwork, a SimBackend on it, and SimPeers.
#pragma once

#include <memory>

#include "backends/sim/network.h"
#include "tests/conformance/rig.h"

namespace sluice::conformance {

[[nodiscard]] std::unique_ptr<Rig> make_sim_rig(const SimOptions& options);

}  // namespace sluice::conformance

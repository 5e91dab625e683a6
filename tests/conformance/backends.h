// The configurations that the conformance suite runs over: each backend, with each mask of its
// capabilities. The only file of the suite that knows backends by name is backends.cpp.
#pragma once

#include <vector>

#include "tests/conformance/rig.h"

namespace sluice::conformance {

[[nodiscard]] const std::vector<Configuration>& configurations();

}  // namespace sluice::conformance

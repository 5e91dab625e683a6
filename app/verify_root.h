// The expected answers of a run when the served directory is at hand: 200, and the length and XXH3
// of the file that the request's path names.
#pragma once

#include <string>

#include "bench/load/plan.h"

namespace sluice {

// Sets `expected` of each of the plan's requests, and `verify`. Fails with one line when a path
// names no file below `root`.
[[nodiscard]] Result<void> expect_files(const std::string& root, load::Plan& plan);

}  // namespace sluice

// `sluice serve`.
#pragma once

#include "serve/config.h"

namespace sluice {

// Runs on the main thread until stopped; returns the exit code. Errors are one line on stderr.
[[nodiscard]] int serve(const ServeConfig& config);

}  // namespace sluice

// A capture of a run's sampled connections, for `sluice bench --verify-wire`.
#pragma once

#include <cstdint>
#include <memory>

#include "bench/load/wire_check.h"
#include "core/endpoint.h"
#include "core/result.h"

namespace sluice {

// Fails with one line that says which permission is missing. `local`: the server is on this
// machine.
[[nodiscard]] Result<std::unique_ptr<load::WireTap>> open_wire_tap(const Endpoint& server,
                                                                   bool local, std::uint16_t mask);

}  // namespace sluice

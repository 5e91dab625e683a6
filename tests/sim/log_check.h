// Holds the access log of a simulated world against what its clients saw.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/sim/client.h"
#include "tests/sim/world.h"

namespace sluice::sim {

// Every request has one line at most. A response that arrived has its line, unless the ring had no
// room, with its status, the length of its body, and a time between the request and the moment at
// which the server learned that the response has left. To be asked when the server is finished;
// empty when all is well.
[[nodiscard]] std::string log_complaint(World& world,
                                        const std::vector<std::unique_ptr<Client>>& clients);

}  // namespace sluice::sim

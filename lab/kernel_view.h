// What the kernel tells a program of connections on this machine without any right to capture: the
// states of both ends, the client's counters, and a SYN that a listener of ours kept.
#pragma once

#include <cstdint>
#include <string>

#include "lab/reconstruction.h"

namespace sluice {

// `socket` is the client's, or -1 when it is closed.
[[nodiscard]] wire::KernelStep look_at_kernel(wire::KernelStep::When when, int socket,
                                              std::uint16_t client_port, std::uint16_t server_port);

// The headers of a SYN that this machine's kernel sent to itself, from IP on; empty when the kernel
// keeps none.
[[nodiscard]] std::string keep_a_syn();

}  // namespace sluice

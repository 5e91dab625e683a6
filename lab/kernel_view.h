// What the kernel tells a program about connections on this machine without any right to capture:
// the states of both ends, the client's counters, and a SYN that a listener kept.
#pragma once

#include <cstdint>
#include <string>

#include "lab/reconstruction.h"

namespace sluice {

// `socket` is the client's, or -1 when it is closed.
[[nodiscard]] wire::KernelStep read_kernel_state(wire::KernelStep::When when, int socket,
                                                 std::uint16_t client_port,
                                                 std::uint16_t server_port);

// Connects to a listener of its own and returns the headers of that SYN, from the IP header on
// (TCP_SAVED_SYN); empty when the kernel keeps none.
[[nodiscard]] std::string read_saved_syn();

}  // namespace sluice

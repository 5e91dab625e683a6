// How many bytes can be inside the system between the last one that we wrote to a socket and the
// first one that a peer on the same machine has read.
#pragma once

#include <cstdint>

namespace sluice {

// The largest send buffer plus the largest receive buffer of the system's autotuning (tcp(7):
// tcp_wmem and tcp_rmem, the third value of each).
[[nodiscard]] std::uint64_t largest_socket_buffers();

}  // namespace sluice

// How many bytes can be on their way inside the system between the last byte that we handed to a
// socket and the first that a peer on the same machine has read.
#pragma once

#include <cstdint>

namespace sluice {

// The largest send buffer plus the largest receive buffer that the system grows by itself
// (tcp(7): tcp_wmem and tcp_rmem, the third value of each).
[[nodiscard]] std::uint64_t largest_socket_buffers();

}  // namespace sluice

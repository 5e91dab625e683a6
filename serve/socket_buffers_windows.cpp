#include "serve/socket_buffers.h"

namespace sluice {

// Windows grows both by itself and does not say how far; Linux's default is used as an estimate.
std::uint64_t largest_socket_buffers() {
    return 10ULL << 20;
}

}  // namespace sluice

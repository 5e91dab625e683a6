#include <fstream>

#include "serve/socket_buffers.h"

namespace sluice {

std::uint64_t largest_socket_buffers() {
    constexpr std::uint64_t kDefault = 10ULL << 20;  // the kernel's own: 4 MiB and 6 MiB
    std::uint64_t sum = 0;
    for (const char* path : {"/proc/sys/net/ipv4/tcp_wmem", "/proc/sys/net/ipv4/tcp_rmem"}) {
        std::ifstream file(path);
        std::uint64_t least = 0;
        std::uint64_t initial = 0;
        std::uint64_t most = 0;
        if (!(file >> least >> initial >> most)) {
            return kDefault;
        }
        sum += most;
    }
    return sum;
}

}  // namespace sluice

// What every file for Windows needs of sockets: Winsock started, and addresses. No state.
#pragma once

#include "system/win32.h"
// after winsock2.h
#include <ws2tcpip.h>

#include "core/endpoint.h"

namespace sluice::winsock {

// Starts Winsock, once; 0, or the system's error.
[[nodiscard]] DWORD start() noexcept;

struct SocketAddress {
    sockaddr_storage storage{};
    int size = 0;
    [[nodiscard]] const sockaddr* get() const {
        return reinterpret_cast<const sockaddr*>(&storage);
    }
};
// Family::none and Unix paths have no address here: size 0.
[[nodiscard]] SocketAddress to_socket_address(const Endpoint& endpoint) noexcept;
[[nodiscard]] Endpoint to_endpoint(const sockaddr_storage& storage) noexcept;
[[nodiscard]] Endpoint local_of(SOCKET socket) noexcept;
[[nodiscard]] Endpoint peer_of(SOCKET socket) noexcept;  // Family::none when there is no peer

}  // namespace sluice::winsock

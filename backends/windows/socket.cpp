#include "backends/windows/socket.h"

#include <cstring>

namespace sluice::winsock {

DWORD start() noexcept {
    static const DWORD error = [] {
        WSADATA data;
        return static_cast<DWORD>(::WSAStartup(MAKEWORD(2, 2), &data));
    }();
    return error;
}

SocketAddress to_socket_address(const Endpoint& endpoint) noexcept {
    SocketAddress result;
    if (endpoint.family == Family::ipv4) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = ::htons(endpoint.port);
        std::memcpy(&in.sin_addr, endpoint.address.data(), 4);
        std::memcpy(&result.storage, &in, sizeof in);
        result.size = sizeof in;
    } else if (endpoint.family == Family::ipv6) {
        sockaddr_in6 in{};
        in.sin6_family = AF_INET6;
        in.sin6_port = ::htons(endpoint.port);
        std::memcpy(&in.sin6_addr, endpoint.address.data(), 16);
        std::memcpy(&result.storage, &in, sizeof in);
        result.size = sizeof in;
    }
    return result;
}

Endpoint local_of(SOCKET socket) noexcept {
    sockaddr_storage storage{};
    int size = sizeof storage;
    const int failed = ::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size);
    return failed != 0 ? Endpoint{} : to_endpoint(storage);
}

Endpoint peer_of(SOCKET socket) noexcept {
    sockaddr_storage storage{};
    int size = sizeof storage;
    const int failed = ::getpeername(socket, reinterpret_cast<sockaddr*>(&storage), &size);
    return failed != 0 ? Endpoint{} : to_endpoint(storage);
}

Endpoint to_endpoint(const sockaddr_storage& storage) noexcept {
    Endpoint endpoint;
    if (storage.ss_family == AF_INET) {
        sockaddr_in in;
        std::memcpy(&in, &storage, sizeof in);
        endpoint.family = Family::ipv4;
        endpoint.port = ::ntohs(in.sin_port);
        std::memcpy(endpoint.address.data(), &in.sin_addr, 4);
    } else if (storage.ss_family == AF_INET6) {
        sockaddr_in6 in;
        std::memcpy(&in, &storage, sizeof in);
        endpoint.family = Family::ipv6;
        endpoint.port = ::ntohs(in.sin6_port);
        std::memcpy(endpoint.address.data(), &in.sin6_addr, 16);
    }
    return endpoint;
}

}  // namespace sluice::winsock

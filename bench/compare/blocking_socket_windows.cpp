#include "bench/compare/blocking_socket.h"

#include "backends/windows/socket.h"

namespace sluice::compare::blocking {

namespace {

constexpr DWORD kIoTimeoutMs = 10'000;  // for one send or receive

}  // namespace

Socket make() {
    if (winsock::start() != 0) {
        return kNone;
    }
    const SOCKET socket =
        ::WSASocketW(AF_INET, SOCK_STREAM, 0, nullptr, 0, WSA_FLAG_NO_HANDLE_INHERIT);
    const auto* timeout = reinterpret_cast<const char*>(&kIoTimeoutMs);
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, timeout, sizeof kIoTimeoutMs);
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, timeout, sizeof kIoTimeoutMs);
    return static_cast<Socket>(socket);
}

void close(Socket socket) {
    ::closesocket(static_cast<SOCKET>(socket));
}

bool connect(Socket socket, const Endpoint& peer) {
    const winsock::SocketAddress address = winsock::to_socket_address(peer);
    return ::connect(static_cast<SOCKET>(socket), address.get(), address.size) == 0;
}

Endpoint bind(Socket socket, const Endpoint& to) {
    const winsock::SocketAddress address = winsock::to_socket_address(to);
    if (::bind(static_cast<SOCKET>(socket), address.get(), address.size) != 0) {
        return {};
    }
    return winsock::local_of(static_cast<SOCKET>(socket));
}

std::ptrdiff_t send(Socket socket, const char* data, std::size_t bytes) {
    return ::send(static_cast<SOCKET>(socket), data, static_cast<int>(bytes), 0);
}

std::ptrdiff_t receive(Socket socket, char* into, std::size_t room) {
    return ::recv(static_cast<SOCKET>(socket), into, static_cast<int>(room), 0);
}

std::string last_error() {
    return win32::text_of(static_cast<DWORD>(::WSAGetLastError()));
}

}  // namespace sluice::compare::blocking

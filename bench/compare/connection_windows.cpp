#include <utility>

#include "backends/windows/socket.h"
#include "bench/compare/connection.h"

namespace sluice::compare {

namespace {

constexpr DWORD kIoPatienceMs = 10'000;  // for one send or receive

std::string last_error() {
    return win32::text_of(static_cast<DWORD>(::WSAGetLastError()));
}

SOCKET make_socket() {
    return winsock::start() == 0
               ? ::WSASocketW(AF_INET, SOCK_STREAM, 0, nullptr, 0, WSA_FLAG_NO_HANDLE_INHERIT)
               : INVALID_SOCKET;
}

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

}  // namespace

Connection::Connection(std::uint16_t port) : socket_(static_cast<std::intptr_t>(make_socket())) {
    const auto* patience = reinterpret_cast<const char*>(&kIoPatienceMs);
    ::setsockopt(static_cast<SOCKET>(socket_), SOL_SOCKET, SO_RCVTIMEO, patience,
                 sizeof kIoPatienceMs);
    ::setsockopt(static_cast<SOCKET>(socket_), SOL_SOCKET, SO_SNDTIMEO, patience,
                 sizeof kIoPatienceMs);
    const sockaddr_in address = loopback(port);
    if (::connect(static_cast<SOCKET>(socket_), reinterpret_cast<const sockaddr*>(&address),
                  sizeof address) != 0) {
        error_ = last_error();
        ::closesocket(static_cast<SOCKET>(std::exchange(socket_, kNone)));
    }
}

Connection::Connection(Connection&& other) noexcept
    : socket_(std::exchange(other.socket_, kNone)), error_(std::move(other.error_)) {}

Connection::~Connection() {
    if (socket_ != kNone) {
        ::closesocket(static_cast<SOCKET>(socket_));
    }
}

bool Connection::send(const std::string& text) {
    std::size_t sent = 0;
    while (sent < text.size()) {
        const int now = ::send(static_cast<SOCKET>(socket_), text.data() + sent,
                               static_cast<int>(text.size() - sent), 0);
        if (now <= 0) {
            error_ = last_error();
            return false;
        }
        sent += static_cast<std::size_t>(now);
    }
    return true;
}

std::ptrdiff_t Connection::receive(std::string& text) {
    char part[16 * 1024];
    const int got = ::recv(static_cast<SOCKET>(socket_), part, sizeof part, 0);
    if (got > 0) {
        text.append(part, static_cast<std::size_t>(got));
    } else if (got < 0) {
        error_ = last_error();
    }
    return got;
}

Result<std::uint16_t> free_port() {
    const SOCKET socket = make_socket();
    sockaddr_in address = loopback(0);
    int size = sizeof address;
    const bool bound =
        ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    const std::string error = bound ? "" : last_error();
    ::closesocket(socket);
    if (!bound) {
        return fail(Status::io_error, "no free port on 127.0.0.1: " + error);
    }
    return ntohs(address.sin_port);
}

}  // namespace sluice::compare

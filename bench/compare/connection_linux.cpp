#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "bench/compare/connection.h"

namespace sluice::compare {

namespace {

constexpr timeval kIoPatience{10, 0};  // for one send or receive

std::string last_error() {
    return std::strerror(errno);
}

int make_socket() {
    return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
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
    ::setsockopt(static_cast<int>(socket_), SOL_SOCKET, SO_RCVTIMEO, &kIoPatience,
                 sizeof kIoPatience);
    ::setsockopt(static_cast<int>(socket_), SOL_SOCKET, SO_SNDTIMEO, &kIoPatience,
                 sizeof kIoPatience);
    const sockaddr_in address = loopback(port);
    if (::connect(static_cast<int>(socket_), reinterpret_cast<const sockaddr*>(&address),
                  sizeof address) != 0) {
        error_ = last_error();
        ::close(static_cast<int>(std::exchange(socket_, kNone)));
    }
}

Connection::Connection(Connection&& other) noexcept
    : socket_(std::exchange(other.socket_, kNone)), error_(std::move(other.error_)) {}

Connection::~Connection() {
    if (socket_ != kNone) {
        ::close(static_cast<int>(socket_));
    }
}

bool Connection::send(const std::string& text) {
    std::size_t sent = 0;
    while (sent < text.size()) {
        const ssize_t now =
            ::send(static_cast<int>(socket_), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
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
    const ssize_t got = ::recv(static_cast<int>(socket_), part, sizeof part, 0);
    if (got > 0) {
        text.append(part, static_cast<std::size_t>(got));
    } else if (got < 0) {
        error_ = last_error();
    }
    return got;
}

Result<std::uint16_t> free_port() {
    const int socket = make_socket();
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    const bool bound =
        ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    const std::string error = bound ? "" : last_error();
    ::close(socket);
    if (!bound) {
        return fail(Status::io_error, "no free port on 127.0.0.1: " + error);
    }
    return ntohs(address.sin_port);
}

}  // namespace sluice::compare

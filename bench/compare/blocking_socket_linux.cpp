#include "bench/compare/blocking_socket.h"

#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "backends/posix/socket.h"

namespace sluice::compare::blocking {

namespace {

constexpr timeval kIoTimeout{10, 0};  // for one send or receive

}  // namespace

Socket make() {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &kIoTimeout, sizeof kIoTimeout);
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &kIoTimeout, sizeof kIoTimeout);
    return socket;
}

void close(Socket socket) {
    ::close(static_cast<int>(socket));
}

bool connect(Socket socket, const Endpoint& peer) {
    const posix::SocketAddress address = posix::to_socket_address(peer);
    return ::connect(static_cast<int>(socket), address.get(), address.size) == 0;
}

Endpoint bind(Socket socket, const Endpoint& to) {
    const posix::SocketAddress address = posix::to_socket_address(to);
    if (::bind(static_cast<int>(socket), address.get(), address.size) != 0) {
        return {};
    }
    return posix::local_of(static_cast<int>(socket)).value_or(Endpoint{});
}

std::ptrdiff_t send(Socket socket, const char* data, std::size_t bytes) {
    return ::send(static_cast<int>(socket), data, bytes, MSG_NOSIGNAL);
}

std::ptrdiff_t receive(Socket socket, char* into, std::size_t room) {
    return ::recv(static_cast<int>(socket), into, room, 0);
}

std::string last_error() {
    return std::strerror(errno);
}

}  // namespace sluice::compare::blocking

#include "backends/posix/socket.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "backends/posix/listeners.h"

namespace sluice::posix {

Status status_of(int errno_value) noexcept {
    switch (errno_value) {
        case 0: return Status::ok;
        case ECONNRESET:
        case EPIPE:
        case ENOTCONN:
        case ECONNABORTED: return Status::reset;
        case ETIMEDOUT: return Status::timed_out;
        case ECANCELED: return Status::cancelled;
        case ECONNREFUSED: return Status::refused;
        case EHOSTUNREACH:
        case ENETUNREACH:
        case EHOSTDOWN:
        case ENETDOWN: return Status::unreachable;
        case EMFILE:
        case ENFILE: return Status::no_fds;
        case ENOMEM:
        case ENOBUFS: return Status::no_memory;
        case EADDRINUSE: return Status::address_in_use;
        case EADDRNOTAVAIL:
        case EAFNOSUPPORT:
        case EINVAL: return Status::address_invalid;
        case EACCES:
        case EPERM: return Status::access_denied;
        case ENOENT:
        case ENOTDIR: return Status::not_found;
        case ENOSYS:
        case EOPNOTSUPP: return Status::not_supported;
        default: return Status::io_error;
    }
}

SocketAddress to_socket_address(const Endpoint& endpoint) noexcept {
    SocketAddress result;
    switch (endpoint.family) {
        case Family::ipv4: {
            sockaddr_in in{};
            in.sin_family = AF_INET;
            in.sin_port = htons(endpoint.port);
            std::memcpy(&in.sin_addr, endpoint.address.data(), 4);
            std::memcpy(&result.storage, &in, sizeof in);
            result.size = sizeof in;
            break;
        }
        case Family::ipv6: {
            sockaddr_in6 in{};
            in.sin6_family = AF_INET6;
            in.sin6_port = htons(endpoint.port);
            std::memcpy(&in.sin6_addr, endpoint.address.data(), 16);
            std::memcpy(&result.storage, &in, sizeof in);
            result.size = sizeof in;
            break;
        }
        case Family::unix_path: {
            sockaddr_un un{};
            un.sun_family = AF_UNIX;
            const std::size_t length = std::min(endpoint.path.size(), sizeof un.sun_path - 1);
            std::memcpy(un.sun_path, endpoint.path.data(), length);
            std::memcpy(&result.storage, &un, sizeof un);
            result.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length + 1);
            break;
        }
        case Family::none: break;
    }
    return result;
}

Endpoint to_endpoint(const SocketAddress& address) noexcept {
    Endpoint endpoint;
    if (address.storage.ss_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, &address.storage, sizeof in);
        endpoint.family = Family::ipv4;
        endpoint.port = ntohs(in.sin_port);
        std::memcpy(endpoint.address.data(), &in.sin_addr, 4);
    } else if (address.storage.ss_family == AF_INET6) {
        sockaddr_in6 in{};
        std::memcpy(&in, &address.storage, sizeof in);
        endpoint.family = Family::ipv6;
        endpoint.port = ntohs(in.sin6_port);
        std::memcpy(endpoint.address.data(), &in.sin6_addr, 16);
    } else if (address.storage.ss_family == AF_UNIX) {
        endpoint.family = Family::unix_path;
        const auto* un = reinterpret_cast<const sockaddr_un*>(&address.storage);
        const std::size_t offset = offsetof(sockaddr_un, sun_path);
        if (address.size > offset) {
            endpoint.path.assign(un->sun_path, ::strnlen(un->sun_path, address.size - offset));
        }
    }
    return endpoint;
}

namespace {

// What a socket takes beyond what may leave at once (tcp(7)). Without a bound it takes megabytes
// for a peer that reads slowly, and a thousand of those use up the memory of all connections. What
// is under way to a distant peer is not counted here.
constexpr int kUnsentMax = 128 * 1024;

std::unexpected<Error> fail_errno(const char* step, const Endpoint& endpoint, int error) {
    return fail(status_of(error), endpoint.to_string() + ": " + step + ": " + std::strerror(error),
                error);
}

int family_number(const Endpoint& endpoint) {
    switch (endpoint.family) {
        case Family::ipv4: return AF_INET;
        case Family::ipv6: return AF_INET6;
        case Family::unix_path: return AF_UNIX;
        case Family::none: break;
    }
    return AF_UNSPEC;
}

// True when the path is a socket that nobody listens on any more: connect() is refused. The probe
// is a datagram socket, which a live stream listener turns away (EPROTOTYPE) without noticing.
bool is_stale_unix_socket(const SocketAddress& address, const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) {
        return false;
    }
    const int probe = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) {
        return false;
    }
    const bool stale = ::connect(probe, address.get(), address.size) != 0 && errno == ECONNREFUSED;
    ::close(probe);
    return stale;
}

}  // namespace

Result<int> open_listener(const Endpoint& endpoint, const ListenOptions& options) {
    if (endpoint.family == Family::unix_path &&
        endpoint.path.size() >= sizeof(sockaddr_un::sun_path)) {
        return fail(Status::address_invalid,
                    endpoint.to_string() + ": a Unix socket path has at most 107 bytes");
    }
    if (endpoint.family == Family::none ||
        (endpoint.family == Family::unix_path && endpoint.path.empty())) {
        return fail(Status::address_invalid, "listen: no address");
    }
    const int fd = ::socket(family_number(endpoint), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return fail_errno("socket", endpoint, errno);
    }
    const auto failed = [&](const char* step) {
        const int error = errno;
        ::close(fd);
        return fail_errno(step, endpoint, error);
    };
    const int one = 1;
    if (endpoint.family != Family::unix_path) {
        // With TIME_WAIT sockets around, a restart on the same port needs SO_REUSEADDR (ip(7)).
        if (::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0) {
            return failed("SO_REUSEADDR");
        }
        if (options.share_port &&
            ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0) {
            return failed("SO_REUSEPORT");
        }
        if (::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0) {
            return failed("TCP_NODELAY");
        }
        // Where it is not known there is no bound, and the server serves all the same.
        (void)::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentMax, sizeof kUnsentMax);
    }
    if (endpoint.family == Family::ipv6) {
        const int v6_only = options.v6_only ? 1 : 0;
        if (::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only) != 0) {
            return failed("IPV6_V6ONLY");
        }
    }
    const SocketAddress address = to_socket_address(endpoint);
    int bound = ::bind(fd, address.get(), address.size);
    if (bound != 0 && errno == EADDRINUSE && endpoint.family == Family::unix_path) {
        if (is_stale_unix_socket(address, endpoint.path)) {
            ::unlink(endpoint.path.c_str());
            bound = ::bind(fd, address.get(), address.size);
        } else {
            errno = EADDRINUSE;
        }
    }
    if (bound != 0) {
        const int error = errno;
        ::close(fd);
        auto why = fail_errno("bind", endpoint, error);
        why.error().what += bind_advice(endpoint, error);
        return why;
    }
    if (endpoint.family == Family::unix_path &&
        ::chmod(endpoint.path.c_str(), static_cast<mode_t>(options.unix_mode)) != 0) {
        return failed("chmod");
    }
    if (::listen(fd, options.backlog) != 0) {
        return failed("listen");
    }
    return fd;
}

Result<int> duplicate(int fd) {
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        return fail(status_of(errno), std::string("fcntl: ") + std::strerror(errno), errno);
    }
    return copy;
}

void unlink_unix(const Endpoint& endpoint) noexcept {
    if (endpoint.family == Family::unix_path) {
        ::unlink(endpoint.path.c_str());
    }
}

bool concerns_one_connection(int errno_value) noexcept {
    switch (errno_value) {
        case EINTR:
        case EAGAIN:
        case ECONNABORTED:
        case EPERM:
        case EPROTO:
        case ENETDOWN:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case EOPNOTSUPP:
        case ENETUNREACH:
        case ETIMEDOUT: return true;
        default: return false;
    }
}

Connecting begin_connect(const Endpoint& peer) noexcept {
    Connecting made;
    made.fd = ::socket(family_number(peer), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made.fd < 0) {
        made.status = status_of(errno);
        return made;
    }
    if (peer.family != Family::unix_path) {
        const int one = 1;
        ::setsockopt(made.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    const SocketAddress address = to_socket_address(peer);
    const int error = ::connect(made.fd, address.get(), address.size) == 0 ? 0 : errno;
    made.pending = error == EINPROGRESS;
    // A Unix socket whose listener's queue is full says EAGAIN (connect(2)): refused, for us.
    made.status = error == EAGAIN ? Status::refused : status_of(error);
    return made;
}

Status end_connect(int fd) noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return status_of(error);
}

Result<Endpoint> local_of(int fd) {
    SocketAddress address;
    address.size = sizeof address.storage;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size) != 0) {
        return fail(status_of(errno), std::string("getsockname: ") + std::strerror(errno), errno);
    }
    return to_endpoint(address);
}

Endpoint peer_of(int fd) noexcept {
    SocketAddress address;
    address.size = sizeof address.storage;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size) != 0) {
        return {};
    }
    return to_endpoint(address);
}

std::uint64_t queued_bytes(int fd) noexcept {
    int bytes = 0;
    return ::ioctl(fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
}

Nanos since_last_send(int fd) noexcept {
    tcp_info info{};
    socklen_t size = sizeof info;
    return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0
               ? Nanos{info.tcpi_last_data_sent} * kMillisecond
               : -1;
}

Status end_of_stream(int fd, bool finishing) noexcept {
    tcp_info info{};
    socklen_t size = sizeof info;
    const bool closed = !finishing && ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
                        info.tcpi_state == TCP_CLOSE;
    return closed ? Status::reset : Status::eof;
}

Nanos monotonic_now() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * kSecond + now.tv_nsec;
}

std::int64_t wall_now() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec;
}

void ignore_sigpipe() noexcept {
    ::signal(SIGPIPE, SIG_IGN);
}

}  // namespace sluice::posix

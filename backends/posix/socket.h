// What both Linux backends need of sockets: one errno table, listeners, addresses.
// Functions of set-up return Result; the others are noexcept. No state.
#pragma once

#include <sys/socket.h>

#include "core/backend.h"

namespace sluice::posix {

// The one table from errno to Status.
[[nodiscard]] Status status_of(int errno_value) noexcept;

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
    [[nodiscard]] const sockaddr* get() const {
        return reinterpret_cast<const sockaddr*>(&storage);
    }
};

[[nodiscard]] SocketAddress to_socket_address(const Endpoint& endpoint) noexcept;
[[nodiscard]] Endpoint to_endpoint(const SocketAddress& address) noexcept;

// A listening, non-blocking, close-on-exec socket. TCP_NODELAY and TCP_NOTSENT_LOWAT are set on it
// and inherited by every socket accepted from it (tcp(7)), which saves calls for each connection. A
// Unix path left behind by a process that is gone is replaced; one that somebody listens on is
// address_in_use.
[[nodiscard]] Result<int> open_listener(const Endpoint& endpoint, const ListenOptions& options);

// One more descriptor of the socket, close-on-exec as well.
[[nodiscard]] Result<int> duplicate(int fd);

// Removes the path of a Unix listener. Nothing for other families.
void unlink_unix(const Endpoint& endpoint) noexcept;

// Errors of accept(2) that belong to one connection that died in the queue, and not to the
// listener: the manual asks to go on.
[[nodiscard]] bool concerns_one_connection(int errno_value) noexcept;

// A connection as connect(2) left it: under way (it is done when the socket is writable, and
// end_connect() tells how), or over with this status. No socket: fd is -1.
struct Connecting {
    int fd = -1;
    bool pending = false;
    Status status = Status::ok;
};
[[nodiscard]] Connecting begin_connect(const Endpoint& peer) noexcept;
[[nodiscard]] Status end_connect(int fd) noexcept;

[[nodiscard]] Result<Endpoint> local_of(int fd);
[[nodiscard]] Endpoint peer_of(int fd) noexcept;  // Family::none when the socket has no peer

// What the socket has taken and the peer has not acknowledged (tcp(7), unix(7): SIOCOUTQ); in a
// Unix socket, the memory that it uses.
[[nodiscard]] std::uint64_t queued_bytes(int fd) noexcept;

// How long ago the socket sent data last, or was established when it has sent none (tcp(7),
// tcpi_last_data_sent: in ticks of the kernel, rounded to milliseconds). Less than 0: it is not
// TCP.
[[nodiscard]] Nanos since_last_send(int fd) noexcept;

// What a receive of zero bytes means: eof after a FIN, or reset when a send has already taken the
// error that the reset left behind (tcp(7), TCP_INFO: the connection is closed, and we have not
// even finished our own direction).
[[nodiscard]] Status end_of_stream(int fd, bool finishing) noexcept;

// CLOCK_MONOTONIC in nanoseconds; CLOCK_REALTIME_COARSE in seconds (clock_gettime(2): both without
// entering the kernel).
[[nodiscard]] Nanos monotonic_now() noexcept;
[[nodiscard]] std::int64_t wall_now() noexcept;

// sendfile() to a broken connection raises SIGPIPE and has no flag against it (sendfile(2)), so a
// process that uses these backends ignores the signal. Idempotent.
void ignore_sigpipe() noexcept;

}  // namespace sluice::posix

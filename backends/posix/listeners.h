// Who listens at an address, and what the kernel tells of TCP sockets: /proc/net/tcp, tcp6, unix
// and the descriptors of processes (proc(5)). Reads many files: set-up and reports only. ERRORS.
// What may not be looked at is absent: most processes of other users.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/endpoint.h"

namespace sluice::posix {

// The kernel's number of LISTEN (include/net/tcp_states.h).
inline constexpr unsigned kTcpListen = 10;

struct TcpSocket {
    Endpoint local;
    Endpoint remote;
    unsigned state = 0;
    std::string inode;
};

// Those of this network namespace, listening ones first, until `take` returns false.
void each_tcp_socket(Family family, const std::function<bool(const TcpSocket&)>& take);

struct Listeners {
    bool any = false;       // somebody listens there
    std::vector<int> pids;  // in ascending order; empty when they are not ours to look at
    std::string name;       // of the first
};

// Who listens on the sockets that a connection to `address` may reach, or that keep it from being
// bound.
[[nodiscard]] Listeners listeners_at(const Endpoint& address);

// What helps when `address` could not be bound because of `errno_value`, as the end of a line: who
// listens there, which right is missing and how to get it. Empty where nothing is known.
[[nodiscard]] std::string bind_advice(const Endpoint& address, int errno_value);

}  // namespace sluice::posix

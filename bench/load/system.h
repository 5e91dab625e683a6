// What the system tells about this run: clocks of threads, TCP's view of a handshake, counters of
// the network, the server's processes. One implementation for each system (system_linux.cpp,
// system_windows.cpp); what a system does not tell is absent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/clock.h"
#include "core/endpoint.h"

namespace sluice::load {

[[nodiscard]] Nanos monotonic_now() noexcept;
// The local address of a connection.
[[nodiscard]] std::optional<Endpoint> local_endpoint(Socket socket);

// Of the calling thread so far (clock_gettime(2), /proc/thread-self/schedstat).
struct ThreadClocks {
    Nanos cpu = 0;
    Nanos waited = 0;  // ready to run, but without a CPU
};
[[nodiscard]] ThreadClocks thread_clocks();
// Timers fire on time and not up to 50 us later (prctl(2), PR_SET_TIMERSLACK).
void precise_timers() noexcept;

// What the kernel measured of a handshake (tcp(7), TCP_INFO). None for a Unix socket.
struct KernelHandshake {
    Nanos rtt = 0;
    bool retransmitted = false;
};
[[nodiscard]] std::optional<KernelHandshake> kernel_handshake(Socket socket) noexcept;

// Whether packets to the server never leave this machine. Not for Unix sockets.
[[nodiscard]] bool is_own_address(const Endpoint& server);

// Counters of this network namespace (/proc/net/netstat, /proc/net/snmp).
struct NetCounters {
    std::uint64_t listen_overflows = 0;
    std::uint64_t listen_drops = 0;
    std::uint64_t retransmits = 0;
    std::uint64_t syn_retransmits = 0;
};
[[nodiscard]] std::optional<NetCounters> net_counters();

struct Ports {
    unsigned low = 0;
    unsigned high = 0;
    std::uint64_t time_wait = 0;  // sockets in TIME_WAIT, of all addresses
};
[[nodiscard]] std::optional<Ports> ports();

// The processes on this machine that listen at `server`; empty when there are none or they belong
// to somebody else, and then `why` says which.
struct ServerProcesses {
    std::vector<int> pids;
    std::string name;
    std::string why;
};
[[nodiscard]] ServerProcesses find_server(const Endpoint& server);
// CPU time of all their threads; none when they are gone.
[[nodiscard]] std::optional<Nanos> cpu_of(const std::vector<int>& pids);

// Steal time: the hypervisor gave it to others while a CPU of ours wanted to run. Of all CPUs
// together since the start of the machine (proc(5), /proc/stat; in ticks). None where the system
// does not tell.
[[nodiscard]] std::optional<Nanos> stolen_time();

// For the report: one line each.
struct Machine {
    std::string kernel;
    std::string cpu;
    unsigned cpus = 0;
};
[[nodiscard]] Machine machine();

}  // namespace sluice::load

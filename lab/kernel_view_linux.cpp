#include "lab/kernel_view.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "backends/posix/listeners.h"
#include "lab/server.h"

namespace sluice {

namespace {

// State numbers in /proc/net/tcp, from the kernel's include/net/tcp_states.h.
constexpr std::array<const char*, 12> kStates = {
    "",          "ESTABLISHED", "SYN_SENT",   "SYN_RCVD", "FIN_WAIT_1", "FIN_WAIT_2",
    "TIME_WAIT", "CLOSED",      "CLOSE_WAIT", "LAST_ACK", "LISTEN",     "CLOSING"};

// The state of the loopback socket between these ports; empty when there is none.
std::string state_of(std::uint16_t mine, std::uint16_t other) {
    std::string state;
    posix::each_tcp_socket(Family::ipv4, [&](const posix::TcpSocket& socket) {
        if (socket.local.port == mine && socket.remote.port == other &&
            socket.state < kStates.size()) {
            state = kStates[socket.state];
        }
        return state.empty();
    });
    return state;
}

}  // namespace

wire::KernelStep read_kernel_state(wire::KernelStep::When when, int socket,
                                   std::uint16_t client_port, std::uint16_t server_port) {
    wire::KernelStep step;
    step.when = when;
    step.client_state = state_of(client_port, server_port);
    step.server_state = state_of(server_port, client_port);
    tcp_info info{};
    socklen_t size = sizeof info;
    if (socket >= 0 && getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0) {
        step.segments_out = info.tcpi_segs_out;
        step.segments_in = info.tcpi_segs_in;
        step.bytes_acked = info.tcpi_bytes_acked;
        step.bytes_received = info.tcpi_bytes_received;
        step.round_trip_us = info.tcpi_rtt;
        step.retransmitted = info.tcpi_total_retrans;
    }
    return step;
}

std::string read_saved_syn() {
    const Socket listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const Socket client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    const int on = 1;
    if (setsockopt(listener.get(), IPPROTO_TCP, TCP_SAVE_SYN, &on, sizeof on) != 0 ||
        bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener.get(), 1) != 0 ||
        getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
        connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return {};
    }
    const Socket server(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::string headers(512, '\0');
    socklen_t length = static_cast<socklen_t>(headers.size());
    if (getsockopt(server.get(), IPPROTO_TCP, TCP_SAVED_SYN, headers.data(), &length) != 0) {
        return {};
    }
    headers.resize(length);
    return headers;
}

}  // namespace sluice

// Facts about one connection: its ends, its times, how it was opened and closed. The analyzer fills
// them in as frames come. A frame number names a captured frame; 0 means that there was none.
#pragma once

#include <cstdint>
#include <string_view>

#include "wire/packet.h"
#include "wire/tcp.h"

namespace sluice::wire {

// When something was captured.
struct Mark {
    std::uint64_t frame = 0;  // 0: it was not captured
    Nanos time = 0;

    [[nodiscard]] explicit operator bool() const noexcept { return frame != 0; }
};

enum class Close : std::uint8_t {
    none,          // still open when the capture ended
    half,          // one FIN only, or one of them was never acknowledged
    three,         // FIN, FIN+ACK, ACK: the second FIN carries the ACK of the first
    four,          // FIN, ACK, FIN, ACK
    simultaneous,  // neither FIN acknowledges the other
    reset,
    refused,  // a reset answered the SYN
};
[[nodiscard]] std::string_view to_string(Close close) noexcept;

struct Side {
    Endpoint endpoint;
    std::uint64_t segments = 0;
    std::uint64_t payload_bytes = 0;  // as sent, resent ones included
    std::uint64_t resent = 0;         // segments
    std::uint32_t isn = 0;            // as on the wire
    bool isn_seen = false;
    TcpOptions syn_options;  // of its SYN
    Mark syn;
    Mark first_data;
    Mark last_data;
    Mark fin;
    Mark fin_acked;  // by its peer
    Mark rst;
    EndState state;  // at the end
};

struct Connection {
    std::uint64_t stream = 0;  // from 0, in the order of first frames, as tshark counts
    Side sides[2];
    int client = 0;            // which side
    bool client_seen = false;  // from a SYN; otherwise inferred from HTTP or the ports
    Mark first;
    Mark last;
    Mark handshake_ack;  // the segment that completes the handshake
    Nanos handshake_time = 0;
    int close_starter = -1;  // which side sent the first FIN or the reset
    Close close = Close::none;
    std::uint64_t second_copies = 0;
    std::uint64_t exchanges = 0;
    bool http = false;
    bool ports_reused = false;

    [[nodiscard]] const Side& client_side() const { return sides[client]; }
    [[nodiscard]] const Side& server_side() const { return sides[1 - client]; }
    // Which side stays in TIME_WAIT (bit 0: side 0, bit 1: side 1). Always inferred: no segment
    // shows it.
    [[nodiscard]] unsigned time_wait() const noexcept {
        return (sides[0].state.state == TcpState::time_wait ? 1U : 0U) |
               (sides[1].state.state == TcpState::time_wait ? 2U : 0U);
    }
};

}  // namespace sluice::wire

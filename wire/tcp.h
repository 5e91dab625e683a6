// One TCP connection as seen from the wire: sequence analysis and the states of both ends.
//
// The analysis names each segment as tshark does (retransmission, duplicate ACK, zero window ...),
// by the rules in its documentation under "TCP Analysis"; a test checks it against tshark. States
// follow RFC 9293 section 3.3.2. An end's state is seen when the end itself sends a segment that
// only this state sends. It is inferred when it follows from the segments sent to that end.
//
// Pure; no allocation. Each connection has one object of each class.
#pragma once

#include <cstdint>
#include <string_view>

#include "wire/packet.h"

namespace sluice::wire {

// Sequence numbers wrap (RFC 9293 section 3.4).
[[nodiscard]] constexpr bool seq_before(std::uint32_t a, std::uint32_t b) noexcept {
    return static_cast<std::int32_t>(a - b) < 0;
}

// What the analysis adds to a segment's flags; several bits may be set.
namespace analysis {
inline constexpr std::uint32_t retransmission = 1, fast_retransmission = 2,
                               spurious_retransmission = 4, out_of_order = 8, previous_lost = 16,
                               acked_unseen = 32, duplicate_ack = 64, zero_window = 128,
                               zero_window_probe = 256, zero_window_probe_ack = 512,
                               window_update = 1024, window_full = 2048, keep_alive = 4096,
                               keep_alive_ack = 8192, ports_reused = 16384,
                               // Not tshark's: the second copy of one frame (docs/wire.md).
    second_copy = 32768;
inline constexpr std::uint32_t resent =
    retransmission | fast_retransmission | spurious_retransmission;
}  // namespace analysis
inline constexpr int kAnalysisBits = 16;
// The name of the lowest bit: "retransmission". For JSON and tests.
[[nodiscard]] std::string_view analysis_name(std::uint32_t bit) noexcept;

// What one end has sent so far. A segment's `sender` and `receiver` are the two of a connection.
struct TcpHalf {
    std::uint32_t isn = 0;  // initial sequence number; guessed from the first segment without a SYN
    std::uint32_t next = 0;        // highest sequence number seen, plus one
    std::uint32_t contiguous = 0;  // the capture has everything before this number
    std::uint32_t last_ack = 0;
    std::uint32_t last_analysis = 0;
    std::int32_t duplicate_acks = 0;  // in a row
    std::uint16_t window = 0;         // of its last segment, unscaled
    std::int8_t window_shift = kUnknown;
    bool isn_known = false;
    bool isn_seen = false;  // from its own SYN
    bool next_known = false;
    bool contiguous_known = false;
    bool ack_known = false;
    bool window_unscaled = false;  // the last window was in a SYN
    Nanos next_time = 0;
    Nanos ack_time = 0;
    std::uint64_t first_ack_frame = 0;  // of the current run of equal ACKs

    static constexpr std::int8_t kUnknown = -1;  // no SYN seen
    static constexpr std::int8_t kOff = -2;      // a SYN without the option

    [[nodiscard]] std::uint32_t scaled(std::uint16_t value, bool in_syn) const noexcept {
        return in_syn || window_shift < 0 ? value
                                          : static_cast<std::uint32_t>(value) << window_shift;
    }
};

struct SegmentAnalysis {
    std::uint32_t bits = 0;
    std::uint32_t relative_seq = 0;
    std::uint32_t relative_ack = 0;  // 0 without the ACK flag
    std::uint32_t window = 0;        // scaled, where the scale is known
    std::uint32_t duplicate_number = 0;
    std::uint64_t duplicate_of = 0;  // frame of the first ACK of the run
};

class TcpAnalysis {
  public:
    // `from` is 0 or 1. To be called once for each segment, in captured order.
    [[nodiscard]] SegmentAnalysis see(int from, const Segment& segment, Nanos time,
                                      std::uint64_t frame) noexcept;

    [[nodiscard]] const TcpHalf& half(int which) const noexcept { return halves_[which]; }
    // From the SYN to the ACK that completes the handshake; 0 when not seen.
    [[nodiscard]] Nanos handshake_time() const noexcept { return handshake_time_; }

  private:
    void learn_numbers(TcpHalf& sender, TcpHalf& receiver, const Segment& segment) noexcept;
    void learn_scale(TcpHalf& sender, TcpHalf& receiver, const Segment& segment) noexcept;
    [[nodiscard]] bool window_kind(TcpHalf& sender, TcpHalf& receiver, const Segment& segment,
                                   SegmentAnalysis& result) noexcept;
    void ack_kind(TcpHalf& sender, TcpHalf& receiver, const Segment& segment,
                  SegmentAnalysis& result) noexcept;
    void unseen_kind(TcpHalf& sender, TcpHalf& receiver, const Segment& segment,
                     SegmentAnalysis& result) noexcept;
    void resend_kind(const TcpHalf& sender, const TcpHalf& receiver, const Segment& segment,
                     Nanos time, SegmentAnalysis& result) noexcept;
    void advance(TcpHalf& sender, const Segment& segment, Nanos time,
                 const SegmentAnalysis& result) noexcept;

    TcpHalf halves_[2];
    Nanos syn_time_ = 0;
    Nanos handshake_time_ = 0;
};

enum class TcpState : std::uint8_t {
    unknown,
    closed,
    listen,
    syn_sent,
    syn_received,
    established,
    fin_wait_1,
    fin_wait_2,
    close_wait,
    closing,
    last_ack,
    time_wait,
};
[[nodiscard]] std::string_view to_string(TcpState state) noexcept;  // "SYN_SENT"

struct EndState {
    TcpState state = TcpState::unknown;
    bool inferred = true;

    [[nodiscard]] bool operator==(const EndState&) const noexcept = default;
};

class TcpStates {
  public:
    void see(int from, const Segment& segment) noexcept;
    [[nodiscard]] EndState end(int which) const noexcept { return ends_[which].now; }

    // The close, as it happened.
    struct Fin {
        bool sent = false;
        bool acked = false;
        std::uint32_t after = 0;  // the acknowledgement number that covers it
    };
    [[nodiscard]] const Fin& fin(int which) const noexcept { return ends_[which].fin; }

  private:
    struct End {
        EndState now;
        bool syn = false;
        std::uint32_t syn_after = 0;
        bool next_known = false;
        std::uint32_t next = 0;  // its peer has everything before this number, as captured
        Fin fin;
    };

    void see_syn(End& sender, End& receiver, const Segment& segment) noexcept;
    void see_ack(End& sender, End& receiver, const Segment& segment) noexcept;
    void see_fin(End& sender, End& receiver, const Segment& segment) noexcept;

    End ends_[2];
};

}  // namespace sluice::wire

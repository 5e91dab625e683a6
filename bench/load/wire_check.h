// WireCheck: do our clock, the kernel's and a packet capture's tell the same? (--verify-wire)
//
// HOW IT WORKS. The workers note what they stamped on each sampled connection, and where in its two
// streams of bytes that was; a WireTap notes the segments. Both are brought together by port and
// position in the stream, so a frame that was lost costs one sample and shifts no other.
//
// WHAT MUST HOLD. A stamp of a send is taken before the segment leaves, that of an arrival after it
// came: so a time of ours is never shorter than the same time on the wire, and the distance between
// the two clocks, at most (wire - ours) of every send and at least that of every arrival, has a
// value that fits all of them. A clock that runs too slow, too fast, in steps or in jumps breaks
// one of the two. Nothing is assumed of the capture's clock but that it runs evenly.
//
// check_wire() is pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/clock.h"
#include "core/histogram.h"

namespace sluice::load {

// A TCP segment of a sampled connection as a capture saw it.
struct WireSegment {
    Nanos time = 0;  // since 1970
    std::uint32_t seq = 0;
    std::uint32_t bytes = 0;  // of payload
    std::uint16_t port = 0;   // the client's
    bool from_client = false;
    bool syn = false;
};

// Sees the packets of connections whose port is_sampled() between start() and stop(), on a thread
// of its own. Made by the front, which knows how to capture.
class WireTap {
  public:
    virtual ~WireTap() = default;
    virtual void start() = 0;
    [[nodiscard]] virtual std::vector<WireSegment> stop() = 0;
};

// Every how-manieth connection of a run is sampled: a power of two. Linux hands out every second
// port, one after the other (inet_hash_connect), so the lowest bit is left out.
[[nodiscard]] std::uint16_t sample_mask(unsigned connections, bool churn) noexcept;
[[nodiscard]] constexpr bool is_sampled(std::uint16_t port, std::uint16_t mask) noexcept {
    return (port & mask) == 0;
}

// What one worker stamped. Bounded, so that nothing is allocated while it runs.
struct WireStamps {
    static constexpr std::size_t kHandshakesMax = 20'000;
    static constexpr std::size_t kExchangesMax = 200'000;
    struct Handshake {
        std::uint16_t port = 0;
        Nanos began = 0;
        Nanos done = 0;
        Nanos kernel_rtt = -1;  // less than 0: not known
    };
    struct Exchange {
        std::uint32_t handshake = 0;   // its index
        std::uint64_t request_at = 0;  // bytes sent on the connection before it
        std::uint64_t answer_end = 0;  // bytes received on it, this answer included
        Nanos sent = 0;
        Nanos done = 0;
    };
    std::vector<Handshake> handshakes;
    std::vector<Exchange> exchanges;
};

struct WireCheck {
    std::uint64_t handshakes = 0;  // compared
    std::uint64_t exchanges = 0;
    std::uint64_t unmatched = 0;  // stamped, but not found in the capture
    Histogram excess;             // of our times over those on the wire, where not below
    Histogram shortfall;          // of our times below those on the wire by more than kWireSlack
    Histogram kernel;             // distance of the kernel's rtt from SYN to SYN/ACK
    Nanos contradiction = 0;      // by so much no distance between the clocks fits all stamps
};

inline constexpr Nanos kWireSlack = 5 * kMicrosecond;  // how exact the stamps of a capture are
inline constexpr double kWireShortShareMax = 0.01;
inline constexpr Nanos kWireContradictionMax = kMillisecond;

[[nodiscard]] WireCheck check_wire(std::span<const WireStamps* const> stamps,
                                   std::span<const WireSegment> segments);

}  // namespace sluice::load

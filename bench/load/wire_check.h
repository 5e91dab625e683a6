// WireCheck: do our clock, the kernel's and that of a packet capture agree? (--verify-wire)
//
// HOW IT WORKS. The workers record their timestamps for each sampled connection, with the position
// in its two byte streams; a WireTap records the segments. Both are matched by port and position,
// so a lost frame costs one sample and shifts no other.
//
// WHAT MUST HOLD. A send is stamped before its segment leaves, an arrival after it came. So a time
// of ours is never shorter than the same time on the wire; and one offset between the two clocks
// (at most wire - ours of every send, at least that of every arrival) fits all stamps. A clock that
// runs too slow, too fast, in steps or in jumps breaks one of the two. Of the capture's clock it is
// only assumed that it runs evenly.
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
// of its own. Made by the front end, which knows how to capture.
class WireTap {
  public:
    virtual ~WireTap() = default;
    virtual void start() = 0;
    [[nodiscard]] virtual std::vector<WireSegment> stop() = 0;
};

// One in 2^n connections is sampled. Linux hands out every second port, one after the other
// (inet_hash_connect), so the lowest bit is ignored.
[[nodiscard]] std::uint16_t sample_mask(unsigned connections, bool churn) noexcept;
[[nodiscard]] constexpr bool is_sampled(std::uint16_t port, std::uint16_t mask) noexcept {
    return (port & mask) == 0;
}

// What one worker stamped. Bounded, so that nothing is allocated while it runs.
struct WireStamps {
    static constexpr std::size_t kHandshakesMax = 20'000;
    static constexpr std::size_t kRequestsMax = 200'000;
    struct Handshake {
        std::uint16_t port = 0;
        Nanos began = 0;
        Nanos done = 0;
        Nanos kernel_rtt = -1;  // less than 0: not known
    };
    struct Request {
        std::uint32_t handshake = 0;   // its index
        std::uint64_t request_at = 0;  // bytes sent on the connection before it
        std::uint64_t answer_end = 0;  // bytes received on it, this answer included
        Nanos sent = 0;
        Nanos done = 0;
    };
    std::vector<Handshake> handshakes;
    std::vector<Request> requests;
};

struct WireCheck {
    std::uint64_t handshakes = 0;  // compared
    std::uint64_t requests = 0;
    std::uint64_t unmatched = 0;  // stamped, but not found in the capture
    Histogram excess;             // our times minus those on the wire, unless in `shortfall`
    Histogram shortfall;          // of our times that are shorter by more than kWireSlack
    Histogram kernel;             // difference of the kernel's rtt and SYN to SYN/ACK
    Nanos contradiction = 0;      // by how much no clock offset fits all stamps
};

inline constexpr Nanos kWireSlack = 5 * kMicrosecond;  // how exact the timestamps of a capture are
inline constexpr double kWireShortShareMax = 0.01;
inline constexpr Nanos kWireContradictionMax = kMillisecond;

[[nodiscard]] WireCheck check_wire(std::span<const WireStamps* const> stamps,
                                   std::span<const WireSegment> segments);

}  // namespace sluice::load

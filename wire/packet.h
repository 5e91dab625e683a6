// From a frame's bytes to a TCP segment: link layer, VLAN tags, IPv4 and IPv6 with their extension
// headers, TCP with its options. Pure: no state, no allocation. Every length is checked against
// the captured bytes. Anything that is not TCP is reported as such, never guessed at.
//
// Sources: RFC 791, RFC 8200 (IPv6), RFC 9293 (TCP), RFC 7323 (window scale, timestamps), RFC 2018
// (SACK), pcap-linktype(7), IEEE 802.1Q.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "wire/capture.h"

namespace sluice::wire {

struct Address {
    std::array<std::uint8_t, 16> bytes{};
    std::uint8_t size = 0;  // 4, 16, or 0 for none

    [[nodiscard]] bool operator==(const Address& other) const noexcept {
        return size == other.size && std::memcmp(bytes.data(), other.bytes.data(), 16) == 0;
    }
    [[nodiscard]] bool is_loopback() const noexcept;
};
[[nodiscard]] std::string to_string(const Address& address);  // 192.0.2.1, 2001:db8::1

struct Endpoint {
    Address address;
    std::uint16_t port = 0;

    [[nodiscard]] bool operator==(const Endpoint& other) const noexcept = default;
};
[[nodiscard]] std::string to_string(const Endpoint& endpoint);  // 192.0.2.1:80, [2001:db8::1]:80

// Control bits of the TCP header (RFC 9293 section 3.1).
namespace flag {
inline constexpr std::uint16_t fin = 0x01, syn = 0x02, rst = 0x04, psh = 0x08, ack = 0x10,
                               urg = 0x20, ece = 0x40, cwr = 0x80, ae = 0x100;
}

struct SackBlock {
    std::uint32_t left = 0;
    std::uint32_t right = 0;
};

struct TcpOptions {
    std::uint16_t mss = 0;
    std::uint8_t window_shift = 0;  // capped at 14 (RFC 7323 section 2.3)
    std::uint8_t sack_count = 0;
    bool has_mss = false;
    bool has_window_scale = false;
    bool sack_permitted = false;
    bool has_timestamps = false;
    bool malformed = false;  // an option's length points beyond the header
    std::uint32_t timestamp = 0;
    std::uint32_t timestamp_echo = 0;
    std::array<SackBlock, 4> sack{};
};

struct Segment {
    Endpoint from;
    Endpoint to;
    std::uint32_t seq = 0;
    std::uint32_t ack = 0;
    std::uint16_t flags = 0;
    std::uint16_t window = 0;  // as in the header, not scaled
    std::uint16_t checksum = 0;
    std::uint8_t header_bytes = 0;  // of TCP, options included
    std::uint8_t hops = 0;          // TTL or hop limit
    std::uint32_t ip_id = 0;        // IPv4 only
    std::uint32_t ip_bytes = 0;     // of the whole packet, by its own header
    std::uint32_t length = 0;       // of the payload, by the IP header
    std::string_view payload;       // its captured bytes
    std::string_view tcp;           // header and payload, as captured
    TcpOptions options;

    [[nodiscard]] bool has(std::uint16_t bits) const noexcept { return (flags & bits) == bits; }
    [[nodiscard]] bool cut() const noexcept { return payload.size() < length; }
    // The sequence space that it occupies: SYN and FIN count as one each.
    [[nodiscard]] std::uint32_t sequence_bytes() const noexcept {
        return length + ((flags & flag::syn) != 0 ? 1 : 0) + ((flags & flag::fin) != 0 ? 1 : 0);
    }
};

// An IP packet, or a fragment of one.
struct IpPacket {
    Address from;
    Address to;
    std::uint8_t protocol = 0;
    std::uint8_t hops = 0;
    bool fragment = false;
    bool more_fragments = false;
    std::uint32_t id = 0;
    std::uint32_t offset = 0;  // of a fragment's payload, in bytes
    std::uint32_t ip_bytes = 0;
    std::uint32_t length = 0;  // of the payload, by the header
    std::string_view payload;  // its captured bytes
};

enum class Decoded : std::uint8_t {
    ok,
    not_ip,     // ARP and the like
    not_tcp,    // UDP, ICMP ...
    cut,        // too little was captured to tell
    malformed,  // its lengths or fields contradict each other
};
[[nodiscard]] std::string_view to_string(Decoded what) noexcept;

[[nodiscard]] Decoded decode_ip(const Frame& frame, IpPacket& packet) noexcept;
// `packet` must be whole.
[[nodiscard]] Decoded decode_tcp(const IpPacket& packet, Segment& segment) noexcept;

enum class Checksum : std::uint8_t {
    good,
    bad,
    partial,  // only the pseudo header is summed: the network card was to add the rest
    unknown,  // not all of the segment was captured
};
[[nodiscard]] Checksum verify_checksum(const Segment& segment) noexcept;

// "SYN, ACK", in the order tshark prints them.
[[nodiscard]] std::string flags_text(std::uint16_t flags);

}  // namespace sluice::wire

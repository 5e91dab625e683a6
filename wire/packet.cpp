#include "wire/packet.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "core/endpoint.h"

namespace sluice::wire {

namespace {

constexpr std::uint16_t kTcp = 6;
constexpr int kVlanTagsMax = 4;
constexpr int kExtensionHeadersMax = 16;

template <typename Number>
constexpr Number to_network(Number number) noexcept {
    return std::endian::native == std::endian::big ? number : std::byteswap(number);
}

std::uint8_t byte_at(std::string_view bytes, std::size_t at) noexcept {
    return static_cast<std::uint8_t>(bytes[at]);
}

std::uint16_t be16(std::string_view bytes, std::size_t at) noexcept {
    return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

std::uint32_t be32(std::string_view bytes, std::size_t at) noexcept {
    return static_cast<std::uint32_t>(be16(bytes, at)) << 16 | be16(bytes, at + 2);
}

// ---- link layer

// The IP version that a link header announces: 4, 6, or 0 for anything else. `bytes` then begins
// with the IP header.
struct LinkResult {
    Decoded what = Decoded::ok;
    int version = 0;
};

LinkResult by_ethertype(std::uint16_t type, std::string_view& bytes) noexcept {
    for (int tags = 0; tags < kVlanTagsMax; ++tags) {
        if (type != 0x8100 && type != 0x88a8 && type != 0x9100) {
            break;
        }
        if (bytes.size() < 4) {
            return {Decoded::cut};
        }
        type = be16(bytes, 2);
        bytes.remove_prefix(4);
    }
    switch (type) {
        case 0x0800: return {Decoded::ok, 4};
        case 0x86dd: return {Decoded::ok, 6};
        default: return {Decoded::not_ip};
    }
}

LinkResult by_type_at(std::size_t type_at, std::size_t header, std::string_view& bytes) noexcept {
    if (bytes.size() < header) {
        return {Decoded::cut};
    }
    const std::uint16_t type = be16(bytes, type_at);
    bytes.remove_prefix(header);
    return by_ethertype(type, bytes);
}

// The address family is the capturing system's number, in its byte order (null) or in network order
// (loop): 2 is IPv4 everywhere; IPv6 is 24, 28 or 30 on the BSDs and 10 on Linux.
LinkResult by_family(bool network_order, std::string_view& bytes) noexcept {
    if (bytes.size() < 4) {
        return {Decoded::cut};
    }
    std::uint32_t family = be32(bytes, 0);
    if (!network_order && family > 0xffff) {
        family = __builtin_bswap32(family);
    }
    bytes.remove_prefix(4);
    switch (family) {
        case 2: return {Decoded::ok, 4};
        case 10:
        case 24:
        case 28:
        case 30: return {Decoded::ok, 6};
        default: return {Decoded::not_ip};
    }
}

LinkResult decode_link(Link link, std::string_view& bytes) noexcept {
    switch (link) {
        case Link::ethernet: return by_type_at(12, 14, bytes);
        case Link::cooked_v1: return by_type_at(14, 16, bytes);
        case Link::cooked_v2: return by_type_at(0, 20, bytes);
        case Link::null: return by_family(false, bytes);
        case Link::loop: return by_family(true, bytes);
        case Link::raw:
            if (bytes.empty()) {
                return {Decoded::cut};
            }
            return {Decoded::ok, byte_at(bytes, 0) >> 4};
        case Link::unknown: break;
    }
    return {Decoded::not_ip};
}

// ---- IP

void set_address(Address& address, std::string_view bytes) noexcept {
    address.bytes = {};
    address.size = static_cast<std::uint8_t>(bytes.size());
    std::memcpy(address.bytes.data(), bytes.data(), bytes.size());
}

// `total` is the header's total length. Segmentation offload of very large packets leaves it 0;
// then the frame's length counts.
Decoded decode_ipv4(std::string_view bytes, std::uint32_t on_wire, IpPacket& packet) noexcept {
    if (bytes.size() < 20) {
        return Decoded::cut;
    }
    const std::uint32_t header = (byte_at(bytes, 0) & 0x0fU) * 4;
    std::uint32_t total = be16(bytes, 2);
    if (total == 0) {
        total = on_wire;
    }
    if (header < 20 || total < header || total > on_wire) {
        return Decoded::malformed;
    }
    const std::uint16_t fragment = be16(bytes, 6);
    packet.id = be16(bytes, 4);
    packet.more_fragments = (fragment & 0x2000) != 0;
    packet.offset = (fragment & 0x1fffU) * 8;
    packet.fragment = packet.more_fragments || packet.offset != 0;
    packet.hops = byte_at(bytes, 8);
    packet.protocol = byte_at(bytes, 9);
    set_address(packet.from, bytes.substr(12, 4));
    set_address(packet.to, bytes.substr(16, 4));
    packet.ip_bytes = total;
    packet.length = total - header;
    bytes = bytes.substr(0, total);
    packet.payload = bytes.substr(std::min<std::size_t>(header, bytes.size()));
    return Decoded::ok;
}

// Skips extension headers up to the transport header.
Decoded decode_extensions(IpPacket& packet, std::uint8_t next) noexcept {
    for (int i = 0; i < kExtensionHeadersMax; ++i) {
        const bool options = next == 0 || next == 43 || next == 60 || next == 135;
        if (!options && next != 44 && next != 51) {
            packet.protocol = next;
            return Decoded::ok;
        }
        if (packet.payload.size() < 8) {
            return Decoded::cut;
        }
        std::uint32_t bytes = 8;
        if (next == 44) {
            const std::uint16_t where = be16(packet.payload, 2);
            packet.offset = where & 0xfff8U;
            packet.more_fragments = (where & 1) != 0;
            packet.fragment = packet.more_fragments || packet.offset != 0;
            packet.id = be32(packet.payload, 4);
        } else if (next == 51) {
            bytes = (byte_at(packet.payload, 1) + 2U) * 4;
        } else {
            bytes = (byte_at(packet.payload, 1) + 1U) * 8;
        }
        next = byte_at(packet.payload, 0);
        if (bytes > packet.length) {
            return Decoded::malformed;
        }
        packet.length -= bytes;
        packet.payload.remove_prefix(std::min<std::size_t>(bytes, packet.payload.size()));
        if (packet.offset != 0) {
            packet.protocol = next;  // the payload begins in the middle of a datagram
            return Decoded::ok;
        }
    }
    return Decoded::malformed;
}

Decoded decode_ipv6(std::string_view bytes, std::uint32_t on_wire, IpPacket& packet) noexcept {
    if (bytes.size() < 40) {
        return Decoded::cut;
    }
    std::uint32_t length = be16(bytes, 4);
    if (length == 0 && on_wire > 40) {
        length = on_wire - 40;  // a jumbogram, or segmentation offload
    }
    if (length + 40 > on_wire) {
        return Decoded::malformed;
    }
    packet.hops = byte_at(bytes, 7);
    set_address(packet.from, bytes.substr(8, 16));
    set_address(packet.to, bytes.substr(24, 16));
    packet.id = 0;
    packet.offset = 0;
    packet.fragment = packet.more_fragments = false;
    packet.ip_bytes = length + 40;
    packet.length = length;
    packet.payload = bytes.substr(40, length);
    return decode_extensions(packet, byte_at(bytes, 6));
}

// ---- TCP options

void decode_option(std::uint8_t kind, std::string_view value, TcpOptions& options) noexcept {
    switch (kind) {
        case 2:
            if (value.size() == 2) {
                options.has_mss = true;
                options.mss = be16(value, 0);
            }
            break;
        case 3:
            if (value.size() == 1) {
                options.has_window_scale = true;
                options.window_shift = std::min<std::uint8_t>(byte_at(value, 0), 14);
            }
            break;
        case 4: options.sack_permitted = value.empty(); break;
        case 5:
            for (; value.size() >= 8 && options.sack_count < options.sack.size();
                 value.remove_prefix(8)) {
                options.sack[options.sack_count++] = {be32(value, 0), be32(value, 4)};
            }
            break;
        case 8:
            if (value.size() == 8) {
                options.has_timestamps = true;
                options.timestamp = be32(value, 0);
                options.timestamp_echo = be32(value, 4);
            }
            break;
        default: break;
    }
}

void decode_options(std::string_view bytes, TcpOptions& options) noexcept {
    while (!bytes.empty()) {
        const std::uint8_t kind = byte_at(bytes, 0);
        if (kind == 0) {
            return;
        }
        if (kind == 1) {
            bytes.remove_prefix(1);
            continue;
        }
        if (bytes.size() < 2 || byte_at(bytes, 1) < 2 || byte_at(bytes, 1) > bytes.size()) {
            options.malformed = true;
            return;
        }
        const std::uint8_t size = byte_at(bytes, 1);
        decode_option(kind, bytes.substr(2, size - 2U), options);
        bytes.remove_prefix(size);
    }
}

// ---- checksum (RFC 1071)

std::uint64_t add_words(std::uint64_t sum, const void* data, std::size_t size) noexcept {
    const auto* at = static_cast<const unsigned char*>(data);
    for (; size >= 4; size -= 4, at += 4) {
        std::uint32_t word;
        std::memcpy(&word, at, 4);
        sum += word;
    }
    if (size > 0) {
        std::uint32_t word = 0;
        std::memcpy(&word, at, size);
        sum += word;
    }
    return sum;
}

std::uint16_t fold(std::uint64_t sum) noexcept {
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(sum);
}

}  // namespace

bool Address::is_loopback() const noexcept {
    if (size == 4) {
        return bytes[0] == 127;
    }
    return size == 16 && bytes[15] == 1 &&
           std::all_of(bytes.begin(), bytes.end() - 1, [](std::uint8_t b) { return b == 0; });
}

std::string to_string(const Address& address) {
    static constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    sluice::Endpoint host;
    host.address = address.bytes;
    if (address.size == 16 && std::memcmp(address.bytes.data(), kMapped, sizeof kMapped) == 0) {
        // IPv4-mapped (RFC 5952 section 5).
        std::copy(address.bytes.begin() + 12, address.bytes.end(), host.address.begin());
        host.family = Family::ipv4;
        return "::ffff:" + host.host();
    }
    host.family = address.size == 0   ? Family::none
                  : address.size == 4 ? Family::ipv4
                                      : Family::ipv6;
    return host.host();
}

std::string to_string(const Endpoint& endpoint) {
    const std::string address = to_string(endpoint.address);
    return endpoint.address.size == 16 ? fmt::format("[{}]:{}", address, endpoint.port)
                                       : fmt::format("{}:{}", address, endpoint.port);
}

std::string_view to_string(Decoded what) noexcept {
    switch (what) {
        case Decoded::ok: return "ok";
        case Decoded::not_ip: return "not IP";
        case Decoded::not_tcp: return "not TCP";
        case Decoded::cut: return "cut";
        case Decoded::malformed: return "malformed";
    }
    return "";
}

Decoded decode_ip(const Frame& frame, IpPacket& packet) noexcept {
    std::string_view bytes = frame.bytes;
    const LinkResult link = decode_link(frame.link, bytes);
    if (link.what != Decoded::ok) {
        return link.what;
    }
    const auto link_bytes = static_cast<std::uint32_t>(frame.bytes.size() - bytes.size());
    const std::uint32_t on_wire =
        std::max(frame.length > link_bytes ? frame.length - link_bytes : 0,
                 static_cast<std::uint32_t>(bytes.size()));
    if (bytes.empty()) {
        return Decoded::cut;
    }
    // The link header and the packet must agree.
    if (link.version != byte_at(bytes, 0) >> 4) {
        return Decoded::malformed;
    }
    switch (link.version) {
        case 4: return decode_ipv4(bytes, on_wire, packet);
        case 6: return decode_ipv6(bytes, on_wire, packet);
        default: return Decoded::not_ip;
    }
}

Decoded decode_tcp(const IpPacket& packet, Segment& segment) noexcept {
    if (packet.protocol != kTcp) {
        return Decoded::not_tcp;
    }
    const std::string_view bytes = packet.payload;
    if (packet.length < 20) {
        return Decoded::malformed;
    }
    if (bytes.size() < 20) {
        return Decoded::cut;
    }
    const std::uint32_t header = (byte_at(bytes, 12) >> 4) * 4U;
    if (header < 20 || header > packet.length) {
        return Decoded::malformed;
    }
    segment.from = {packet.from, be16(bytes, 0)};
    segment.to = {packet.to, be16(bytes, 2)};
    segment.seq = be32(bytes, 4);
    segment.ack = be32(bytes, 8);
    segment.flags = be16(bytes, 12) & 0x1ff;
    segment.window = be16(bytes, 14);
    segment.checksum = be16(bytes, 16);
    segment.header_bytes = static_cast<std::uint8_t>(header);
    segment.hops = packet.hops;
    segment.ip_id = packet.id;
    segment.ip_bytes = packet.ip_bytes;
    segment.length = packet.length - header;
    const std::size_t captured = std::min<std::size_t>(header, bytes.size());
    segment.payload = bytes.substr(captured);
    segment.tcp = bytes;
    segment.options = {};
    decode_options(bytes.substr(20, captured - 20), segment.options);
    return Decoded::ok;
}

Checksum verify_checksum(const Segment& segment) noexcept {
    const std::size_t size = segment.header_bytes + segment.length;
    if (segment.tcp.size() < size) {
        return Checksum::unknown;
    }
    std::uint64_t pseudo = 0;
    pseudo = add_words(pseudo, segment.from.address.bytes.data(), segment.from.address.size);
    pseudo = add_words(pseudo, segment.to.address.bytes.data(), segment.to.address.size);
    pseudo += to_network(kTcp);
    pseudo += to_network(static_cast<std::uint32_t>(size));
    if (fold(add_words(pseudo, segment.tcp.data(), size)) == 0xffff) {
        return Checksum::good;
    }
    return fold(pseudo) == to_network(segment.checksum) ? Checksum::partial : Checksum::bad;
}

std::string flags_text(std::uint16_t flags) {
    static constexpr struct {
        std::uint16_t bit;
        std::string_view name;
    } kNames[] = {{flag::fin, "FIN"}, {flag::syn, "SYN"}, {flag::rst, "RST"},
                  {flag::psh, "PSH"}, {flag::ack, "ACK"}, {flag::urg, "URG"},
                  {flag::ece, "ECE"}, {flag::cwr, "CWR"}, {flag::ae, "AE"}};
    std::string text;
    for (const auto& [bit, name] : kNames) {
        if ((flags & bit) != 0) {
            text += text.empty() ? "" : ", ";
            text += name;
        }
    }
    return text.empty() ? "<None>" : text;
}

}  // namespace sluice::wire

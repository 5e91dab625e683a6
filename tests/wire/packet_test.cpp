#include "wire/packet.h"

#include <gtest/gtest.h>

#include "tests/wire/build.h"
#include "wire/fragments.h"

namespace sluice::wire {
namespace {

using namespace build;

Decoded decode(std::string_view bytes, Link link, Segment& segment, std::uint32_t length = 0) {
    Frame frame;
    frame.bytes = bytes;
    frame.link = link;
    frame.length = length != 0 ? length : static_cast<std::uint32_t>(bytes.size());
    IpPacket ip;
    const Decoded what = decode_ip(frame, ip);
    return what == Decoded::ok ? decode_tcp(ip, segment) : what;
}

TEST(Packet, EveryLinkTypeLeadsToTheSegment) {
    const std::string v4 = packet({.payload = "abc"});
    const std::string v6 = ipv6(tcp_bytes({.payload = "abc"}), true);
    const std::string ethernet(12, 'm');
    const struct {
        Link link;
        std::string bytes;
    } cases[] = {
        {Link::raw, v4},
        {Link::raw, v6},
        {Link::ethernet, ethernet + std::string("\x08\0", 2) + v4},
        {Link::ethernet, ethernet + "\x86\xdd" + v6},
        {Link::ethernet, ethernet + std::string("\x81\0\0\5\x08\0", 6) + v4},
        {Link::ethernet, ethernet + std::string("\x88\xa8\0\1\x81\0\0\5\x86\xdd", 10) + v6},
        {Link::cooked_v1, std::string(14, 's') + std::string("\x08\0", 2) + v4},
        {Link::cooked_v2, std::string("\x86\xdd", 2) + std::string(18, 's') + v6},
        {Link::null, std::string("\2\0\0\0", 4) + v4},
        {Link::null, std::string("\0\0\0\2", 4) + v4},
        {Link::null, std::string("\x1e\0\0\0", 4) + v6},
        {Link::loop, std::string("\0\0\0\x18", 4) + v6},
    };
    for (const auto& one : cases) {
        Segment segment;
        ASSERT_EQ(decode(one.bytes, one.link, segment), Decoded::ok);
        EXPECT_EQ(segment.payload, "abc");
        EXPECT_EQ(segment.from.port, 40000);
        EXPECT_EQ(segment.to.port, 80);
    }
}

TEST(Packet, EthernetPaddingIsNoPayload) {
    const std::string frame =
        std::string(12, 'm') + std::string("\x08\0", 2) + packet({}) + std::string(6, '\0');
    Segment segment;
    ASSERT_EQ(decode(frame, Link::ethernet, segment), Decoded::ok);
    EXPECT_EQ(segment.length, 0U);
    EXPECT_TRUE(segment.payload.empty());
}

TEST(Packet, WhatWasNotCapturedIsMissingFromThePayloadOnly) {
    const std::string whole = packet({.payload = std::string(100, 'x')});
    Segment segment;
    ASSERT_EQ(decode(std::string_view(whole).substr(0, 60), Link::raw, segment, 140), Decoded::ok);
    EXPECT_EQ(segment.length, 100U);
    EXPECT_EQ(segment.payload.size(), 20U);
    EXPECT_TRUE(segment.cut());
    EXPECT_EQ(verify_checksum(segment), Checksum::unknown);
}

TEST(Packet, EveryTruncationIsNamed) {
    const std::string whole = packet({.payload = "x", .options = "\2\4\5\xb4"});
    const auto length = static_cast<std::uint32_t>(whole.size());
    for (std::size_t size = 0; size < 40; ++size) {
        const std::string exact = whole.substr(0, size);
        Segment segment;
        EXPECT_EQ(decode(exact, Link::raw, segment, length), Decoded::cut) << size;
    }
}

TEST(Packet, ContradictionsAreMalformed) {
    std::string wrong = packet({});
    wrong[0] = 0x44;  // a header of 16 bytes
    Segment segment;
    EXPECT_EQ(decode(wrong, Link::raw, segment), Decoded::malformed);
    wrong = packet({});
    wrong[2] = '\xff';  // longer than the frame
    EXPECT_EQ(decode(wrong, Link::raw, segment), Decoded::malformed);
    wrong = packet({});
    wrong[32] = '\xf0';  // a TCP header of 60 bytes
    EXPECT_EQ(decode(wrong, Link::raw, segment), Decoded::malformed);
    wrong = std::string(12, 'm') + std::string("\x86\xdd", 2) + packet({});  // IPv4 called IPv6
    EXPECT_EQ(decode(wrong, Link::ethernet, segment), Decoded::malformed);
}

TEST(Packet, OtherProtocolsAreNamed) {
    Segment segment;
    EXPECT_EQ(decode(ipv4("12345678", true, true, 0, 0, 17), Link::raw, segment), Decoded::not_tcp);
    const std::string arp = std::string(12, 'm') + "\x08\x06" + std::string(28, 'a');
    EXPECT_EQ(decode(arp, Link::ethernet, segment), Decoded::not_ip);
}

TEST(Packet, OptionsOfASyn) {
    const std::string options("\2\4\x05\xb4\4\2\x08\x0a\0\0\0\7\0\0\0\x09\1\3\3\x0f", 20);
    const std::string bytes = packet({.flags = flag::syn, .options = options});
    Segment segment;
    ASSERT_EQ(decode(bytes, Link::raw, segment), Decoded::ok);
    EXPECT_EQ(segment.options.mss, 1460);
    EXPECT_TRUE(segment.options.sack_permitted);
    EXPECT_EQ(segment.options.timestamp, 7U);
    EXPECT_EQ(segment.options.timestamp_echo, 9U);
    EXPECT_EQ(segment.options.window_shift, 14);  // 15 is not allowed
    EXPECT_FALSE(segment.options.malformed);
}

TEST(Packet, AnOptionThatLeadsOutOfTheHeaderIsMalformed) {
    const std::string bytes = packet({.options = std::string("\2\x28\0\0", 4)});
    Segment segment;
    ASSERT_EQ(decode(bytes, Link::raw, segment), Decoded::ok);
    EXPECT_TRUE(segment.options.malformed);
    EXPECT_FALSE(segment.options.has_mss);
}

TEST(Packet, SackBlocks) {
    const std::string sack("\1\1\5\x12\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4", 20);
    const std::string bytes = packet({.options = sack});
    Segment segment;
    ASSERT_EQ(decode(bytes, Link::raw, segment), Decoded::ok);
    ASSERT_EQ(segment.options.sack_count, 2);
    EXPECT_EQ(segment.options.sack[1].right, 4U);
}

TEST(Packet, Checksums) {
    Segment segment;
    std::string bytes = packet({.payload = "odd"});
    ASSERT_EQ(decode(bytes, Link::raw, segment), Decoded::ok);
    EXPECT_EQ(verify_checksum(segment), Checksum::good);
    bytes.back() = '!';
    ASSERT_EQ(decode(bytes, Link::raw, segment), Decoded::ok);
    EXPECT_EQ(verify_checksum(segment), Checksum::bad);
}

TEST(Packet, ExtensionHeadersAreSteppedOver) {
    std::string chain("\x2b\0\0\0\0\0\0\0", 8);            // hop-by-hop, then routing
    chain += std::string("\x3c\0\0\0\0\0\0\0", 8);         // routing, then destination
    chain += std::string("\6\1", 2) + std::string(14, 0);  // destination of 16 bytes, then TCP
    const std::string bytes = ipv6(chain + tcp_bytes({.payload = "in"}), true, 0);
    Segment segment;
    ASSERT_EQ(decode(bytes, Link::raw, segment), Decoded::ok);
    EXPECT_EQ(segment.payload, "in");
}

TEST(Packet, Texts) {
    EXPECT_EQ(flags_text(flag::syn | flag::ack), "SYN, ACK");
    EXPECT_EQ(flags_text(0), "<None>");
    Segment segment;
    const std::string bytes = ipv6(tcp_bytes({}), true);
    ASSERT_EQ(decode(bytes, Link::raw, segment), Decoded::ok);
    EXPECT_EQ(to_string(segment.from), "[2001:db8::1]:40000");
}

// ---- fragments

IpPacket fragment(std::string_view payload, std::uint32_t offset, bool more, std::uint32_t id = 7) {
    IpPacket one;
    one.from.size = one.to.size = 4;
    one.protocol = 6;
    one.id = id;
    one.offset = offset;
    one.more_fragments = more;
    one.fragment = true;
    one.length = static_cast<std::uint32_t>(payload.size());
    one.payload = payload;
    return one;
}

TEST(Fragments, AnyOrderGivesTheWhole) {
    Fragments fragments;
    IpPacket last = fragment("cc", 16, false);
    IpPacket first = fragment("aaaaaaaa", 0, true);
    IpPacket middle = fragment("bbbbbbbb", 8, true);
    EXPECT_FALSE(fragments.add(last));
    EXPECT_FALSE(fragments.add(first));
    ASSERT_TRUE(fragments.add(middle));
    EXPECT_EQ(middle.payload, "aaaaaaaabbbbbbbbcc");
    EXPECT_FALSE(middle.fragment);
    EXPECT_EQ(fragments.waiting(), 0U);
}

TEST(Fragments, WhatCameFirstCounts) {
    Fragments fragments;
    IpPacket first = fragment("aaaaaaaa", 0, true);
    IpPacket other = fragment("XXXXXXXX", 0, true);
    IpPacket last = fragment("bb", 8, false);
    EXPECT_FALSE(fragments.add(first));
    EXPECT_FALSE(fragments.add(other));
    ASSERT_TRUE(fragments.add(last));
    EXPECT_EQ(last.payload, "aaaaaaaabb");
}

TEST(Fragments, BadFragmentsGiveTheDatagramUp) {
    Fragments fragments;
    IpPacket uneven = fragment("abc", 0, true);
    EXPECT_FALSE(fragments.add(uneven));
    EXPECT_EQ(fragments.waiting(), 0U);
    IpPacket far = fragment("abcdefgh", 65'528, true);
    EXPECT_FALSE(fragments.add(far));
    EXPECT_EQ(fragments.waiting(), 0U);
}

TEST(Fragments, TheNumberOfDatagramsIsBounded) {
    Fragments fragments;
    for (std::uint32_t id = 0; id < 1000; ++id) {
        IpPacket first = fragment("aaaaaaaa", 0, true, id);
        EXPECT_FALSE(fragments.add(first));
    }
    EXPECT_EQ(fragments.waiting(), Fragments::kDatagramsMax);
}

}  // namespace
}  // namespace sluice::wire

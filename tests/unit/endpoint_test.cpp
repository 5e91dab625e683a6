#include "core/endpoint.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sluice {

namespace {

std::string again(std::string_view text) {
    const auto endpoint = Endpoint::parse(text);
    return endpoint ? endpoint->to_string() : "refused";
}

}  // namespace

TEST(Endpoint, AcceptsEveryFormAndSaysItBack) {
    EXPECT_EQ(again("127.0.0.1:8080"), "127.0.0.1:8080");
    EXPECT_EQ(again("0.0.0.0:0"), "0.0.0.0:0");
    EXPECT_EQ(again("255.255.255.255:65535"), "255.255.255.255:65535");
    EXPECT_EQ(again("localhost:80"), "127.0.0.1:80");
    EXPECT_EQ(again("8080"), "[::]:8080");
    EXPECT_EQ(again(":8080"), "[::]:8080");
    EXPECT_EQ(again("[::1]:8080"), "[::1]:8080");
    EXPECT_EQ(again("unix:/run/sluice.sock"), "unix:/run/sluice.sock");
    EXPECT_EQ(again("unix:relative:with:colons"), "unix:relative:with:colons");
}

// RFC 4291 section 2.2 for what is read, RFC 5952 section 4 for what is written.
TEST(Endpoint, Ipv6) {
    EXPECT_EQ(again("[::]:1"), "[::]:1");
    EXPECT_EQ(again("[1::]:1"), "[1::]:1");
    EXPECT_EQ(again("[2001:DB8::00A]:1"), "[2001:db8::a]:1");
    EXPECT_EQ(again("[1:2:3:4:5:6:7:8]:1"), "[1:2:3:4:5:6:7:8]:1");
    EXPECT_EQ(again("[1:0:0:2:0:0:0:3]:1"), "[1:0:0:2::3]:1");       // the longest run
    EXPECT_EQ(again("[1:0:0:2:3:0:0:4]:1"), "[1::2:3:0:0:4]:1");     // the first of equals
    EXPECT_EQ(again("[1:2:3:0:5:6:7:8]:1"), "[1:2:3:0:5:6:7:8]:1");  // one group stays
    EXPECT_EQ(again("[::ffff:192.0.2.1]:1"), "[::ffff:c000:201]:1");
    EXPECT_EQ(again("[1:2:3:4:5:6:192.0.2.1]:1"), "[1:2:3:4:5:6:c000:201]:1");
    EXPECT_EQ(again("[::2:3:4:5:6:7:8]:1"), "[0:2:3:4:5:6:7:8]:1");
    EXPECT_EQ(again("[1:2:3:4:5:6:7::]:1"), "[1:2:3:4:5:6:7:0]:1");
}

TEST(Endpoint, RefusesEverythingElse) {
    for (const std::string_view text : {"",
                                        ":",
                                        "x",
                                        "host:80",
                                        "127.0.0.1",
                                        "127.0.0.1:",
                                        "127.0.0.1:65536",
                                        "127.0.0.1:-1",
                                        "127.0.0.1:80x",
                                        "127.0.0.1: 80",
                                        "127.0.0.1:+80",
                                        "127.0.0:80",
                                        "127.0.0.0.1:80",
                                        "127.0.0.256:80",
                                        "127.0.0.0001:80",
                                        "127..0.1:80",
                                        " 127.0.0.1:80",
                                        "127.0.0.1x:80",
                                        "[::1]",
                                        "[::1]8080",
                                        "[::1:8080",
                                        "::1]:8080",
                                        "[]:80",
                                        "[:]:80",
                                        "[:::]:80",
                                        "[1::2::3]:80",
                                        "[1:2:3:4:5:6:7]:80",
                                        "[1:2:3:4:5:6:7:8:9]:80",
                                        "[1:2:3:4:5:6:7:8::]:80",
                                        "[::1:2:3:4:5:6:7:8]:80",
                                        "[12345::]:80",
                                        "[g::]:80",
                                        "[1:]:80",
                                        "[:1]:80",
                                        "[::1.2.3]:80",
                                        "[::1.2.3.4:5]:80",
                                        "[1:2:3:4:5:6:7:1.2.3.4]:80",
                                        "[::1%eth0]:80",
                                        "[-1::]:80",
                                        "unix:",
                                        "http://127.0.0.1:80",
                                        "127.0.0.1:80/"}) {
        const auto endpoint = Endpoint::parse(text);
        ASSERT_FALSE(endpoint) << text << " became " << endpoint->to_string();
        EXPECT_EQ(endpoint.error().status, Status::address_invalid);
        EXPECT_NE(endpoint.error().what.find("'" + std::string(text) + "'"), std::string::npos);
    }
    using namespace std::string_view_literals;
    EXPECT_FALSE(Endpoint::parse("unix:/a\0b"sv));
}

TEST(Endpoint, SaysWhatToWriteInstead) {
    const auto why = [](std::string_view text) { return Endpoint::parse(text).error().what; };
    const auto quoted = [](const std::string& text) {
        return "'" + text + "' is not an address: ";
    };
    EXPECT_EQ(why("localhost"),
              quoted("localhost") + "the port is missing; localhost:8080 has one");
    EXPECT_EQ(why("127.0.0.1"),
              quoted("127.0.0.1") + "the port is missing; 127.0.0.1:8080 has one");
    EXPECT_EQ(why("[::1]"), quoted("[::1]") + "the port is missing; [::1]:8080 has one");
    for (const std::string text : {"fe80::a", "::1", "::1:8080"}) {
        EXPECT_EQ(why(text), quoted(text) + "an IPv6 address stands in brackets: [ADDRESS]:PORT");
    }
    EXPECT_EQ(why("127.0.0.1:65536"), quoted("127.0.0.1:65536") + "a port is at most 65535");
    EXPECT_EQ(why("99999"), quoted("99999") + "a port is at most 65535");
    EXPECT_EQ(why("*:80"), quoted("*:80") + "every address is written as the port alone");
    EXPECT_EQ(why("/run/x"), quoted("/run/x") + "a Unix socket is written unix:/run/x");
    EXPECT_EQ(why("http://127.0.0.1:80"),
              quoted("http://127.0.0.1:80") + "expected HOST:PORT, without http://");
    EXPECT_EQ(
        why("example.org:80"),
        quoted("example.org:80") + "the host is not an IPv4 address (names are not looked up)");
}

TEST(Endpoint, EveryAddress) {
    for (const char* text : {"8080", ":0", "[::]:8080", "0.0.0.0:8080"}) {
        EXPECT_TRUE(Endpoint::parse(text)->is_any()) << text;
    }
    for (const char* text : {"127.0.0.1:8080", "[::1]:0", "0.0.0.1:1", "unix:/run/x"}) {
        EXPECT_FALSE(Endpoint::parse(text)->is_any()) << text;
    }
    EXPECT_FALSE(Endpoint{}.is_any());
}

TEST(Endpoint, TheHostAlone) {
    EXPECT_EQ(Endpoint::parse("10.1.2.3:80")->host(), "10.1.2.3");
    EXPECT_EQ(Endpoint::parse("[fe80::1]:80")->host(), "fe80::1");
    EXPECT_EQ(Endpoint::parse("unix:/run/x")->host(), "unix:");
    EXPECT_EQ(Endpoint{}.host(), "-");
    EXPECT_EQ(Endpoint{}.to_string(), "-");
}

TEST(Endpoint, EqualMeansTheSamePlace) {
    EXPECT_EQ(*Endpoint::parse("[0:0::1]:80"), *Endpoint::parse("[::1]:80"));
    EXPECT_NE(*Endpoint::parse("127.0.0.1:80"), *Endpoint::parse("127.0.0.1:81"));
    EXPECT_NE(*Endpoint::parse("127.0.0.1:80"), *Endpoint::parse("127.0.0.2:80"));
}

}  // namespace sluice

// The request parser: what it takes, what it refuses, and that no cut of the bytes changes either.
#include "http1/parser.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "http/syntax.h"

namespace sluice::http {
namespace {

using std::string;
using std::string_view;

constexpr string_view kBrowser =
    "GET /static/computer-network.jpg?v=1 HTTP/1.1\r\n"
    "Host: 127.0.0.1:5000\r\n"
    "Connection: keep-alive\r\n"
    "sec-ch-ua: \"Chromium\";v=\"106\", \"Not;A=Brand\";v=\"99\"\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
    "Accept: image/avif,*/*;q=0.8\r\n"
    "Referer: http://127.0.0.1:5000/\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "If-None-Match: \"abc\"\r\n"
    "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Cookie: a=b\r\n"
    "\r\n";

// Everything a head leads to, as text, so that outcomes can be compared.
string describe(const HeadResult& result, const Http1Request& r) {
    string text = std::to_string(result.status) + " " + std::to_string(result.bytes);
    if (!result.complete()) {
        return text;
    }
    text += " m" + std::to_string(static_cast<int>(r.method)) + " v" +
            std::to_string(r.version_minor) + (r.keep_alive ? " keep" : " close") +
            (r.asterisk ? " *" : "") + (r.expect_continue ? " expect" : "") + " body" +
            std::to_string(static_cast<int>(r.body)) + ":" + std::to_string(r.content_length);
    for (const string_view view :
         {r.method_text, r.target, r.query, r.raw_path, r.authority, r.range, r.if_match,
          r.if_none_match, r.if_modified_since, r.if_unmodified_since, r.if_range,
          r.accept_encoding, r.user_agent, r.referer}) {
        text += present(view) ? "|" + string(view) : "|-";
    }
    return text;
}

struct Parse {
    HeadResult result;
    Http1Request request;
    string text;
};

class ParserTest : public ::testing::Test {
  protected:
    // Parses the whole at once.
    Parse whole(string_view bytes) {
        HeadScan scan;
        Parse parse;
        parse.result = parser_.parse(bytes, scan);
        parse.request = parser_.request();
        parse.text = describe(parse.result, parse.request);
        return parse;
    }

    // Grows the prefix by the given steps, as a session does, and stops at the first verdict.
    string in_steps(string_view bytes, const std::vector<std::size_t>& sizes) {
        HeadScan scan;
        HeadResult result;
        for (const std::size_t size : sizes) {
            const string copy(bytes.substr(0, size));  // so that a read beyond it is caught
            result = parser_.parse(copy, scan);
            if (!result.incomplete()) {
                return describe(result, parser_.request());
            }
        }
        return describe(result, parser_.request());
    }

    // Every two-way cut, and byte by byte.
    void expect_same_for_every_cut(string_view bytes) {
        const string expected = whole(bytes).text;
        std::vector<std::size_t> every;
        for (std::size_t cut = 1; cut <= bytes.size(); ++cut) {
            every.push_back(cut);
            EXPECT_EQ(in_steps(bytes, {cut, bytes.size()}), expected) << "cut at " << cut;
        }
        EXPECT_EQ(in_steps(bytes, every), expected) << "byte by byte";
    }

    std::uint16_t status(string_view bytes) {
        expect_same_for_every_cut(bytes);
        return whole(bytes).result.status;
    }
    std::uint16_t status_of_field(string_view lines, string_view version = "HTTP/1.1") {
        return status("GET / " + string(version) + "\r\nHost: a\r\n" + string(lines) + "\r\n\r\n");
    }
    // Its views stay valid as long as the test (joined lists: until the next parse).
    Http1Request request(string_view given) {
        const string& bytes = kept_.emplace_back(given);
        expect_same_for_every_cut(bytes);
        Parse parse = whole(bytes);
        EXPECT_EQ(parse.result.status, 200) << bytes;
        return parse.request;
    }
    Http1Request with_fields(string_view lines, string_view version = "HTTP/1.1") {
        return request("GET / " + string(version) + "\r\nHost: a\r\n" + string(lines) + "\r\n\r\n");
    }

    Limits limits_;
    RequestParser parser_{limits_};
    std::deque<string> kept_;
};

TEST_F(ParserTest, ABrowsersHeadIsKeptInParts) {
    const Http1Request r = request(kBrowser);
    EXPECT_EQ(whole(kBrowser).result.bytes, kBrowser.size());
    EXPECT_EQ(r.method, Method::get);
    EXPECT_EQ(r.version_minor, 1);
    EXPECT_TRUE(r.keep_alive);
    EXPECT_EQ(r.method_text, "GET");
    EXPECT_EQ(r.target, "/static/computer-network.jpg?v=1");
    EXPECT_EQ(r.raw_path, "/static/computer-network.jpg");
    EXPECT_EQ(r.query, "?v=1");
    EXPECT_EQ(r.authority, "127.0.0.1:5000");
    EXPECT_EQ(r.user_agent, "Mozilla/5.0 (X11; Linux x86_64)");
    EXPECT_EQ(r.referer, "http://127.0.0.1:5000/");
    EXPECT_EQ(r.accept_encoding, "gzip, deflate, br");
    EXPECT_EQ(r.if_none_match, "\"abc\"");
    EXPECT_EQ(r.if_modified_since, "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_FALSE(present(r.range));
    EXPECT_FALSE(present(r.if_match));
}

TEST_F(ParserTest, TheHeadEndsAtTheEmptyLine) {
    const string two = "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
    EXPECT_EQ(whole(two).result.bytes, two.size() / 2);
    expect_same_for_every_cut(two);
    EXPECT_EQ(whole("GET / HTTP/1.0\r\n\r\n").result.bytes, 18U);
}

TEST_F(ParserTest, EveryPrefixOfAHeadIsIncomplete) {
    for (std::size_t size = 1; size < kBrowser.size(); ++size) {
        EXPECT_TRUE(whole(string(kBrowser.substr(0, size))).result.incomplete()) << size;
    }
}

TEST_F(ParserTest, FieldNamesMatchInAnyCaseAndOnlyWhole) {
    const Http1Request r = with_fields(
        "rANGE: a\r\nIF-MATCH: b\r\nif-range: c\r\nIf-Unmodified-Since: d\r\nEXPECT: x\r\n"
        "X-Range: no\r\nRangs: no\r\nIf-Matcy: no");
    EXPECT_EQ(r.range, "a");
    EXPECT_EQ(r.if_match, "b");
    EXPECT_EQ(r.if_range, "c");
    EXPECT_EQ(r.if_unmodified_since, "d");
}

// RFC 9112 section 5.1: white space around a value is not part of it.
TEST_F(ParserTest, ValuesAreTrimmed) {
    EXPECT_EQ(with_fields("Range: \t bytes=0-1 \t ").range, "bytes=0-1");
    EXPECT_EQ(with_fields("Range:bytes=0-1").range, "bytes=0-1");
    EXPECT_EQ(with_fields("User-Agent: a\tb  c").user_agent, "a\tb  c");
}

TEST_F(ParserTest, AnEmptyValueIsPresent) {
    for (const char* blanks : {"", " ", " \t "}) {
        const Http1Request r = with_fields(string("Range:") + blanks + "\r\nReferer:" + blanks);
        EXPECT_TRUE(present(r.range));
        EXPECT_EQ(r.range, "");
        EXPECT_TRUE(present(r.referer));
    }
}

TEST_F(ParserTest, ValuesMayHoldBytesBeyondAscii) {
    EXPECT_EQ(with_fields("Referer: \xe4\xb8\xad").referer, "\xe4\xb8\xad");
}

// RFC 9110 section 5.3.
TEST_F(ParserTest, RepeatedListFieldsAreJoined) {
    const Http1Request r = with_fields(
        "If-None-Match: \"a\"\r\nAccept-Encoding: br\r\nIf-None-Match: \"b\"\r\n"
        "If-Match: \"x\"\r\nIf-None-Match: \"c\"\r\nAccept-Encoding: gzip\r\n"
        "Accept-Encoding: zstd\r\nIf-Match: \"y\"\r\nIf-None-Match: \"d\"");
    EXPECT_EQ(r.if_none_match, "\"a\", \"b\", \"c\", \"d\"");
    EXPECT_EQ(r.if_match, "\"x\", \"y\"");
    EXPECT_EQ(r.accept_encoding, "br, gzip, zstd");
}

TEST_F(ParserTest, OfOtherRepeatedFieldsTheLastCounts) {
    EXPECT_EQ(with_fields("Range: a\r\nRange: b").range, "b");
    EXPECT_EQ(with_fields("User-Agent: a\r\nUser-Agent: b").user_agent, "b");
}

// RFC 9112 section 2.2.
TEST_F(ParserTest, OneEmptyLineMayPrecede) {
    EXPECT_EQ(request("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").target, "/");
    EXPECT_EQ(status("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    EXPECT_EQ(status("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    HeadScan scan;
    EXPECT_TRUE(parser_.parse("\r\n", scan).incomplete());
    EXPECT_FALSE(scan.begun(2));
    EXPECT_TRUE(scan.begun(3));
}

// RFC 9112 section 3.
TEST_F(ParserTest, MalformedRequestLines) {
    for (const char* line : {"GET  / HTTP/1.1",
                             "GET /  HTTP/1.1",
                             " GET / HTTP/1.1",
                             "GET / HTTP/1.1 ",
                             "GET /",
                             "GET",
                             "",
                             "GET / ",
                             "GET HTTP/1.1",
                             "GET  HTTP/1.1",
                             "/ HTTP/1.1",
                             "GET / http/1.1",
                             "GET / HTTP/1",
                             "GET / HTTP/1.",
                             "GET / HTTP/11",
                             "GET / HTTP/1.1.1",
                             "GET / HTTP/01.1",
                             "GET / HTTP/a.1",
                             "GET / HTTP 1.1",
                             "GET / HTTPS/1.1",
                             "GET\t/ HTTP/1.1",
                             "GET /\tHTTP/1.1",
                             "GET /a b HTTP/1.1",
                             "G(T / HTTP/1.1",
                             "GET /\x7f HTTP/1.1",
                             "GET /a#b HTTP/1.1",
                             "GET a HTTP/1.1",
                             "GET ?a HTTP/1.1",
                             "G\xc3T / HTTP/1.1"}) {
        EXPECT_EQ(status(string(line) + "\r\nHost: a\r\n\r\n"), 400) << line;
    }
}

TEST_F(ParserTest, TheRequestLineIsJudgedBeforeTheFieldsAreThere) {
    EXPECT_EQ(status("GET /\r\n"), 400);  // HTTP/0.9
    EXPECT_EQ(status("GET / HTTP/2.0\r\n"), 505);
    EXPECT_EQ(status("GET / HTTP/2.0\r\nbad\nfield"), 505);
}

// RFC 9110 section 2.5.
TEST_F(ParserTest, Versions) {
    EXPECT_EQ(request("GET / HTTP/1.0\r\n\r\n").version_minor, 0);
    for (const char* version : {"HTTP/0.9", "HTTP/2.0", "HTTP/2.1", "HTTP/3.0", "HTTP/9.9"}) {
        EXPECT_EQ(status("GET / " + string(version) + "\r\nHost: a\r\n\r\n"), 505) << version;
    }
    EXPECT_EQ(status("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
    // They are processed as the highest minor version that is known here.
    for (const char* version : {"HTTP/1.1", "HTTP/1.2", "HTTP/1.9"}) {
        const Http1Request& r = request("GET / " + string(version) + "\r\nHost: a\r\n\r\n");
        EXPECT_EQ(r.version_minor, 1) << version;
        EXPECT_TRUE(r.keep_alive) << version;
        EXPECT_EQ(status("GET / " + string(version) + "\r\n\r\n"), 400) << version;
    }
}

TEST_F(ParserTest, Methods) {
    const auto method = [this](string_view name) {
        return request(string(name) + " / HTTP/1.1\r\nHost: a\r\n\r\n").method;
    };
    EXPECT_EQ(method("GET"), Method::get);
    EXPECT_EQ(method("HEAD"), Method::head);
    EXPECT_EQ(method("OPTIONS"), Method::options);
    for (const char* known : {"POST", "PUT", "DELETE", "TRACE", "PATCH", "PROPFIND", "ACL",
                              "VERSION-CONTROL", "UPDATEREDIRECTREF", "QUERY"}) {
        EXPECT_EQ(method(known), Method::other_known) << known;
    }
    for (const char* unknown : {"get", "Get", "GETS", "GE", "X", "M-SEARCH", "!#$%&'*+-.^_`|~"}) {
        EXPECT_EQ(method(unknown), Method::unknown) << unknown;
    }
}

// RFC 9112 section 3.2.
TEST_F(ParserTest, TargetForms) {
    const Http1Request absolute =
        request("GET http://example.org:80/a?b HTTP/1.1\r\nHost: other\r\n\r\n");
    EXPECT_EQ(absolute.authority, "example.org:80");
    EXPECT_EQ(absolute.raw_path, "/a");
    EXPECT_EQ(absolute.query, "?b");
    EXPECT_EQ(request("GET HTTP://a HTTP/1.1\r\nHost: a\r\n\r\n").raw_path, "/");
    const Http1Request query = request("GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(query.raw_path, "/");
    EXPECT_EQ(query.query, "?q");
    EXPECT_EQ(request("GET https://[::1]/ HTTP/1.1\r\nHost: a\r\n\r\n").authority, "[::1]");
    for (const char* target : {"http://", "http:///a", "http:/a", "ftp://a/", "http://u@a/",
                               "http://a:99999/", "http://a:b/", "http://:80/", "http", "*"}) {
        EXPECT_EQ(status("GET " + string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n"), 400) << target;
    }
    EXPECT_TRUE(request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").asterisk);
    EXPECT_TRUE(request("OPTIONS http://a:1 HTTP/1.1\r\nHost: a\r\n\r\n").asterisk);
    EXPECT_FALSE(request("OPTIONS http://a/ HTTP/1.1\r\nHost: a\r\n\r\n").asterisk);
    EXPECT_EQ(status("OPTIONS *a HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    EXPECT_EQ(request("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n").method, Method::other_known);
    for (const char* target : {"a", "a:", ":443", "/a", "[::1]", "*", "a:b"}) {
        EXPECT_EQ(status("CONNECT " + string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n"), 400)
            << target;
    }
    EXPECT_EQ(request("GET /\xe4\xb8\xad HTTP/1.1\r\nHost: a\r\n\r\n").target, "/\xe4\xb8\xad");
}

// RFC 9112 section 3.2.
TEST_F(ParserTest, Host) {
    const auto with_host = [this](string_view lines, string_view version = "HTTP/1.1") {
        return status("GET / " + string(version) + "\r\n" + string(lines) + "\r\n");
    };
    EXPECT_EQ(with_host(""), 400);
    EXPECT_EQ(with_host("", "HTTP/1.0"), 200);
    EXPECT_EQ(with_host("Host: a\r\nHost: a\r\n"), 400);
    EXPECT_EQ(with_host("Host: a\r\nHost: a\r\n", "HTTP/1.0"), 400);
    EXPECT_EQ(with_host("Host: a b\r\n", "HTTP/1.0"), 400);
    for (const char* good : {"", "a", "a.b-c_d~", "a:80", "a:", "1.2.3.4:65535", "[::1]",
                             "[1:2::1.2.3.4]:80", "%41", "a%2Fb", "a,b", "xn--fiqs8s"}) {
        EXPECT_EQ(with_host("Host: " + string(good) + "\r\n"), 200) << good;
    }
    for (const char* bad :
         {"a b",   "a/b",  "a@b",       "a:b", "a:65536", "a:1:2", "[::1",        "[::1]x",
          "[]",    "[12]", "[::1%25a]", "::1", "%4",      "%",     "%zz",         "a\\b",
          "\"a\"", "a\tb", "http://a",  "a?b", "a#b",     "<a>",   "\xe4\xb8\xad"}) {
        EXPECT_EQ(with_host("Host: " + string(bad) + "\r\n"), 400) << bad;
    }
}

// RFC 9112 sections 2.2, 5.1 and 5.2, RFC 9110 section 5.5.
TEST_F(ParserTest, MalformedFieldLines) {
    using namespace std::string_literals;
    for (const string& lines : {"A : b"s,
                                "A\t: b"s,
                                "A b: c"s,
                                ": b"s,
                                " A: b"s,
                                "A: b\r\n c"s,
                                "A: b\r\n\tc"s,
                                "A:\r\n b"s,
                                "A: b\r\n "s,
                                "A"s,
                                "A\r\nB: c"s,
                                "A: b\nB: c"s,
                                "A: b\rB: c"s,
                                "A: b\r\r"s,
                                "A: b\0c"s,
                                "A: \x01"s,
                                "A: \x1b[31m"s,
                                "A: \x7f"s,
                                "A\0: b"s,
                                "A\x7f: b"s,
                                "(A): b"s,
                                "A\xe4: b"s,
                                "\"A\": b"s,
                                "Host : a"s,
                                "Content-Length : 1"s,
                                "A: b\r\n\n"s,
                                "Connection: close\r\n , x"s,
                                "Content-Length: 1\r\n 2"s}) {
        EXPECT_EQ(status_of_field(lines), 400) << lines;
    }
}

TEST_F(ParserTest, FieldNamesAreTokensToTheByte) {
    for (int byte = 0; byte < 256; ++byte) {
        const string name = "A" + string(1, static_cast<char>(byte)) + "b";
        const bool fine = is_token(name) || byte == ':';
        EXPECT_EQ(whole("GET / HTTP/1.1\r\nHost: a\r\n" + name + ": c\r\n\r\n").result.status,
                  fine ? 200 : 400)
            << byte;
    }
}

TEST_F(ParserTest, ValuesHoldNoControlByte) {
    for (int byte = 0; byte < 256; ++byte) {
        const bool fine = (byte >= 0x20 && byte != 0x7f) || byte == '\t';
        EXPECT_EQ(whole("GET / HTTP/1.1\r\nHost: a\r\nA: b" + string(1, static_cast<char>(byte)) +
                        "c\r\n\r\n")
                      .result.status,
                  fine ? 200 : 400)
            << byte;
    }
}

TEST_F(ParserTest, OtherProtocolsAreRefusedAtTheirFirstControlByte) {
    EXPECT_EQ(status(string("\x16\x03\x01\x02\x00", 5)), 400);  // a TLS client hello
}

// RFC 9112 sections 6.1 to 6.3.
TEST_F(ParserTest, Framing) {
    EXPECT_EQ(with_fields("Content-Length: 5").content_length, 5U);
    EXPECT_EQ(with_fields("Content-Length: 5").body, BodyKind::length);
    EXPECT_EQ(with_fields("Content-Length: 0005").content_length, 5U);
    EXPECT_EQ(with_fields("Content-Length: 0").body, BodyKind::none);
    EXPECT_EQ(with_fields("Content-Length: 9223372036854775799").content_length,
              9223372036854775799U);
    EXPECT_EQ(with_fields("Transfer-Encoding: Chunked ").body, BodyKind::chunked);
    for (const char* lines : {"Content-Length: 5\r\nContent-Length: 5",
                              "Content-Length: 5\r\nContent-Length: 6",
                              "Content-Length: 0\r\nContent-Length: 0",
                              "Content-Length: 5, 5",
                              "Content-Length: ",
                              "Content-Length: -1",
                              "Content-Length: +1",
                              "Content-Length: 0x5",
                              "Content-Length: 5 5",
                              "Content-Length: 5a",
                              "Content-Length: 18446744073709551616",
                              "Content-Length: 9223372036854775808",
                              "Content-Length: 99999999999999999999999999",
                              "Content-Length: 5\r\nTransfer-Encoding: chunked",
                              "Transfer-Encoding: chunked\r\nContent-Length: 0",
                              "Transfer-Encoding: gzip",
                              "Transfer-Encoding: gzip, chunked",
                              "Transfer-Encoding: chunked, chunked",
                              "Transfer-Encoding: chunked, identity",
                              "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                              "Transfer-Encoding: identity",
                              "Transfer-Encoding: xchunked",
                              "Transfer-Encoding: chunked;q=1",
                              "Transfer-Encoding: \"chunked\"",
                              "Transfer-Encoding: \x0b"
                              "chunked",
                              "Transfer-Encoding:",
                              "Transfer-Encoding : chunked"}) {
        EXPECT_EQ(status_of_field(lines), 400) << lines;
    }
    EXPECT_EQ(status_of_field("Transfer-Encoding: chunked", "HTTP/1.0"), 400);
}

// RFC 9112 section 9.3.
TEST_F(ParserTest, KeepAlive) {
    EXPECT_FALSE(with_fields("Connection: close").keep_alive);
    EXPECT_FALSE(with_fields("Connection: x, Close").keep_alive);
    EXPECT_FALSE(with_fields("Connection: keep-alive\r\nConnection: close").keep_alive);
    EXPECT_TRUE(with_fields("Connection: closed").keep_alive);
    EXPECT_TRUE(with_fields("Connection: upgrade\r\nUpgrade: h2c").keep_alive);
    EXPECT_TRUE(with_fields("Proxy-Connection: close").keep_alive);
    EXPECT_FALSE(with_fields("A: b", "HTTP/1.0").keep_alive);
    EXPECT_TRUE(with_fields("Connection: Keep-Alive", "HTTP/1.0").keep_alive);
    EXPECT_FALSE(with_fields("Connection: keep-alive, close", "HTTP/1.0").keep_alive);
}

// RFC 9110 section 10.1.1.
TEST_F(ParserTest, ExpectContinue) {
    EXPECT_TRUE(with_fields("Expect: 100-Continue\r\nContent-Length: 1").expect_continue);
    EXPECT_FALSE(with_fields("Expect: 100-continue").expect_continue);
    EXPECT_FALSE(with_fields("Expect: x\r\nContent-Length: 1").expect_continue);
    EXPECT_FALSE(
        with_fields("Expect: 100-continue\r\nContent-Length: 1", "HTTP/1.0").expect_continue);
}

class ParserLimitsTest : public ParserTest {
  protected:
    // The base makes its parser before these limits could reach it; small_status() makes its own.
    static Limits small() {
        Limits limits;
        limits.request_line_bytes = 32;
        limits.head_bytes = 128;
        limits.fields = 4;
        return limits;
    }
    std::uint16_t small_status(string_view bytes) {
        RequestParser parser(small());
        HeadScan whole_scan;
        const std::uint16_t expected = parser.parse(bytes, whole_scan).status;
        HeadScan scan;
        HeadResult result;
        for (std::size_t size = 1; size <= bytes.size() && result.incomplete(); ++size) {
            result = parser.parse(string(bytes.substr(0, size)), scan);
        }
        EXPECT_EQ(result.status, expected) << "byte by byte";
        return expected;
    }
};

TEST_F(ParserLimitsTest, RequestLine) {
    const auto line = [](std::size_t size) {
        return "GET /" + string(size - 14, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
    };
    EXPECT_EQ(small_status(line(32)), 200);
    EXPECT_EQ(small_status(line(33)), 414);
    EXPECT_EQ(small_status("\r\n" + line(32)), 200);
    EXPECT_EQ(small_status("\r\n" + line(33)), 414);
    EXPECT_EQ(small_status(string(33, 'a')), 414);
    EXPECT_EQ(small_status(string(33, '\t')), 414);
    EXPECT_EQ(small_status(string(32, 'a')), 0);
    EXPECT_EQ(small_status(string(32, 'a') + "\r"), 0);
    EXPECT_EQ(small_status(string(32, 'a') + "\r\n"), 400);
    EXPECT_EQ(small_status(string(32, 'a') + "\n"), 400);
    EXPECT_EQ(small_status(string(33, 'a') + "\n"), 414);
}

TEST_F(ParserLimitsTest, Head) {
    const auto head = [](std::size_t size) {
        const string text = "GET / HTTP/1.1\r\nHost: a\r\nA: ";
        return text + string(size - text.size() - 4, 'a') + "\r\n\r\n";
    };
    EXPECT_EQ(small_status(head(128)), 200);
    EXPECT_EQ(small_status(head(129)), 431);
    EXPECT_EQ(small_status(head(1000)), 431);
    EXPECT_EQ(small_status(head(129).substr(0, 128)), 431);
    EXPECT_EQ(small_status(head(129).substr(0, 127)), 0);
    EXPECT_EQ(small_status(head(200).substr(0, 128) + "\n"), 431);
}

TEST_F(ParserLimitsTest, Fields) {
    const string head = "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nA: b\r\n";
    EXPECT_EQ(small_status(head + "A: b\r\n\r\n"), 200);
    EXPECT_EQ(small_status(head + "A: b\r\nA: b\r\n\r\n"), 431);
}

TEST_F(ParserLimitsTest, JoinedListsThatNeedTooMuchRoom) {
    // The lines of three lists alternate: each line copies what its list has so far.
    string head = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 0; i < 32; ++i) {
        const string value(100, 'a');
        head += "If-Match: " + value + "\r\nIf-None-Match: " + value +
                "\r\nAccept-Encoding: " + value + "\r\n";
    }
    EXPECT_EQ(whole(head + "\r\n").result.status, 431);
}

}  // namespace
}  // namespace sluice::http

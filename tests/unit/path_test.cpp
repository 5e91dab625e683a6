#include "http/path.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "content/files.h"

namespace sluice::http {
namespace {

using namespace std::string_literals;

struct Normalised {
    PathStatus status;
    std::string text;
};

Normalised normalise(const std::string& raw) {
    // The buffer has exactly the promised size, so that a sanitizer sees a byte too many.
    std::vector<char> out(raw.size());
    const Path path = normalise_path(raw, out.data());
    return {path.status, std::string(path.text)};
}

std::string ok(const std::string& raw) {
    const Normalised result = normalise(raw);
    EXPECT_EQ(result.status, PathStatus::ok) << raw;
    return result.text;
}

TEST(Path, PlainPathsAreReturnedWithoutACopy) {
    for (const std::string raw :
         {"/", "/index.html", "/static/computer-network.jpg", "/a/b/", "/a.b/c..d/e.",
          "/~user/!$&'()*+,;=:@", "/a\\b", "/\xe4\xbd\xa0"}) {
        char out[64] = "untouched";
        const Path path = normalise_path(raw, out);
        EXPECT_EQ(path.status, PathStatus::ok);
        EXPECT_EQ(path.text.data(), raw.data()) << raw;
        EXPECT_EQ(path.text, raw);
        EXPECT_STREQ(out, "untouched");
    }
}

TEST(Path, EmptyIsTheRoot) {
    EXPECT_EQ(ok(""), "/");
}

TEST(Path, DecodesOnceOnly) {
    EXPECT_EQ(ok("/a%20b"), "/a b");
    EXPECT_EQ(ok("/%61%62%63"), "/abc");
    EXPECT_EQ(ok("/%E4%BD%a0"), "/\xe4\xbd\xa0");
    EXPECT_EQ(ok("/%25"), "/%");
    EXPECT_EQ(ok("/%252e%252e/a"), "/%2e%2e/a");
    EXPECT_EQ(ok("/%2500"), "/%00");
    EXPECT_EQ(ok("/a%3Fb%23c"), "/a?b#c");
    EXPECT_EQ(ok("/a%5Cb"), "/a\\b");
    EXPECT_EQ(ok("/%ff%80"), "/\xff\x80");
}

TEST(Path, ResolvesDotSegmentsAndStaysBelowTheRoot) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"/.", "/"},
        {"/..", "/"},
        {"/./", "/"},
        {"/../", "/"},
        {"/a/.", "/a/"},
        {"/a/./", "/a/"},
        {"/a/..", "/"},
        {"/a/../", "/"},
        {"/a/b/..", "/a/"},
        {"/a/b/../", "/a/"},
        {"/a/b/../c", "/a/c"},
        {"/a/./b", "/a/b"},
        {"/../../etc/passwd", "/etc/passwd"},
        {"/a/../../../b", "/b"},
        {"/a/b/c/./../../g", "/a/g"},  // RFC 3986 section 5.2.4's own example
        {"/%2e", "/"},
        {"/%2E%2e/b", "/b"},
        {"/.%2e/b", "/b"},
        {"/a/%2e./b", "/b"},
        {"/a/%2e/b", "/a/b"},
        {"/...", "/..."},
        {"/a/.../b", "/a/.../b"},
        {"/..a", "/..a"},
        {"/a..", "/a.."},
        {"/.a/..", "/"},
        {"/..%5c..", "/..\\.."},
    };
    for (const auto& [raw, expected] : cases) {
        EXPECT_EQ(ok(raw), expected) << raw;
    }
}

TEST(Path, SlashesInARowCountAsOne) {
    EXPECT_EQ(ok("//"), "/");
    EXPECT_EQ(ok("///a"), "/a");
    EXPECT_EQ(ok("/a//b"), "/a/b");
    EXPECT_EQ(ok("/a//"), "/a/");
    EXPECT_EQ(ok("/a//../b"), "/b");
    EXPECT_EQ(ok("//evil.example/.."), "/");
}

TEST(Path, RefusesBadEscapes) {
    for (const std::string raw : {"/%", "/%4", "/%4g", "/%g4", "/a%", "/a%2", "/%%41", "/% 1",
                                  "/%+1", "/%-1", "/%u0041", "/%\xff\xff"}) {
        EXPECT_EQ(normalise(raw).status, PathStatus::bad) << raw;
        EXPECT_EQ(normalise(raw).text, "");
    }
}

TEST(Path, RefusesEveryControlByteRawOrEscaped) {
    for (int byte = 0; byte < 256; ++byte) {
        const bool control = byte < 0x20 || byte == 0x7f;
        const char c = static_cast<char>(byte);
        char escape[4];
        std::snprintf(escape, sizeof escape, "%%%02x", static_cast<unsigned>(byte));
        for (const std::string prefix : {"/", "/a", "/a/longer-than-one-vector-of-bytes/"}) {
            for (const std::string suffix : {"", "b", "/longer-than-one-vector-of-bytes/b"}) {
                const PathStatus escaped = normalise(prefix + escape + suffix).status;
                const PathStatus expected = control       ? PathStatus::bad
                                            : byte == '/' ? PathStatus::not_found
                                                          : PathStatus::ok;
                EXPECT_EQ(escaped, expected) << byte;
                if (byte != '%') {
                    const PathStatus raw = normalise(prefix + c + suffix).status;
                    EXPECT_EQ(raw, control ? PathStatus::bad : PathStatus::ok) << byte;
                }
            }
        }
    }
    EXPECT_EQ(normalise("/a\0b"s).status, PathStatus::bad);
}

TEST(Path, EscapedSlashMatchesNothing) {
    EXPECT_EQ(normalise("/a%2fb").status, PathStatus::not_found);
    EXPECT_EQ(normalise("/%2F").status, PathStatus::not_found);
    EXPECT_EQ(normalise("/..%2f..%2fetc/passwd").status, PathStatus::not_found);
    EXPECT_EQ(normalise("/a%2fb/../c").status, PathStatus::not_found);
    EXPECT_EQ(normalise("/a%2fb").text, "");
    // A malformed path is bad, even with an escaped slash.
    EXPECT_EQ(normalise("/a%2fb%00").status, PathStatus::bad);
    EXPECT_EQ(normalise("/a%2fb%").status, PathStatus::bad);
}

TEST(Path, RefusesWhatDoesNotStartWithASlash) {
    EXPECT_EQ(normalise("a").status, PathStatus::bad);
    EXPECT_EQ(normalise("*").status, PathStatus::bad);
    EXPECT_EQ(normalise("%2f").status, PathStatus::bad);
    EXPECT_EQ(normalise("../a").status, PathStatus::bad);
    EXPECT_EQ(normalise("\\a").status, PathStatus::bad);
}

// The rule for one name, which everything on disk has to pass.
TEST(Path, NamesWithADotAreHiddenExceptWellKnown) {
    for (const char* name :
         {".git", ".htaccess", "...", "..a", ".", "..", ".well-known2", ".well-know", ".Well-Known",
          ".well-known ", "a\nb", "tab\t", "\x1b", "a\x7f"}) {
        EXPECT_FALSE(fs::servable_name(name)) << name;
    }
    for (const char* name :
         {"a", "a.b", "-", "~", ".well-known", "well-known", "\xe4\xb8\xad", "\xff", "%2e"}) {
        EXPECT_TRUE(fs::servable_name(name)) << name;
    }
    // Names that Windows reads as something else.
    for (const char* name : {"a.", "a..", " ", "\\"}) {
        EXPECT_EQ(fs::servable_name(name), fs::plain_name(name)) << name;
    }
}

// The same rules, written in the slow and obvious way.
std::optional<std::string> reference(const std::string& raw, PathStatus* status) {
    std::string decoded;
    bool slash = false;
    *status = PathStatus::bad;
    std::vector<std::string> segments;
    if (raw.empty() || raw[0] != '/') {
        return std::nullopt;
    }
    std::vector<std::string> parts(1);
    for (std::size_t i = 1; i < raw.size(); ++i) {
        if (raw[i] == '/') {
            parts.emplace_back();
            continue;
        }
        char c = raw[i];
        if (c == '%') {
            const std::string digits = raw.substr(i + 1, 2);
            if (digits.size() != 2 || !std::isxdigit(static_cast<unsigned char>(digits[0])) ||
                !std::isxdigit(static_cast<unsigned char>(digits[1]))) {
                return std::nullopt;
            }
            c = static_cast<char>(std::stoi(digits, nullptr, 16));
            i += 2;
            slash |= c == '/';
        }
        if (static_cast<unsigned char>(c) < 32 || c == 127) {
            return std::nullopt;
        }
        parts.back() += c;
    }
    *status = slash ? PathStatus::not_found : PathStatus::ok;
    if (slash) {
        return std::nullopt;
    }
    bool directory = false;
    for (const std::string& part : parts) {
        directory = part.empty() || part == "." || part == "..";
        if (!directory) {
            segments.push_back(part);
        } else if (part == ".." && !segments.empty()) {
            segments.pop_back();
        }
    }
    std::string result = "/";
    for (std::size_t i = 0; i < segments.size(); ++i) {
        result += segments[i];
        if (i + 1 < segments.size() || directory) {
            result += '/';
        }
    }
    return result;
}

TEST(Path, AgreesWithTheReferenceOnRandomPaths) {
    std::mt19937 random(20260901);
    const std::vector<std::string> pieces = {"/",   "/",   "/",    ".",   "..", "a",   "b.c",
                                             "%2e", "%2E", "%61",  "%25", "é",  "%2f", "%",
                                             "\\",  "%00", "\x7f", " ",   "//", "/./", "/../"};
    std::array<int, 3> seen{};
    for (int round = 0; round < 50'000; ++round) {
        std::string raw = "/";
        for (auto n = random() % 14; n > 0; --n) {
            // An error hides everything else about a path, so errors are rare.
            const std::size_t last = random() % 8 == 0 ? pieces.size() : 12;
            raw += pieces[random() % last];
        }
        PathStatus status;
        const std::optional<std::string> expected = reference(raw, &status);
        const Normalised result = normalise(raw);
        ASSERT_EQ(result.status, status) << raw;
        ASSERT_EQ(result.text, expected.value_or("")) << raw;
        ++seen[static_cast<std::size_t>(status)];
        if (status == PathStatus::ok && result.text.find('%') == std::string::npos) {
            ASSERT_EQ(ok(result.text), result.text) << "not idempotent: " << raw;
        }
    }
    for (const int count : seen) {
        EXPECT_GT(count, 500);
    }
}

}  // namespace
}  // namespace sluice::http

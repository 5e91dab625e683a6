#include "content/type.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace sluice::http {
namespace {

using namespace std::string_view_literals;

class ContentTypeTest : public testing::Test {
  protected:
    // The field value for a file that was read to its end, in chunks of `chunk` bytes.
    [[nodiscard]] std::string_view value(std::string_view name, std::string_view bytes,
                                         std::size_t chunk = SIZE_MAX) {
        TypeSniffer sniffer = types_.sniffer(name);
        for (std::size_t at = 0; at < bytes.size(); at += std::min(chunk, bytes.size() - at)) {
            sniffer.look(bytes.substr(at, chunk));
        }
        sniffer.end();
        EXPECT_TRUE(sniffer.decided());
        return types_.value_of(sniffer.verdict());
    }

    std::vector<MimeRule> rules_ = {
        {"fixed", "text/plain; charset=iso-8859-1"}, {"own", "text/x-own"}, {"bin", "a/b"}};
    ContentTypes types_{rules_};
};

TEST_F(ContentTypeTest, NamesAndBytes) {
    const std::vector<std::tuple<const char*, std::string_view, const char*>> cases = {
        {"a.txt", "caf\xc3\xa9", "text/plain; charset=utf-8"},
        {"a.txt", "", "text/plain; charset=utf-8"},
        {"a.txt", "caf\xe9", "text/plain"},
        {"a.txt", "caf\xc3", "text/plain"},
        {"a.txt", "\xff\xfex\0"sv, "text/plain"},
        {"a.txt", "x\0y\0"sv, "text/plain"},
        {"a.txt", "\xef\xbb\xbf x", "text/plain; charset=utf-8"},
        {"a.txt", "<meta charset=latin1>", "text/plain; charset=utf-8"},
        {"a.html", "<p>x", "text/html; charset=utf-8"},
        {"a.html", "<p>\xe9", "text/html"},
        {"a.html", "<meta charset=latin1><p>x", "text/html"},
        {"a.html", "<meta charset=utf-8><p>\xe9", "text/html"},
        {"a.css", "@charset \"latin1\";", "text/css"},
        {"a.css", "a{}", "text/css; charset=utf-8"},
        {"a.js", "\"\xc3\xa9\"", "text/javascript; charset=utf-8"},
        {"a.xml", "<?xml version='1.0' encoding='latin1'?><r/>", "application/xml"},
        {"a.xml", "<r/>", "application/xml; charset=utf-8"},
        {"a.rss", "<?xml version='1.0' encoding='koi8-r'?><r/>", "application/rss+xml"},
        {"a.svg", "<svg/>", "image/svg+xml; charset=utf-8"},
        {"a.svg", "<?xml version='1.0' encoding='latin1'?><svg/>", "image/svg+xml"},
        {"a.svgz", "\x1f\x8b\x08\0"sv, "image/svg+xml"},
        {"a.xhtml", "<?xml version='1.0' encoding='latin1'?>", "application/xhtml+xml"},
        {"a.json", "{}", "application/json"},
        {"a.webmanifest", "{}", "application/manifest+json"},
        {"a.wasm", "\0asm"sv, "application/wasm"},
        {"a.png", "text, in truth", "image/png"},
        // Unknown types.
        {"README", "read me", "text/plain; charset=utf-8"},
        {"LICENSE", "\xa9 1999", "text/plain"},
        {"a.unheard-of", "x", "text/plain; charset=utf-8"},
        {"Makefile", "all:\n\ttrue\n", "text/plain; charset=utf-8"},
        {"core",
         "\x7f"
         "ELF\x02\0"sv,
         "application/octet-stream"},
        {"empty", "", "text/plain; charset=utf-8"},
        {"utf16", "\xff\xfex\0"sv, "text/plain"},
        {"page", "<!doctype html>", "text/plain; charset=utf-8"},
        // As configured.
        {"a.fixed", "caf\xc3\xa9", "text/plain; charset=iso-8859-1"},
        {"a.own", "x", "text/x-own; charset=utf-8"},
        {"a.own", "\xe9", "text/x-own"},
        {"a.bin", "text", "a/b"},
    };
    for (const auto& [name, bytes, expected] : cases) {
        EXPECT_EQ(value(name, bytes), expected) << name << ": " << bytes;
        EXPECT_EQ(value(name, bytes, 1), expected) << name << ": " << bytes;
    }
}

TEST_F(ContentTypeTest, AllOfTheBytesCount) {
    const std::string text(300'000, 'a');
    EXPECT_EQ(value("a.txt", text), "text/plain; charset=utf-8");
    EXPECT_EQ(value("a.txt", text + "\xe9"), "text/plain");
    EXPECT_EQ(value("a.txt", text + "\xe9", 1000), "text/plain");
    EXPECT_EQ(value("unknown", text + '\0'), "text/plain; charset=utf-8") << "far behind the start";
}

TEST_F(ContentTypeTest, LessIsSaidOfWhatWasNotSeenToItsEnd) {
    TypeSniffer text = types_.sniffer("a.txt");
    EXPECT_FALSE(text.decided());
    EXPECT_EQ(types_.value_of(text.verdict()), "text/plain");
    text.look(std::string(2000, 'a'));
    EXPECT_FALSE(text.decided());
    EXPECT_EQ(types_.value_of(text.verdict()), "text/plain");
    text.look("\xe9 ");
    EXPECT_TRUE(text.decided());

    TypeSniffer unknown = types_.sniffer("README");
    EXPECT_FALSE(unknown.decided());
    EXPECT_EQ(types_.value_of(unknown.verdict()), "application/octet-stream");
    unknown.look("a few words");
    EXPECT_EQ(types_.value_of(unknown.verdict()), "application/octet-stream");
    unknown.look(std::string(kSniffBytes, 'a'));
    EXPECT_FALSE(unknown.decided());
    EXPECT_EQ(types_.value_of(unknown.verdict()), "text/plain");

    TypeSniffer binary = types_.sniffer("blob");
    binary.look(std::string(kSniffBytes, '\0'));
    EXPECT_TRUE(binary.decided());
    EXPECT_TRUE(types_.sniffer("a.png").decided()) << "there is nothing to see";
    EXPECT_TRUE(types_.sniffer("a.json").decided());
}

TEST_F(ContentTypeTest, ACompressedPictureOfSvgIsCoded) {
    const auto coding = [this](std::string_view name, std::string_view bytes) {
        TypeSniffer sniffer = types_.sniffer(name);
        sniffer.look(bytes);
        sniffer.end();
        return sniffer.verdict().coding;
    };
    EXPECT_EQ(coding("a.svgz", "\x1f\x8b\x08\0"sv), Coding::gzip);
    EXPECT_EQ(coding("a.svg", "\x1f\x8b\x08\0"sv), Coding::gzip);
    EXPECT_EQ(coding("a.svgz", "<svg/>"), Coding::identity);
    EXPECT_EQ(coding("a.svg.gz", "\x1f\x8b\x08\0"sv), Coding::identity);
    EXPECT_EQ(coding("a.txt", "\x1f\x8b\x08\0"sv), Coding::identity);
    EXPECT_EQ(coding("a.gz", "\x1f\x8b\x08\0"sv), Coding::identity);
}

TEST_F(ContentTypeTest, ValuesAreKeptOnce) {
    const std::string_view one = value("a.txt", "x");
    EXPECT_EQ(one.data(), value("b.txt", "y").data());
}

}  // namespace
}  // namespace sluice::http

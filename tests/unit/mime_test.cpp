#include "content/mime.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace sluice::http {
namespace {

TEST(MediaTypes, KnowsTheTypesOfTheWeb) {
    const std::vector<std::pair<const char*, const char*>> cases = {
        {"/index.html", "text/html"},
        {"/a.htm", "text/html"},
        {"/a.css", "text/css"},
        {"/a.js", "text/javascript"},
        {"/a.mjs", "text/javascript"},
        {"/a.cjs", "text/javascript"},
        {"/a.json", "application/json"},
        {"/a.js.map", "application/json"},
        {"/a.svg", "image/svg+xml"},
        {"/a.xml", "application/xml"},
        {"/a.rss", "application/rss+xml"},
        {"/a.txt", "text/plain"},
        {"/a.md", "text/markdown"},
        {"/a.csv", "text/csv"},
        {"/a.webmanifest", "application/manifest+json"},
        {"/a.wasm", "application/wasm"},
        {"/a.png", "image/png"},
        {"/a.jpg", "image/jpeg"},
        {"/a.jpeg", "image/jpeg"},
        {"/a.gif", "image/gif"},
        {"/a.webp", "image/webp"},
        {"/a.avif", "image/avif"},
        {"/favicon.ico", "image/x-icon"},
        {"/a.woff2", "font/woff2"},
        {"/a.ttf", "font/ttf"},
        {"/a.mp3", "audio/mpeg"},
        {"/a.m4s", "video/iso.segment"},
        {"/a.mp4", "video/mp4"},
        {"/a.ts", "video/mp2t"},
        {"/a.webm", "video/webm"},
        {"/a.m3u8", "application/vnd.apple.mpegurl"},
        {"/a.pdf", "application/pdf"},
        {"/a.zip", "application/zip"},
        {"/a.tar.gz", "application/gzip"},
        {"/a.zst", "application/zstd"},
        {"/a.usdz", "model/vnd.usdz+zip"},
        {"/a.vcf", "text/vcard"},
        {"/a.mobileconfig", "application/x-apple-aspen-config"},
    };
    const MediaTypes types;
    for (const auto& [path, type] : cases) {
        EXPECT_EQ(types.of(path), type) << path;
    }
}

TEST(MediaTypes, SourcesAreTextToRead) {
    const MediaTypes types;
    for (const char* path : {"/a.c", "/a.h", "/a.cpp", "/a.c++", "/a.py", "/a.pl", "/a.sh", "/a.rs",
                             "/a.java", "/a.diff", "/a.tex"}) {
        EXPECT_EQ(types.of(path), "text/plain") << path;
    }
}

TEST(MediaTypes, IgnoresCase) {
    const MediaTypes types;
    EXPECT_EQ(types.of("/A.HTML"), "text/html");
    EXPECT_EQ(types.of("/photo.JPG"), "image/jpeg");
    EXPECT_EQ(types.of("/site.WebManifest"), "application/manifest+json");
}

TEST(MediaTypes, TakesTheLongestExtensionOfTheLastSegment) {
    const std::vector<MimeRule> rules = {{"tar.gz", "application/x-tgz"}, {"b.txt", "text/x-b"}};
    const MediaTypes types(rules);
    EXPECT_EQ(types.of("/a.tar.gz"), "application/x-tgz");
    EXPECT_EQ(types.of("/a-1.2.3.TAR.GZ"), "application/x-tgz");
    EXPECT_EQ(types.of("/tar.gz"), "application/gzip") << "a name without an extension before it";
    EXPECT_EQ(types.of("/a.b.txt"), "text/x-b");
    EXPECT_EQ(types.of("/ab.txt"), "text/plain");
    EXPECT_EQ(types.of("/a.css.html"), "text/html");
    EXPECT_EQ(types.of("b.html"), "text/html");
}

TEST(MediaTypes, AnythingElseIsUnknown) {
    const MediaTypes types;
    const std::string dots(300, '.');
    for (const std::string& path :
         {std::string(), std::string("/"), std::string("/Makefile"), std::string("/html"),
          std::string("/a."), std::string("/a.htmlx"), std::string("/a.htm l"),
          std::string("/a.\xff"), std::string("/a.html/"), std::string("/a.html/b"),
          std::string("/a.html.unheard-of"), std::string("/a.\0html", 8),
          std::string("/a.html\0", 8), "/a" + dots, "/a." + std::string(10'000, 'x'),
          std::string("/notes.bak"), std::string("/notes.txt~"), std::string("/example.com"),
          std::string("/notes.org")}) {
        EXPECT_EQ(types.of(path), "") << path;
    }
    EXPECT_EQ(types.of("/a" + dots + "html"), "text/html");
}

TEST(MediaTypes, RulesWinAndTheLastOfThemDoes) {
    const std::vector<MimeRule> rules = {
        {"html", "text/x-first"}, {"html", "text/x-second"}, {"new", "a/b"}};
    const MediaTypes types(rules);
    EXPECT_EQ(types.of("/a.HTML"), "text/x-second");
    EXPECT_EQ(types.of("/a.new"), "a/b");
    EXPECT_EQ(types.of("/a.css"), "text/css");
}

TEST(MimeRule, IsAnExtensionAndAType) {
    const std::vector<std::array<const char*, 3>> cases = {
        {"md=text/plain", "md", "text/plain"},
        {".md=text/plain", "md", "text/plain"},
        {"MD=Text/Plain", "md", "Text/Plain"},
        {"tar.gz=application/x-tgz", "tar.gz", "application/x-tgz"},
        {"md= text/plain ", "md", "text/plain"},
        {"md=text/plain; charset=utf-8", "md", "text/plain; charset=utf-8"},
        {"md=text/plain;charset=utf-8 ; x=\"a;b\\\"=\"", "md",
         "text/plain;charset=utf-8 ; x=\"a;b\\\"=\""},
        {"c++=text/x-c", "c++", "text/x-c"},
        {"\xc3\xa4=a/b", "\xc3\xa4", "a/b"},
    };
    for (const auto& [text, extension, type] : cases) {
        const auto rule = parse_mime_rule(text);
        ASSERT_TRUE(rule) << text;
        EXPECT_EQ(rule->extension, extension) << text;
        EXPECT_EQ(rule->type, type) << text;
    }
}

TEST(MimeRule, AnythingElseIsRefused) {
    for (const char* text : {"",
                             "md",
                             "=text/plain",
                             ".=text/plain",
                             "md=",
                             "md=text",
                             "md=text/",
                             "md=/plain",
                             "md=text/plain/x",
                             "md=text plain",
                             "md=te xt/plain",
                             "md=text/pl ain",
                             "a/b=text/plain",
                             "m d=text/plain",
                             "md=text/plain;",
                             "md=text/plain; charset",
                             "md=text/plain; charset=",
                             "md=text/plain; =utf-8",
                             "md=text/plain; a=b c",
                             "md=text/plain; a=\"b",
                             "md=text/plain x=y",
                             "md=text/plain\r\nX: y",
                             "md=text/plain; a=\"\r\n\"",
                             "md=text/plain; a=\"\x7f\"",
                             "m\nd=text/plain",
                             "md=text/\xc3\xa4",
                             "md=text/plain; a=\"b\"c"}) {
        const auto rule = parse_mime_rule(text);
        ASSERT_FALSE(rule) << text;
        EXPECT_EQ(rule.error().what.find('\n'), std::string::npos) << "one line";
    }
}

}  // namespace
}  // namespace sluice::http

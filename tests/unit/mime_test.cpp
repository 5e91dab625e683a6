#include "http/mime.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace sluice::http {
namespace {

TEST(Mime, KnowsTheTypesOfTheWeb) {
    const std::vector<std::pair<const char*, const char*>> cases = {
        {"/index.html", "text/html; charset=utf-8"},
        {"/a.htm", "text/html; charset=utf-8"},
        {"/a.css", "text/css; charset=utf-8"},
        {"/a.js", "text/javascript; charset=utf-8"},
        {"/a.mjs", "text/javascript; charset=utf-8"},
        {"/a.json", "application/json; charset=utf-8"},
        {"/a.js.map", "application/json; charset=utf-8"},
        {"/a.svg", "image/svg+xml; charset=utf-8"},
        {"/a.xml", "application/xml; charset=utf-8"},
        {"/a.txt", "text/plain; charset=utf-8"},
        {"/a.md", "text/markdown; charset=utf-8"},
        {"/a.csv", "text/csv; charset=utf-8"},
        {"/a.webmanifest", "application/manifest+json; charset=utf-8"},
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
        {"/a.mp4", "video/mp4"},
        {"/a.webm", "video/webm"},
        {"/a.pdf", "application/pdf"},
        {"/a.zip", "application/zip"},
        {"/a.tar.gz", "application/gzip"},
        {"/a.3gp", "video/3gpp"},        // first of the table
        {"/a.zst", "application/zstd"},  // last of the table
    };
    for (const auto& [path, type] : cases) {
        EXPECT_EQ(content_type_of(path), type) << path;
    }
}

TEST(Mime, IgnoresCase) {
    EXPECT_EQ(content_type_of("/A.HTML"), "text/html; charset=utf-8");
    EXPECT_EQ(content_type_of("/photo.JPG"), "image/jpeg");
    EXPECT_EQ(content_type_of("/site.WebManifest"), "application/manifest+json; charset=utf-8");
}

TEST(Mime, LooksAtTheLastExtensionOfTheLastSegment) {
    EXPECT_EQ(content_type_of("/a.html/b"), "application/octet-stream");
    EXPECT_EQ(content_type_of("/a.html/"), "application/octet-stream");
    EXPECT_EQ(content_type_of("/a.css.html"), "text/html; charset=utf-8");
    EXPECT_EQ(content_type_of("/a.html.unheard-of"), "application/octet-stream");
    EXPECT_EQ(content_type_of("b.html"), "text/html; charset=utf-8");
}

TEST(Mime, DefaultsToBytes) {
    for (const char* path : {"", "/", "/Makefile", "/html", "/a.", "/a.htmlx", "/a.htm l",
                             "/a.an-extension-longer-than-any-that-is-known", "/a.\xff"}) {
        EXPECT_EQ(content_type_of(path), "application/octet-stream") << path;
    }
}

}  // namespace
}  // namespace sluice::http

#include "bench/load/url.h"

#include <gtest/gtest.h>

namespace sluice::load {

namespace {

Url parsed(std::string_view text) {
    auto url = Url::parse(text);
    EXPECT_TRUE(url) << text << ": " << (url ? "" : url.error().what);
    return url ? *url : Url{};
}

std::string complaint(std::string_view text) {
    const auto url = Url::parse(text);
    return url ? "" : url.error().what;
}

}  // namespace

TEST(Url, Parts) {
    const Url url = parsed("http://example.org:8080/a/b?c=d#e");
    EXPECT_EQ(url.host, "example.org");
    EXPECT_EQ(url.port, 8080);
    EXPECT_EQ(url.target, "/a/b?c=d");
    EXPECT_EQ(url.authority, "example.org:8080");
    EXPECT_EQ(parsed("http://example.org").target, "/");
    EXPECT_EQ(parsed("http://example.org").authority, "example.org");
    EXPECT_EQ(parsed("http://example.org:80/").authority, "example.org");
    EXPECT_EQ(parsed("http://example.org?q").target, "/?q");
    EXPECT_EQ(parsed("127.0.0.1:81").port, 81);
    EXPECT_EQ(parsed("http://[::1]:8080/x").host, "::1");
    EXPECT_EQ(parsed("http://[::1]:8080/x").authority, "[::1]:8080");
    EXPECT_EQ(parsed("http://[::1]").authority, "[::1]");
}

TEST(Url, UnixSockets) {
    const Url url = parsed("unix:/run/a.sock:/page?x");
    EXPECT_EQ(url.unix_path, "/run/a.sock");
    EXPECT_EQ(url.target, "/page?x");
    EXPECT_EQ(url.authority, "localhost");
    EXPECT_EQ(parsed("unix:/run/a.sock").target, "/");
    EXPECT_EQ(parsed("unix:/run/a.sock").unix_path, "/run/a.sock");
    EXPECT_FALSE(url.same_server(parsed("unix:/run/b.sock")));
    EXPECT_TRUE(url.same_server(parsed("unix:/run/a.sock:/other")));
}

TEST(Url, SchemesHaveNoCase) {
    EXPECT_EQ(parsed("HTTP://example.org:81/A").authority, "example.org:81");
    EXPECT_EQ(parsed("Http://example.org:81/A").target, "/A");
    EXPECT_EQ(parsed("UNIX:/run/A.sock").unix_path, "/run/A.sock");
    EXPECT_NE(complaint("HTTPS://a/").find("TLS"), std::string::npos);
    EXPECT_NE(complaint("FTP://a/").find("only http"), std::string::npos);
}

TEST(Url, WhatIsWrongIsSaid) {
    EXPECT_NE(complaint("https://a/").find("TLS"), std::string::npos);
    EXPECT_NE(complaint("ftp://a/").find("only http"), std::string::npos);
    EXPECT_NE(complaint("http://u:p@a/").find("--header"), std::string::npos);
    EXPECT_NE(complaint("http://a:0/").find("port"), std::string::npos);
    EXPECT_NE(complaint("http://a:70000/").find("port"), std::string::npos);
    EXPECT_NE(complaint("http://::1/").find("brackets"), std::string::npos);
    EXPECT_NE(complaint("http://[::1/").find("']'"), std::string::npos);
    EXPECT_NE(complaint("http://[::1]x/").find("']'"), std::string::npos);
    EXPECT_NE(complaint("http://a/b c").find("percent"), std::string::npos);
    EXPECT_NE(complaint("http:///x").find("no host"), std::string::npos);
    EXPECT_NE(complaint("unix:").find("missing"), std::string::npos);
    EXPECT_NE(complaint("").find("no host"), std::string::npos);
}

TEST(Url, ResolvesNumbersAndLocalhost) {
    const auto four = resolve(parsed("http://127.0.0.1:8080/"));
    ASSERT_TRUE(four);
    EXPECT_EQ(four->at(0).to_string(), "127.0.0.1:8080");
    const auto six = resolve(parsed("http://[::1]:8080/"));
    ASSERT_TRUE(six) << six.error().what;
    EXPECT_EQ(six->at(0).to_string(), "[::1]:8080");
}

}  // namespace sluice::load

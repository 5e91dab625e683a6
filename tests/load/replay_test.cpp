#include "bench/load/replay.h"

#include <gtest/gtest.h>

namespace sluice::load {

namespace {

ReplayLog read(std::string_view text) {
    auto log = read_replay_log(text);
    EXPECT_TRUE(log.has_value());
    return log ? *std::move(log) : ReplayLog();
}

}  // namespace

TEST(Replay, KeepsOrderAndSpacing) {
    const ReplayLog log = read(
        "::1 - - [22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 5\n"
        "::1 - - [22/Nov/2026:10:00:00 +0000] \"GET /b?x=[1] HTTP/1.1\" 200 5 \"-\" \"curl\"\n"
        "::1 - bob [22/Nov/2026:12:00:02 +0200] \"HEAD /a HTTP/1.0\" 304 -\n"
        "::1 - - [22/Nov/2026:10:00:01 +0000] \"GET /a HTTP/1.1\" 404 0\n"
        "::1 - - [22/Nov/2026:04:30:02 -0530] \"GET /a HTTP/1.1\" 404 0");
    ASSERT_EQ(log.entries.size(), 5U);
    ASSERT_EQ(log.targets.size(), 3U);
    EXPECT_EQ(log.left_out, 0U);
    const Nanos at[] = {0, kSecond / 2, kSecond, 2 * kSecond, 2 * kSecond + kSecond / 2};
    const char* paths[] = {"/a", "/b?x=[1]", "/a", "/a", "/a"};
    for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(log.entries[i].at, at[i]) << i;
        EXPECT_EQ(log.targets[log.entries[i].target].path, paths[i]) << i;
    }
    EXPECT_EQ(log.targets[log.entries[3].target].method, "HEAD");
}

TEST(Replay, SpansMonthsAndLeapDays) {
    const ReplayLog log = read(
        "a - - [28/Feb/2024:23:59:59 +0000] \"GET / HTTP/1.1\" 200 5\n"
        "a - - [01/Mar/2024:00:00:00 +0000] \"GET / HTTP/1.1\" 200 5\n");
    ASSERT_EQ(log.entries.size(), 2U);
    EXPECT_EQ(log.entries[1].at, (86'400 + 1) * kSecond);
}

TEST(Replay, ReadsOurJsonLines) {
    const ReplayLog log =
        read(R"({"time":"2026-11-22T23:59:59Z","remote":"::1","method":"GET","target":"/a?x=\"",)"
             R"("protocol":"HTTP/1.1","status":200,"bytes":5,"duration_us":7,"referer":null})"
             "\n"
             R"({"target":"/b","method":"HEAD","time":"2026-11-23T00:00:01Z"})"
             "\n"
             R"({"time":"2026-11-23T00:00:01Z","request":"\u0016\u0003","status":400})"
             "\n"
             R"({"time":"2026-11-23T00:00:01Z","method":"POST","target":"/a"})"
             "\n"
             R"({"time":"2026-13-23T00:00:01Z","method":"GET","target":"/a"})"
             "\n"
             R"({"time":1795392001,"method":"GET","target":"/a"})"
             "\n"
             R"({"time":"2026-11-23T00:00:01Z","method":"GET","target")"
             "\n");
    ASSERT_EQ(log.entries.size(), 2U);
    EXPECT_EQ(log.targets[0], (ReplayLog::Target{"GET", "/a?x=\""}));
    EXPECT_EQ(log.targets[1], (ReplayLog::Target{"HEAD", "/b"}));
    EXPECT_EQ(log.entries[1].at, 2 * kSecond);
    EXPECT_EQ(log.left_out, 5U);
}

TEST(Replay, LeavesOutWhatItCannotAsk) {
    const ReplayLog log = read(
        "a - - [22/Nov/2026:10:00:00 +0000] \"POST /a HTTP/1.1\" 200 5\n"
        "a - - [22/Nov/2026:10:00:00 +0000] \"\\x16\\x03\" 400 0\n"
        "a - - [22/Nov/2026:10:00:00 +0000] \"GET /a\\x22b HTTP/1.1\" 400 0\n"
        "a - - [31/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 0\n"
        "a - - [30/Nov/2026:24:00:00 +0000] \"GET /a HTTP/1.1\" 200 0\n"
        "a - - [30/Nov/2026:10:-1:00 +0000] \"GET /a HTTP/1.1\" 200 0\n"
        "a - - [22/Non/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 0\n"
        "a - - [22-Nov-2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 0\n"
        "a - - [22/Nov/2026 10:00:00 +0000] \"GET /a HTTP/1.1\" 200 0\n"
        "a - - [22/Nov/2026:10.00.00 +0000] \"GET /a HTTP/1.1\" 200 0\n"
        "a - - [22/Nov/2026:10:00:00 00000] \"GET /a HTTP/1.1\" 200 0\n"
        "{\"time\":\"2026/11/22T10:00:00Z\",\"method\":\"GET\",\"target\":\"/a\"}\n"
        "a - - [22/Nov/2026:10:00:00] \"GET /a HTTP/1.1\" 200 0\n"
        "a - - [22/Nov/2026:10:00:00 +0000] \"GET /a\" 200 0\n"
        "a - - [22/Nov/2026:10:00:00 +0000] \"GET http://x/ HTTP/1.1\" 200 0\n"
        "nonsense\n"
        "\n");
    EXPECT_TRUE(log.entries.empty());
    EXPECT_EQ(log.left_out, 16U);
    EXPECT_TRUE(read("").entries.empty());
}

// The nanoseconds of 292 years are what 63 bits hold.
TEST(Replay, RefusesALogThatTakesLongerThanAYear) {
    const std::string now = "a - - [22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 5\n";
    const auto with = [&](const std::string& date) {
        return read_replay_log(now + "a - - [" + date + "] \"GET /a HTTP/1.1\" 200 5\n");
    };
    EXPECT_TRUE(with("22/Nov/2027:10:00:00 +0000").has_value());
    for (const char* date : {"01/Jan/0001:00:00:00 +0000", "01/Jan/1700:00:00:00 +0000",
                             "31/Dec/9999:23:59:59 -9999", "22/Nov/2028:10:00:00 +0000"}) {
        const auto log = with(date);
        ASSERT_FALSE(log.has_value()) << date;
        EXPECT_NE(log.error().what.find("days apart"), std::string::npos) << log.error().what;
    }
}

}  // namespace sluice::load

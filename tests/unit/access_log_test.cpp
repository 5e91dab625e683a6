// The access log: what a line looks like, that no request can forge one, and that ring and writer
// lose only lines that they count.
#include "log/access_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "log/log_writer.h"
#include "log_fixture.h"

namespace sluice::http {
namespace {

using std::string;
using std::string_view;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(LogLine, Common) {
    EXPECT_EQ(format_line(LogFormat::common, record_of("GET /a?b HTTP/1.1")),
              "192.0.2.7 - - [10/Oct/2000:20:55:36 +0000] \"GET /a?b HTTP/1.1\" 200 509\n");
}

TEST(LogLine, CombinedSaysAbsentFieldsAsDash) {
    LogRecord record = record_of("GET / HTTP/1.1");
    record.referer = "http://a/";
    EXPECT_EQ(format_line(LogFormat::combined, record),
              "192.0.2.7 - - [10/Oct/2000:20:55:36 +0000] \"GET / HTTP/1.1\" 200 509 "
              "\"http://a/\" \"-\"\n");
    record.user_agent = string_view("", 0);
    EXPECT_THAT(format_line(LogFormat::combined, record), HasSubstr("\"http://a/\" \"\"\n"));
}

TEST(LogLine, Json) {
    LogRecord record = record_of("GET /a HTTP/1.1");
    record.user_agent = "curl/8";
    record.duration_ns = 1'234'567;
    EXPECT_EQ(format_line(LogFormat::json, record),
              "{\"time\":\"2000-10-10T20:55:36Z\",\"remote\":\"192.0.2.7\",\"method\":\"GET\","
              "\"target\":\"/a\",\"protocol\":\"HTTP/1.1\",\"status\":200,\"bytes\":509,"
              "\"duration_us\":1234,\"referer\":null,\"user_agent\":\"curl/8\"}\n");
    EXPECT_THAT(format_line(LogFormat::json, record_of("GET  /a HTTP/1.1")),
                HasSubstr("\"request\":\"GET  /a HTTP/1.1\",\"status\""));
    EXPECT_THAT(format_line(LogFormat::json, record_of("x")), HasSubstr("\"request\":\"x\""));
    EXPECT_THAT(format_line(LogFormat::json, record_of("x y")), HasSubstr("\"request\":\"x y\""));
    EXPECT_THAT(format_line(LogFormat::json, record_of({})), HasSubstr("\"request\":null"));
}

TEST(LogLine, UnknownPeerAndAbsentRequest) {
    LogRecord record = record_of({});
    record.peer = nullptr;
    EXPECT_THAT(format_line(LogFormat::common, record), ::testing::StartsWith("- - - ["));
    EXPECT_THAT(format_line(LogFormat::common, record), HasSubstr("] \"-\" 200"));
}

// Whatever byte the peer sends, at every alignment to the eight-byte steps: only harmless bytes
// remain.
TEST(LogLine, NoByteOfThePeerGetsThroughThatCouldForge) {
    for (int value = 0; value < 256; ++value) {
        for (std::size_t before : {0U, 3U, 7U, 8U}) {
            const char c = static_cast<char>(value);
            const string text = string(before, 'a') + c + "bcdefghijk";
            char hex[5];
            std::snprintf(hex, sizeof hex, "\\x%02x", value);
            const bool plain = value >= 0x20 && value < 0x7f && c != '"' && c != '\\';
            const string wanted =
                "\"" + string(before, 'a') + (plain ? string(1, c) : hex) + "bcdefghijk\"";
            LogRecord record = record_of(text);
            record.referer = text;
            record.user_agent = text;
            const string line = format_line(LogFormat::combined, record);
            EXPECT_THAT(line,
                        HasSubstr("] " + wanted + " 200 509 " + wanted + " " + wanted + "\n"));
        }
    }
}

TEST(LogLine, JsonIsValidAndKeepsUtf8) {
    const auto agent = [](string_view text) {
        LogRecord record = record_of("GET / HTTP/1.1");
        record.user_agent = text;
        const string line = format_line(LogFormat::json, record);
        const std::size_t at = line.find("\"user_agent\":\"") + 14;
        return line.substr(at, line.size() - at - 3);
    };
    EXPECT_EQ(agent("\"\\/\x01\x1f\x7f"), "\\\"\\\\/\\u0001\\u001f\\u007f");
    EXPECT_EQ(agent("a\r\nb\t"), "a\\u000d\\u000ab\\u0009");
    EXPECT_EQ(agent("\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80"),
              "\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80");
    EXPECT_EQ(agent("\xc2\x9b[2J"), "\\u009b[2J");  // C1 CSI
    EXPECT_EQ(agent("\xc2\xa0"), "\xc2\xa0");
    EXPECT_EQ(agent("\x80"), "\\ufffd");  // a lone tail
    EXPECT_EQ(agent("\xc3"), "\\ufffd");  // cut off
    EXPECT_EQ(agent("\xe4\xb8"), "\\ufffd\\ufffd");
    EXPECT_EQ(agent("\xc0\xaf"), "\\ufffd\\ufffd");  // overlong
    EXPECT_EQ(agent("\xe0\x80\xaf"), "\\ufffd\\ufffd\\ufffd");
    EXPECT_EQ(agent("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd");             // a surrogate
    EXPECT_EQ(agent("\xf4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd");  // beyond U+10FFFF
    EXPECT_EQ(agent("\xff"), "\\ufffd");
}

TEST(LogLine, LongTextsAreCutAndTheWorstCaseFits) {
    const string worst(3 * kLogTextMax, '\x01');
    LogRecord record = record_of(worst);
    record.referer = worst;
    record.user_agent = worst;
    record.body_bytes = UINT64_MAX;
    record.duration_ns = INT64_MAX;
    for (const LogFormat kind : {LogFormat::common, LogFormat::combined, LogFormat::json}) {
        const string line = format_line(kind, record);
        EXPECT_LE(line.size(), kLogLineMax);
        EXPECT_GT(line.size(), 4 * kLogTextMax);
        EXPECT_EQ(line.find('\n'), line.size() - 1);
    }
}

TEST(LogClockTest, FollowsTheCalendar) {
    const auto clf = [](std::int64_t time) {
        LogClock clock;
        clock.update(1);
        clock.update(time);
        return string(clock.clf()) + string(clock.iso());
    };
    EXPECT_EQ(clf(0), "[01/Jan/1970:00:00:00 +0000]1970-01-01T00:00:00Z");
    EXPECT_EQ(clf(951'827'696), "[29/Feb/2000:12:34:56 +0000]2000-02-29T12:34:56Z");
    EXPECT_EQ(clf(4'102'444'799), "[31/Dec/2099:23:59:59 +0000]2099-12-31T23:59:59Z");
}

string taken(AccessLogSink& sink) {
    string text;
    for (const string_view part : sink.pending()) {
        text += part;
    }
    sink.consume(text.size());
    return text;
}

TEST(AccessLogSinkTest, LinesComeOutInOrderAcrossTheRingsEnd) {
    AccessLogSink sink(LogFormat::common, 256);
    string wanted;
    string got;
    for (int i = 0; i < 100; ++i) {
        const string line = "GET /" + std::to_string(i) + " HTTP/1.1";
        sink.write(record_of(line), kSomeTime);
        wanted += format_line(LogFormat::common, record_of(line));
        if (i % 2 == 1) {
            got += taken(sink);
        }
    }
    EXPECT_EQ(got, wanted);
    EXPECT_EQ(sink.dropped(), 0U);
}

TEST(AccessLogSinkTest, AFullRingDropsWholeLinesAndCounts) {
    AccessLogSink sink(LogFormat::common, 256);
    const LogRecord record = record_of("GET / HTTP/1.1");
    const string line = format_line(LogFormat::common, record);
    const std::size_t fit = 256 / line.size();
    for (std::size_t i = 0; i < fit + 3; ++i) {
        sink.write(record, kSomeTime);
    }
    EXPECT_EQ(sink.dropped(), 3U);
    string wanted;
    for (std::size_t i = 0; i < fit; ++i) {
        wanted += line;
    }
    EXPECT_EQ(taken(sink), wanted);
    sink.write(record, kSomeTime);
    EXPECT_EQ(taken(sink), line);
    EXPECT_EQ(sink.dropped(), 3U);
}

TEST(AccessLogSinkTest, AsksForADrainOnceWhenHalfFull) {
    int wakes = 0;
    AccessLogSink sink(LogFormat::common, 1024, [&wakes] { ++wakes; });
    const LogRecord record = record_of("GET / HTTP/1.1");
    const std::size_t line = format_line(LogFormat::common, record).size();
    std::size_t used = 0;
    for (; used + line <= 512; used += line) {
        sink.write(record, kSomeTime);
    }
    EXPECT_EQ(wakes, 0);
    sink.write(record, kSomeTime);
    sink.write(record, kSomeTime);
    EXPECT_EQ(wakes, 1);
    (void)taken(sink);
    for (std::size_t again = 0; again <= 512; again += line) {
        sink.write(record, kSomeTime);
    }
    EXPECT_EQ(wakes, 2);
}

class LogWriterTest : public LogWriterFixture {};

TEST_F(LogWriterTest, WritesAllRingsAndAppends) {
    AccessLogSink a(LogFormat::common);
    AccessLogSink b(LogFormat::common);
    {
        LogWriter writer({&a, &b}, say());
        ASSERT_TRUE(writer.open(path("log")));
        write(a, "1");
        write(b, "2");
        EXPECT_TRUE(writer.drain());
        EXPECT_EQ(contents(path("log")), line("1") + line("2"));
        write(a, "3");
        writer.finish();
    }
    LogWriter writer({&a}, say());
    ASSERT_TRUE(writer.open(path("log")));
    write(a, "4");
    EXPECT_TRUE(writer.drain());
    EXPECT_EQ(contents(path("log")), line("1") + line("2") + line("3") + line("4"));
    EXPECT_THAT(said_, ElementsAre());
}

TEST_F(LogWriterTest, ReopenFollowsAMovedFileAndKeepsTheOldOneOnFailure) {
    AccessLogSink sink(LogFormat::common);
    LogWriter writer({&sink}, say());
    ASSERT_TRUE(writer.open(path("log")));
    write(sink, "before");
    std::filesystem::rename(path("log"), path("log.1"));
    ASSERT_TRUE(writer.open(path("log")));
    write(sink, "after");
    EXPECT_TRUE(writer.drain());
    EXPECT_EQ(contents(path("log.1")), line("before"));
    EXPECT_EQ(contents(path("log")), line("after"));
    const Result<void> failed = writer.open(path("missing/log"));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().status, Status::not_found);
    EXPECT_THAT(failed.error().what, HasSubstr(path("missing/log")));
    write(sink, "still");
    EXPECT_TRUE(writer.drain());
    EXPECT_EQ(contents(path("log")), line("after") + line("still"));
}

TEST_F(LogWriterTest, AnOverflowingRingIsSaidOnce) {
    AccessLogSink sink(LogFormat::common, 128);
    LogWriter writer({&sink}, say());
    ASSERT_TRUE(writer.open(path("log")));
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 5; ++i) {
            write(sink, "1");
        }
        EXPECT_TRUE(writer.drain());
    }
    ASSERT_EQ(said_.size(), 1U);
    EXPECT_THAT(said_[0], HasSubstr("slower than the traffic"));
    EXPECT_EQ(writer.lost(), 6U);
}

TEST_F(LogWriterTest, NothingIsLostOrTornWhileWorkersWrite) {
    LoggingWorkers workers;
    {
        LogWriter writer(workers.sinks(), say());
        ASSERT_TRUE(writer.open(path("log")));
        workers.start();
        for (int i = 0; i < 100; ++i) {
            EXPECT_TRUE(writer.drain());
        }
        workers.join();
        writer.finish();
        EXPECT_EQ(writer.lost(), 0U);
    }
    LoggingWorkers::expect_all_in(contents(path("log")));
}

}  // namespace
}  // namespace sluice::http

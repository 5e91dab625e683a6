// The access log: what a line looks like, that no request can forge one, and that the way through
// ring and writer loses nothing but what it counts.
#include "http/access_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "http/log_writer.h"

namespace sluice::http {
namespace {

using std::string;
using std::string_view;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kSomeTime = 971'211'336;  // 2000-10-10 20:55:36 UTC

const Endpoint kPeer{.family = Family::ipv4, .address = {192, 0, 2, 7}, .port = 4711, .path = {}};

LogRecord record_of(string_view line) {
    LogRecord record;
    record.peer = &kPeer;
    record.request_line = line;
    record.status = 200;
    record.body_bytes = 509;
    return record;
}

string format(LogFormat kind, const LogRecord& record, std::int64_t time = kSomeTime) {
    LogClock clock;
    clock.update(time);
    std::vector<char> out(kLogLineMax);
    return {out.data(), format_log_line(kind, record, clock, out.data())};
}

TEST(LogLine, Common) {
    EXPECT_EQ(format(LogFormat::common, record_of("GET /a?b HTTP/1.1")),
              "192.0.2.7 - - [10/Oct/2000:20:55:36 +0000] \"GET /a?b HTTP/1.1\" 200 509\n");
}

TEST(LogLine, CombinedSaysAbsentFieldsAsDash) {
    LogRecord record = record_of("GET / HTTP/1.1");
    record.referer = "http://a/";
    EXPECT_EQ(format(LogFormat::combined, record),
              "192.0.2.7 - - [10/Oct/2000:20:55:36 +0000] \"GET / HTTP/1.1\" 200 509 "
              "\"http://a/\" \"-\"\n");
    record.user_agent = string_view("", 0);
    EXPECT_THAT(format(LogFormat::combined, record), HasSubstr("\"http://a/\" \"\"\n"));
}

TEST(LogLine, Json) {
    LogRecord record = record_of("GET /a HTTP/1.1");
    record.user_agent = "curl/8";
    record.duration_ns = 1'234'567;
    EXPECT_EQ(format(LogFormat::json, record),
              "{\"time\":\"2000-10-10T20:55:36Z\",\"remote\":\"192.0.2.7\",\"method\":\"GET\","
              "\"target\":\"/a\",\"protocol\":\"HTTP/1.1\",\"status\":200,\"bytes\":509,"
              "\"duration_us\":1234,\"referer\":null,\"user_agent\":\"curl/8\"}\n");
    EXPECT_THAT(format(LogFormat::json, record_of("GET  /a HTTP/1.1")),
                HasSubstr("\"request\":\"GET  /a HTTP/1.1\",\"status\""));
    EXPECT_THAT(format(LogFormat::json, record_of("x")), HasSubstr("\"request\":\"x\""));
    EXPECT_THAT(format(LogFormat::json, record_of("x y")), HasSubstr("\"request\":\"x y\""));
    EXPECT_THAT(format(LogFormat::json, record_of({})), HasSubstr("\"request\":null"));
}

TEST(LogLine, UnknownPeerAndAbsentRequest) {
    LogRecord record = record_of({});
    record.peer = nullptr;
    EXPECT_THAT(format(LogFormat::common, record), ::testing::StartsWith("- - - ["));
    EXPECT_THAT(format(LogFormat::common, record), HasSubstr("] \"-\" 200"));
}

// Whatever byte the peer sends, at every alignment to the eight-byte steps: only harmless ones
// stay.
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
            const string line = format(LogFormat::combined, record);
            EXPECT_THAT(line,
                        HasSubstr("] " + wanted + " 200 509 " + wanted + " " + wanted + "\n"));
        }
    }
}

TEST(LogLine, JsonIsValidAndKeepsUtf8) {
    const auto agent = [](string_view text) {
        LogRecord record = record_of("GET / HTTP/1.1");
        record.user_agent = text;
        const string line = format(LogFormat::json, record);
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
        const string line = format(kind, record);
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
    for (const string_view piece : sink.pending()) {
        text += piece;
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
        wanted += format(LogFormat::common, record_of(line));
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
    const string line = format(LogFormat::common, record);
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
    const std::size_t line = format(LogFormat::common, record).size();
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

class LogWriterTest : public ::testing::Test {
  protected:
    LogWriterTest() {
        string pattern = (std::filesystem::temp_directory_path() / "sluice-log-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
    }
    ~LogWriterTest() override { std::filesystem::remove_all(directory_); }

    [[nodiscard]] string path(string_view name) const { return directory_ + "/" + string(name); }
    static string contents(const string& path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    std::function<void(const string&)> say() {
        return [this](const string& line) { said_.push_back(line); };
    }
    static void write(AccessLogSink& sink, string_view text) {
        sink.write(record_of(text), kSomeTime);
    }
    static string line(string_view text) { return format(LogFormat::common, record_of(text)); }

    string directory_;
    std::vector<string> said_;
};

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

// A file size limit gives short writes and then failures, as a full disk does.
TEST_F(LogWriterTest, AFullDiskDropsCountsSaysOnceAndNeverMergesLines) {
    const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit old_limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
    AccessLogSink sink(LogFormat::common);
    LogWriter writer({&sink}, say());
    ASSERT_TRUE(writer.open(path("log")));
    const rlimit cut{line("1").size() + 10, old_limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &cut), 0);
    for (const char* text : {"1", "2", "3"}) {
        write(sink, text);
    }
    EXPECT_TRUE(writer.drain());
    write(sink, "4");
    EXPECT_TRUE(writer.drain());
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
    write(sink, "5");
    write(sink, "6");
    EXPECT_TRUE(writer.drain());
    std::signal(SIGXFSZ, old_handler);
    EXPECT_EQ(contents(path("log")),
              line("1") + line("2").substr(0, 10) + "\n" + line("5") + line("6"));
    EXPECT_EQ(writer.lost(), 3U);
    ASSERT_EQ(said_.size(), 1U);
    EXPECT_THAT(said_[0], HasSubstr("2 lines dropped"));
    writer.finish();
    EXPECT_THAT(said_.back(), HasSubstr("3 lines lost in all"));
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

TEST_F(LogWriterTest, ANamedPipeIsNeverWaitedFor) {
    ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
    AccessLogSink sink(LogFormat::common);
    LogWriter writer({&sink}, say());
    const Result<void> unread = writer.open(path("pipe"));
    ASSERT_FALSE(unread);
    EXPECT_THAT(unread.error().what, HasSubstr(path("pipe") + ": nobody reads this pipe"));

    const int reader = ::open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ASSERT_TRUE(writer.open(path("pipe")));
    ASSERT_GT(::fcntl(reader, F_SETPIPE_SZ, 4096), 0);
    string written;
    for (int i = 0; written.size() < 10'000; ++i) {
        write(sink, std::to_string(i));
        written += line(std::to_string(i));
    }
    EXPECT_FALSE(writer.drain());
    string read(5'000, '\0');
    read.resize(static_cast<std::size_t>(::read(reader, read.data(), read.size())));
    EXPECT_EQ(read, written.substr(0, 4096));
    EXPECT_EQ(writer.lost(), 0U);
    writer.finish();
    ASSERT_EQ(said_.size(), 1U);
    EXPECT_THAT(said_[0], HasSubstr(path("pipe") + " is not being read"));
    EXPECT_EQ(writer.lost(),
              static_cast<std::uint64_t>(std::ranges::count(written, '\n') -
                                         std::ranges::count(written.substr(0, 8192), '\n')));
    ::close(reader);
}

// Several workers write while the writer drains into a small pipe: every line arrives
// once, whole, in its worker's order.
TEST_F(LogWriterTest, NothingIsLostOrTornThroughASlowPipe) {
    constexpr int kWorkers = 3;
    constexpr int kLines = 3000;
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    ASSERT_EQ(::fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
    const string pipe_path = "/proc/self/fd/" + std::to_string(ends[1]);
    std::vector<std::unique_ptr<AccessLogSink>> sinks;
    std::vector<AccessLogSink*> pointers;
    for (int i = 0; i < kWorkers; ++i) {
        sinks.push_back(std::make_unique<AccessLogSink>(LogFormat::common));
        pointers.push_back(sinks.back().get());
    }
    string received;
    std::thread reader([&] {
        char bytes[1000];
        for (ssize_t n = 0; (n = ::read(ends[0], bytes, sizeof bytes)) > 0;) {
            received.append(bytes, static_cast<std::size_t>(n));
        }
    });
    std::vector<std::thread> workers;
    for (int worker = 0; worker < kWorkers; ++worker) {
        workers.emplace_back([&, worker] {
            for (int i = 0; i < kLines; ++i) {
                write(*sinks[static_cast<std::size_t>(worker)],
                      std::to_string(worker) + " " + std::to_string(i));
            }
        });
    }
    {
        LogWriter writer(pointers, say());
        ASSERT_TRUE(writer.open(pipe_path));
        for (int i = 0; i < 100; ++i) {
            (void)writer.drain();
        }
        for (std::thread& worker : workers) {
            worker.join();
        }
        while (!writer.drain()) {
            std::this_thread::yield();
        }
        writer.finish();
        EXPECT_EQ(writer.lost(), 0U);
        EXPECT_EQ(::fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0) << "the pipe is shared with others";
    }
    ::close(ends[1]);
    reader.join();
    ::close(ends[0]);

    std::vector<int> next(kWorkers, 0);
    std::istringstream stream(received);
    for (string text; std::getline(stream, text);) {
        const std::size_t quote = text.find('"');
        ASSERT_NE(quote, string::npos) << text;
        int worker = -1;
        int number = -1;
        ASSERT_EQ(std::sscanf(text.c_str() + quote, "\"%d %d\" 200 509", &worker, &number), 2)
            << text;
        ASSERT_TRUE(worker >= 0 && worker < kWorkers);
        EXPECT_EQ(number, next[static_cast<std::size_t>(worker)]++);
    }
    EXPECT_THAT(next, ::testing::Each(kLines));
}

}  // namespace
}  // namespace sluice::http

// The access log with what only POSIX has: named and slow pipes, and a disk that is full on request
// (a limit of the file size).
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <thread>

#include "log_fixture.h"

namespace sluice::http {
namespace {

class LogWriterPosixTest : public LogWriterFixture {};

// A file size limit causes short writes and then errors, as a full disk does.
TEST_F(LogWriterPosixTest, AFullDiskDropsCountsSaysOnceAndNeverMergesLines) {
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
    EXPECT_THAT(said_[0], testing::HasSubstr("2 lines dropped"));
    writer.finish();
    EXPECT_THAT(said_.back(), testing::HasSubstr("3 lines lost in all"));
}

TEST_F(LogWriterPosixTest, ANamedPipeIsNeverWaitedFor) {
    ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
    AccessLogSink sink(LogFormat::common);
    LogWriter writer({&sink}, say());
    const Result<void> unread = writer.open(path("pipe"));
    ASSERT_FALSE(unread);
    EXPECT_THAT(unread.error().what, testing::HasSubstr(path("pipe") + ": nobody reads this pipe"));

    const int reader = ::open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ASSERT_TRUE(writer.open(path("pipe")));
    ASSERT_GT(::fcntl(reader, F_SETPIPE_SZ, 4096), 0);
    std::string written;
    for (int i = 0; written.size() < 10'000; ++i) {
        write(sink, std::to_string(i));
        written += line(std::to_string(i));
    }
    EXPECT_FALSE(writer.drain());
    std::string read(5'000, '\0');
    read.resize(static_cast<std::size_t>(::read(reader, read.data(), read.size())));
    EXPECT_EQ(read, written.substr(0, 4096));
    EXPECT_EQ(writer.lost(), 0U);
    writer.finish();
    ASSERT_EQ(said_.size(), 1U);
    EXPECT_THAT(said_[0], testing::HasSubstr(path("pipe") + " is not being read"));
    EXPECT_EQ(writer.lost(),
              static_cast<std::uint64_t>(std::ranges::count(written, '\n') -
                                         std::ranges::count(written.substr(0, 8192), '\n')));
    ::close(reader);
}

// Several workers write while the writer drains into a small pipe.
TEST_F(LogWriterPosixTest, NothingIsLostOrTornThroughASlowPipe) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    ASSERT_EQ(::fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
    std::string received;
    std::thread reader([&] {
        char bytes[1000];
        for (ssize_t n = 0; (n = ::read(ends[0], bytes, sizeof bytes)) > 0;) {
            received.append(bytes, static_cast<std::size_t>(n));
        }
    });
    LoggingWorkers workers;
    workers.start();
    {
        LogWriter writer(workers.sinks(), say());
        ASSERT_TRUE(writer.open("/proc/self/fd/" + std::to_string(ends[1])));
        for (int i = 0; i < 100; ++i) {
            (void)writer.drain();
        }
        workers.join();
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
    LoggingWorkers::expect_all_in(received);
}

}  // namespace
}  // namespace sluice::http

// The end of the access log's thread when nobody reads the log: a named pipe that is full.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log_thread_fixture.h"

namespace sluice {
namespace {

class LogThreadPosixTest : public LogThreadFixture {
  protected:
    // The reader's end, after more lines than the pipe holds.
    int start_with_a_full_pipe() {
        EXPECT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
        const int reader = ::open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        EXPECT_GT(::fcntl(reader, F_SETPIPE_SZ, 4096), 0);
        start(path("pipe"));
        EXPECT_TRUE(test::until([this] { return log_->opened() != nullptr; }));
        for (int i = 0; i < kLines; ++i) {
            write(log_->sink(0), "1");
        }
        return reader;
    }
    static constexpr int kLines = 1000;
};

TEST_F(LogThreadPosixTest, AReaderWhoComesBackInTimeGetsEverything) {
    const int reader = start_with_a_full_pipe();
    log_->finish(kNever - 1);
    std::string got;
    EXPECT_TRUE(test::until([&] {
        char bytes[4096];
        for (ssize_t n = 0; (n = ::read(reader, bytes, sizeof bytes)) > 0;) {
            got.append(bytes, static_cast<std::size_t>(n));
        }
        return log_->ended();
    }));
    EXPECT_EQ(got.size(), kLines * line("1").size());
    EXPECT_EQ(said(), "");
    ::close(reader);
}

TEST_F(LogThreadPosixTest, AReaderWhoDoesNotIsGivenUp) {
    const int reader = start_with_a_full_pipe();
    log_->finish(kNever - 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_FALSE(log_->ended());
    log_->finish(0);
    EXPECT_TRUE(test::until([this] { return log_->ended(); }));
    EXPECT_THAT(said(), testing::HasSubstr("is not being read"));
    ::close(reader);
}

}  // namespace
}  // namespace sluice

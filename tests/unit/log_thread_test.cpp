#include "serve/log_thread.h"

#include <gtest/gtest.h>

#include "log_thread_fixture.h"

namespace sluice {
namespace {

class LogThreadTest : public LogThreadFixture {};

TEST_F(LogThreadTest, WritesByItselfAndTheRestAtTheEnd) {
    start(path("log"), 2);
    ASSERT_TRUE(test::until([this] { return log_->opened() != nullptr; }));
    ASSERT_TRUE(*log_->opened());
    write(log_->sink(0), "1");
    EXPECT_TRUE(test::until([this] { return contents(path("log")) == line("1"); }));
    for (int i = 0; i < 1000; ++i) {
        write(log_->sink(1), "2");
    }
    log_->finish(kNever - 1);
    EXPECT_TRUE(test::until([this] { return log_->ended(); }));
    EXPECT_EQ(contents(path("log")).size(), line("1").size() + 1000 * line("2").size());
    EXPECT_TRUE(test::until([this] { return changes_ == 2; }));
    EXPECT_EQ(said(), "");
}

TEST_F(LogThreadTest, OpensThePathAnew) {
    start(path("log"));
    write(log_->sink(0), "1");
    EXPECT_TRUE(test::until([this] { return contents(path("log")) == line("1"); }));
    std::filesystem::rename(path("log"), path("old"));
    log_->reopen();
    EXPECT_TRUE(test::until([this] { return std::filesystem::exists(path("log")); }));
    write(log_->sink(0), "2");
    EXPECT_TRUE(test::until([this] { return contents(path("log")) == line("2"); }));
    EXPECT_EQ(contents(path("old")), line("1"));
}

TEST_F(LogThreadTest, APathThatCannotBeOpened) {
    start(path("no/such/directory"));
    ASSERT_TRUE(test::until([this] { return log_->ended(); }));
    ASSERT_NE(log_->opened(), nullptr);
    EXPECT_FALSE(*log_->opened());
}

}  // namespace
}  // namespace sluice

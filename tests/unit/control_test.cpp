#include "serve/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class FakeSignals final : public Signals {
  public:
    explicit FakeSignals(std::deque<Signal>& come) : come_(come) {}
    [[nodiscard]] std::intptr_t wait_handle() const noexcept override { return 7; }
    [[nodiscard]] Signal take() noexcept override {
        if (come_.empty()) {
            return Signal::none;
        }
        const Signal first = come_.front();
        come_.pop_front();
        return first;
    }

  private:
    std::deque<Signal>& come_;
};

// A clock that jumps to the deadline of each wait.
class FakeEvents final : public Events {
  public:
    explicit FakeEvents(Nanos& now) : now_(now) {}
    void wait(std::span<const std::intptr_t> handles, Nanos deadline) override {
        EXPECT_THAT(handles, ElementsAre(7));
        ASSERT_NE(deadline, kNever);
        now_ = std::max(now_, deadline);
    }
    void wake() noexcept override {}
    [[nodiscard]] Nanos clock() const noexcept override { return now_; }

  private:
    Nanos& now_;
};

class ControlTest : public testing::Test {
  protected:
    [[nodiscard]] bool wait_for(const std::function<bool()>& over, Nanos timeout) {
        return control_.wait_for(over, now_ + timeout, [] { return "3 connections"; });
    }

    std::deque<Signal> signals_;  // that have arrived
    Nanos now_ = 1000 * kSecond;
    int reloads_ = 0;
    int reopens_ = 0;
    std::vector<std::string> lines_;
    Control control_{std::make_unique<FakeSignals>(signals_),
                     std::make_unique<FakeEvents>(now_),
                     {.reload = [this] { ++reloads_; },
                      .reopen = [this] { ++reopens_; },
                      .say = [this](std::string_view line) { lines_.emplace_back(line); }}};
};

TEST_F(ControlTest, EverySignalThatHasComeIsTaken) {
    signals_ = {Signal::reload, Signal::stop, Signal::reopen, Signal::stop};
    control_.wait(now_);
    EXPECT_EQ(reloads_, 1);
    EXPECT_EQ(reopens_, 2) << "a reload opens the log anew, too";
    EXPECT_EQ(control_.stops(), 2);
    EXPECT_THAT(signals_, IsEmpty());
}

TEST_F(ControlTest, WhatIsOverSoonIsNotSaid) {
    const Nanos begin = now_;
    EXPECT_TRUE(wait_for([] { return true; }, kSecond));
    EXPECT_EQ(now_, begin);
    EXPECT_TRUE(wait_for([&] { return now_ > begin; }, 10 * kSecond));
    EXPECT_EQ(now_, begin + 500 * kMillisecond);
    EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(ControlTest, WhatIsWaitedForIsSaidNowAndThen) {
    signals_ = {Signal::stop};
    control_.wait(now_);
    EXPECT_FALSE(wait_for([] { return false; }, 8 * kSecond));
    const std::string end = " s more; a second signal stops at once)";
    const std::string begin = "stopping: waiting for 3 connections (at most ";
    EXPECT_THAT(lines_, ElementsAre(begin + "8" + end, begin + "5" + end, begin + "2" + end));
}

TEST_F(ControlTest, OneMoreSignalToStopEndsTheWait) {
    signals_ = {Signal::stop};
    control_.wait(now_);
    const Nanos begin = now_;
    EXPECT_FALSE(wait_for(
        [&] {
            if (now_ > begin + kSecond && control_.stops() == 1) {
                signals_ = {Signal::reload, Signal::stop};
            }
            return false;
        },
        60 * kSecond));
    EXPECT_LT(now_, begin + 10 * kSecond);
    EXPECT_EQ(reloads_, 1) << "the others are heard meanwhile";
    lines_.clear();
    EXPECT_FALSE(wait_for([] { return false; }, kSecond));
    EXPECT_THAT(lines_, ElementsAre("stopping: waiting for 3 connections (at most 1 s more; "
                                    "another signal stops at once)"));
}

}  // namespace
}  // namespace sluice

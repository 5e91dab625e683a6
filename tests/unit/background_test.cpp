#include "content/background.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "store_fixture.h"
#include "until.h"

namespace sluice::http {
namespace {

class BackgroundWorkTest : public testing::Test {
  protected:
    [[nodiscard]] bool drain_until(const std::function<bool()>& condition) {
        const Nanos end = test::monotonic_now() + 5 * kSecond;
        while (!condition()) {
            if (test::monotonic_now() > end) {
                return false;
            }
            work_->drain();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return true;
    }

    std::atomic<int> wakes_{0};
    std::unique_ptr<BackgroundWork> work_ = std::make_unique<BackgroundWork>([this] { ++wakes_; });
};

TEST_F(BackgroundWorkTest, JobsRunElsewhereAndFinishHereInOrder) {
    const auto here = std::this_thread::get_id();
    std::vector<int> finished;
    for (int i = 0; i < 3; ++i) {
        work_->submit([&finished, here, i](const std::stop_token&) {
            EXPECT_NE(std::this_thread::get_id(), here);
            return [&finished, here, i] {
                EXPECT_EQ(std::this_thread::get_id(), here);
                finished.push_back(i);
            };
        });
    }
    EXPECT_TRUE(drain_until([&] { return finished.size() == 3; }));
    EXPECT_EQ(finished, (std::vector<int>{0, 1, 2}));
    EXPECT_EQ(work_->pending(), 0U);
    EXPECT_GT(wakes_, 0);
}

TEST_F(BackgroundWorkTest, TheEndStopsARunningJobAndDropsTheRest) {
    std::atomic<bool> began = false;
    std::atomic<bool> second = false;
    bool finished = false;
    work_->submit([&](const std::stop_token& stop) {
        began = true;
        while (!stop.stop_requested()) {
            std::this_thread::yield();
        }
        return [&] { finished = true; };
    });
    work_->submit([&](const std::stop_token&) {
        second = true;
        return nullptr;
    });
    EXPECT_TRUE(drain_until([&] { return began.load(); }));
    work_.reset();
    EXPECT_FALSE(second);
    EXPECT_FALSE(finished);
}

TEST_F(BackgroundWorkTest, AJobThatMayNeverEndIsLeftBehindWithThoseThatWait) {
    struct State {
        std::atomic<bool> began = false;
        std::atomic<bool> released = false;
        std::atomic<bool> ended = false;
        std::atomic<int> wakes = 0;
    };
    const auto state = std::make_shared<State>();
    work_ = std::make_unique<BackgroundWork>([state] { ++state->wakes; }, true,
                                             BackgroundWork::AtEnd::leave);
    work_->submit([state](const std::stop_token&) {
        state->began = true;
        while (!state->released) {
            std::this_thread::yield();
        }
        return nullptr;
    });
    work_->submit([state](const std::stop_token&) {
        state->ended = true;
        return nullptr;
    });
    EXPECT_TRUE(drain_until([&] { return state->began.load(); }));
    work_.reset();
    EXPECT_FALSE(state->ended);
    state->released = true;
    EXPECT_TRUE(test::until([&] { return state->ended.load(); }));
    EXPECT_EQ(state->wakes, 0);
}

TEST_F(BackgroundWorkTest, AJobMayHaveNothingToSay) {
    std::atomic<bool> ran = false;
    work_->submit([&](const std::stop_token&) {
        ran = true;
        return nullptr;
    });
    EXPECT_TRUE(drain_until([&] { return ran && work_->pending() == 0; }));
}

}  // namespace
}  // namespace sluice::http

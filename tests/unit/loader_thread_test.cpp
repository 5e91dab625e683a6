#include "serve/loader_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <semaphore>
#include <string>

#include "temp_tree.h"
#include "until.h"

namespace sluice {
namespace {

class LoaderThreadTest : public testing::Test {
  protected:
    ~LoaderThreadTest() override { hung_.release(); }

    void start(unsigned views = 1) {
        auto started = LoaderThread::start(
            options_, views,
            {.state_changed = [this] { ++changes_; }, .published = [this] { ++published_; }});
        ASSERT_TRUE(started);
        loader_ = std::move(*started);
    }
    // As its worker would do it.
    [[nodiscard]] bool shows(unsigned view, std::string_view path) {
        (void)loader_->view(view).refresh();
        return loader_->view(view).current().find(path) != nullptr;
    }
    void end() {
        loader_->stop();
        EXPECT_TRUE(test::until([this] { return loader_->ended(); }));
    }

    test::TempTree tree_;
    http::ContentOptions options_{.root = tree_.root()};
    std::atomic<int> changes_{0};
    std::atomic<int> published_{0};
    std::binary_semaphore hung_{0};
    std::unique_ptr<LoaderThread> loader_;
};

TEST_F(LoaderThreadTest, KeepsEveryViewInStep) {
    tree_.write("a.txt", "a");
    start(2);
    ASSERT_TRUE(test::until([this] { return loader_->opened() != nullptr; }));
    ASSERT_TRUE(*loader_->opened());
    EXPECT_TRUE(shows(0, "/a.txt"));
    EXPECT_TRUE(shows(1, "/a.txt"));
    const int before = published_;
    tree_.write("b.txt", "b");
    EXPECT_TRUE(test::until([this] { return shows(0, "/b.txt"); }));
    EXPECT_TRUE(test::until([this] { return shows(1, "/b.txt"); }));
    EXPECT_TRUE(test::until([&] { return published_ >= before + 2; }));
    end();
    EXPECT_TRUE(test::until([this] { return changes_ == 2; }));
}

TEST_F(LoaderThreadTest, ARootThatIsNotThere) {
    options_.root += "/no/such/root";
    start();
    ASSERT_TRUE(test::until([this] { return loader_->ended(); }));
    ASSERT_NE(loader_->opened(), nullptr);
    ASSERT_FALSE(*loader_->opened());
    EXPECT_NE(loader_->opened()->error().what.find("/no/such/root"), std::string::npos);
}

// A root that cannot be watched causes a warning, on the loader's thread, during open().
TEST_F(LoaderThreadTest, NobodyWaitsForOneThatHangs) {
    std::atomic<bool> hangs = false;
    options_.watch = false;
    options_.warn = [&](std::string_view) {
        hangs = true;
        hung_.acquire();
    };
    start();
    ASSERT_TRUE(test::until([&] { return hangs.load(); }));
    loader_->look_again();
    loader_->stop();
    EXPECT_EQ(loader_->opened(), nullptr);
    EXPECT_FALSE(loader_->ended());
    hung_.release();
    EXPECT_TRUE(test::until([this] { return loader_->ended(); }));
}

}  // namespace
}  // namespace sluice

// A walk has limits: links that multiply, work in slices, and what is reported and heard meanwhile.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "content/store.h"
#include "store_fixture.h"

namespace sluice::http {
namespace {

class ContentWalkTest : public test::StoreTest {
  protected:
    // Each directory links twice to the next, and the last one has a file.
    void make_bomb(const std::string& name, int levels) const {
        const auto level = [&](int i) { return name + "/d" + std::to_string(i); };
        for (int i = 0; i < levels; ++i) {
            std::filesystem::create_directories(tree_.path(level(i)));
        }
        tree_.write(level(levels - 1) + "/x", "end");
        for (int i = 0; i + 1 < levels; ++i) {
            for (const char* link : {"/a", "/b"}) {
                std::filesystem::create_directory_symlink("../d" + std::to_string(i + 1),
                                                          tree_.path(level(i) + link));
            }
        }
    }
    // Each call of work_clock advances it this much: a slice is a few names.
    void tick(Nanos each) {
        options_.work_clock = [this, each] { return work_now_ += each; };
    }

    Nanos work_now_ = 0;
};

TEST_F(ContentWalkTest, LinksThatMultiplyAreBounded) {
    options_.repeated_max = 500;
    make_bomb("bomb", 40);
    tree_.write("site/index.html", "site");
    open();
    EXPECT_EQ(body("/site/"), "site");
    EXPECT_EQ(body("/bomb/d39/x"), "end") << "what is there without links is there";
    EXPECT_EQ(body("/bomb/d38/a/x"), "end") << "and what one link leads to";
    const ContentStats stats = store_->stats();
    EXPECT_LE(stats.files + stats.directories, 17U * 44U);
    EXPECT_TRUE(warned("again and again"));
    // It stays bounded, and other files are served.
    make_bomb("another", 40);
    tree_.write("new", "new");
    EXPECT_TRUE(
        step_until([this] { return body("/new") == "new" && body("/another/d39/x") == "end"; }));
    EXPECT_LE(store_->stats().files + store_->stats().directories, 17U * 90U);
    // What is removed makes room again.
    std::filesystem::remove_all(tree_.path("bomb"));
    std::filesystem::remove_all(tree_.path("another"));
    EXPECT_TRUE(step_until([this] { return store_->stats().directories == 1; }));
    std::filesystem::create_directory_symlink("site", tree_.path("link"));
    EXPECT_TRUE(step_until([this] { return body("/link/") == "site"; }));
}

// The same images in each version: many links, and no link bomb.
TEST_F(ContentWalkTest, ManyLinksToOneDirectoryAreServed) {
    options_.repeated_max = 0;
    tree_.write("shared/a", "a");
    for (int i = 0; i < 30; ++i) {
        const std::string version = "v" + std::to_string(i);
        tree_.write(version + "/index.html", "i");
        std::filesystem::create_directory_symlink("../shared", tree_.path(version + "/shared"));
    }
    open();
    for (int i = 0; i < 30; ++i) {
        EXPECT_EQ(body("/v" + std::to_string(i) + "/shared/a"), "a") << i;
    }
}

TEST_F(ContentWalkTest, InSlicesTheSameIsFound) {
    options_.slice = 0;
    for (int i = 0; i < 300; ++i) {
        tree_.write("d" + std::to_string(i % 7) + "/e/f" + std::to_string(i), "x");
    }
    tree_.write("d0/page", std::string(100, 'a'));
    tree_.write("d0/index.html", "index");
    std::filesystem::create_directory_symlink("d0", tree_.path("link"));
    open();
    const ContentStats stats = store_->stats();
    EXPECT_EQ(stats.files, 302U + 45U);
    EXPECT_EQ(stats.directories, 14U + 2U);
    EXPECT_EQ(body("/link/"), "index");
    for (int i = 0; i < 100; ++i) {
        tree_.write("new/f" + std::to_string(i), "y");
        std::filesystem::remove(tree_.path("d1/e/f" + std::to_string(1 + 7 * (i % 40))));
    }
    EXPECT_TRUE(step_until([this] {
        return store_->stats().files == 302U + 45U + 100U - 40U && body("/new/f99") == "y";
    }));
}

// While many files are looked at, a change elsewhere does not wait until that is over.
TEST_F(ContentWalkTest, OtherChangesAreSeenMeanwhile) {
    options_.slice = 10 * kMillisecond;
    tree_.write("a", "old");
    open();
    step_for(50 * kMillisecond);
    tick(kMillisecond);
    TearDown();
    open();
    Nanos now = test::monotonic_now();
    const auto step = [&] {
        store_->step(now += 50 * kMillisecond);
        (void)view_->refresh();
    };
    for (int i = 0; i < 3000; ++i) {
        test::TempTree::write_at(tree_.beside("many/f" + std::to_string(i)), "x");
    }
    std::filesystem::rename(tree_.beside("many"), tree_.path("many"));
    for (int i = 0; i < 5; ++i) {
        step();
    }
    ASSERT_EQ(find("/many/f0"), nullptr) << "is being looked at";
    tree_.replace("a", "new");
    int steps = 0;
    while (body("/a") != "new" && ++steps < 1000) {
        step();
    }
    EXPECT_EQ(body("/a"), "new");
    EXPECT_EQ(find("/many/f0"), nullptr) << "still";
    EXPECT_LT(steps, 20);
    while (store_->stats().entries != 3001 && ++steps < 10000) {
        step();
    }
    EXPECT_EQ(body("/many/f2999"), "x");
}

TEST_F(ContentWalkTest, WhatTakesLongIsReported) {
    for (int i = 0; i < 300; ++i) {
        tree_.write("f" + std::to_string(i), "x");
    }
    tick(10 * kMillisecond);
    open();
    ASSERT_FALSE(warnings_.empty());
    EXPECT_EQ(warnings_[0].find("looking through '" + tree_.root() + "': "), 0U);
    EXPECT_TRUE(warnings_[0].ends_with(" files so far"));
}

TEST_F(ContentWalkTest, TheFirstLookEndsWhenItIsAskedTo) {
    std::stop_source stop;
    options_.stop = stop.get_token();
    for (int i = 0; i < 300; ++i) {
        tree_.write("f" + std::to_string(i), "x");
    }
    int looks = 0;
    options_.work_clock = [&] {
        if (++looks == 50) {
            stop.request_stop();
        }
        return Nanos{0};
    };
    open();
    EXPECT_LT(looks, 100);
    EXPECT_LT(store_->stats().files, 100U);
}

// What belongs together is shown together, however many slices it takes.
TEST_F(ContentWalkTest, ADirectoryIsShownWhole) {
    tree_.write("a", "a");
    options_.slice = 0;
    open();
    for (int i = 0; i < 200; ++i) {
        test::TempTree::write_at(tree_.beside("d/f" + std::to_string(i)), "x");
    }
    std::filesystem::rename(tree_.beside("d"), tree_.path("d"));
    Nanos now = test::monotonic_now();
    const std::uint64_t version = store_->stats().version;
    for (int i = 0; i < 5000 && find("/d/f0") == nullptr; ++i) {
        store_->step(now += 50'000);
        (void)view_->refresh();
    }
    EXPECT_EQ(store_->stats().version, version + 1);
    EXPECT_EQ(body("/d/f199"), "x");
}

}  // namespace
}  // namespace sluice::http

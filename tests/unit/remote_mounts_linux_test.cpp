// Remote mounts, scanned by other threads; here they are ordinary directories.
#include "content/remote_mounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store_fixture.h"
#include "temp_tree.h"
#include "until.h"

namespace sluice::http {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Key;

class RemoteMountsTest : public testing::Test {
  protected:
    void SetUp() override {
        std::filesystem::create_directory(tree_.path("far"));
        set_mounts({{"/far", 1}});
    }
    void set_mounts(const std::vector<std::pair<std::string, std::uint64_t>>& mounts) {
        Mounts table;
        for (const auto& [path, id] : mounts) {
            table[path] = {
                .id = id, .device = "0:1", .root = "/", .kind = fs::FilesystemKind::remote};
        }
        mounts_->set_mounts(table, tree_.root());
    }
    // Steps until the volume was scanned once more.
    void scan_once() {
        bool scanned = false;
        now_ += 2 * kSecond;
        EXPECT_TRUE(test::until([&] {
            step();
            scanned = scanned || !news_.volumes.empty();
            return scanned;
        }));
    }
    void step() {
        mounts_->step(now_, copy_max_);
        news_ = mounts_->take_news();
    }
    [[nodiscard]] std::expected<fs::Opened, Status> open(const std::string& path) {
        return mounts_->open(tree_.path(path));
    }
    [[nodiscard]] fs::Opened opened(const std::string& path) {
        std::expected<fs::Opened, Status> file = open(path);
        EXPECT_TRUE(test::until([&] {
            step();
            file = file ? std::move(file) : open(path);
            return file.has_value();
        })) << path;
        return file ? std::move(*file) : fs::Opened{};
    }
    [[nodiscard]] Status status(const std::string& path) {
        const auto file = open(path);
        return file ? Status::ok : file.error();
    }
    [[nodiscard]] std::vector<std::string> list(const std::string& path) {
        std::vector<std::string> names;
        EXPECT_EQ(mounts_->list(tree_.path(path),
                                [&](std::string_view name, fs::Kind) { names.emplace_back(name); }),
                  Status::ok);
        return names;
    }
    static std::string bytes_of(const fs::Opened& file) {
        return test::read_at(file.file.handle(), 0, 1000);
    }

    test::TempTree tree_;
    std::vector<std::string> said_;
    Nanos now_ = 0;
    std::uint64_t copy_max_ = 1000;
    RemoteMounts::News news_;
    std::unique_ptr<RemoteMounts> mounts_ = std::make_unique<RemoteMounts>(
        RemoteMounts::Options{.items_max = 1000,
                              .warn = [this](std::string_view line) { said_.emplace_back(line); },
                              .wake = [] {}});
};

TEST_F(RemoteMountsTest, WhatLiesInOne) {
    set_mounts({{"/far", 1}, {"/far-off", 2}, {"/far/inside", 3}});
    for (const char* path : {"far", "far/x", "far/inside/x", "far-off", "far-off/x"}) {
        EXPECT_TRUE(mounts_->has(tree_.path(path))) << path;
    }
    for (const char* path : {"", "fa", "farther", "x/far"}) {
        EXPECT_FALSE(mounts_->has(tree_.path(path))) << path;
    }
    EXPECT_FALSE(mounts_->has("/far"));
    EXPECT_TRUE(mounts_->may_begin_at("far"));
    EXPECT_FALSE(mounts_->may_begin_at("inside"));
}

TEST_F(RemoteMountsTest, IsSeenOnceItWasScanned) {
    tree_.write("far/sub/x", "1");
    EXPECT_EQ(status("far"), fs::kPending);
    EXPECT_FALSE(mounts_->idle());
    scan_once();
    EXPECT_TRUE(mounts_->idle());
    EXPECT_THAT(news_.volumes, ElementsAre("/far"));
    EXPECT_THAT(list("far"), ElementsAre("sub"));
    EXPECT_THAT(list("far/sub"), ElementsAre("x"));
    tree_.write("far/sub/y", "2");
    EXPECT_THAT(list("far/sub"), ElementsAre("x"));
    scan_once();
    EXPECT_THAT(list("far/sub"), ElementsAre("x", "y"));
    const auto info = mounts_->info(tree_.path("far/sub/y"), false);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->stamp.size, 1U);
    EXPECT_EQ(status("far/sub/z"), Status::not_found);
    const auto directory = open("far/sub");
    ASSERT_TRUE(directory);
    EXPECT_EQ(directory->file.handle(), -1);
}

TEST_F(RemoteMountsTest, FilesAreCopiedUnlessTheyAreLarge) {
    tree_.write("far/small", "small");
    tree_.write("far/large", std::string(1001, 'l'));
    scan_once();
    EXPECT_EQ(status("far/small"), fs::kPending);
    const fs::Opened small = opened("far/small");
    EXPECT_EQ(small.source, fs::Source::copy);
    EXPECT_EQ(small.info.stamp.size, 5U);
    tree_.write("far/small", "other");
    EXPECT_EQ(bytes_of(small), "small");
    const fs::Opened large = opened("far/large");
    EXPECT_EQ(large.source, fs::Source::remote);
    EXPECT_EQ(bytes_of(large), std::string(1000, 'l'));
}

TEST_F(RemoteMountsTest, WhatIsOpenedAndNotTakenIsClosed) {
    tree_.write("far/x", "x");
    scan_once();
    EXPECT_EQ(status("far/x"), fs::kPending);
    EXPECT_TRUE(test::until([&] {
        step();
        return !news_.files.empty();
    }));
    EXPECT_THAT(news_.files, ElementsAre(tree_.path("far/x")));
    now_ += kSecond;
    step();
    EXPECT_EQ(status("far/x"), fs::kPending);
}

TEST_F(RemoteMountsTest, FilesAreClosedWithTheNextScanOrWithTheVolume) {
    copy_max_ = 0;
    tree_.write("far/x", "x");
    scan_once();
    const std::size_t before = test::open_descriptors();
    { const fs::Opened file = opened("far/x"); }
    scan_once();
    EXPECT_EQ(test::open_descriptors(), before);
    {
        const fs::Opened file = opened("far/x");
        set_mounts({});
    }
    EXPECT_TRUE(test::until([&] { return test::open_descriptors() <= before; }));
    EXPECT_TRUE(mounts_->empty());
}

// A listing that is read while names are renamed may lack one. Hidden names are never in a listing,
// and stand for that here.
TEST_F(RemoteMountsTest, WhatAListingLacksIsLookedForOnceMore) {
    tree_.write("far/sub/.there", "x");
    auto sub = std::make_shared<RemoteDirectory>();
    sub->items = {{".there", {}}, {"gone", {}}};
    auto before = std::make_shared<RemoteDirectory>();
    before->items = {{"sub", {.directory = sub}}, {"gone too", {.directory = sub}}};
    const RemoteTask task{.root = tree_.root(),
                          .path = tree_.path("far"),
                          .items_max = 1000,
                          .copy_max = 0,
                          .stop = {},
                          .answers = std::make_shared<std::atomic<std::uint64_t>>()};
    const auto seen = scan(task, before);
    ASSERT_NE(seen, nullptr);
    ASSERT_THAT(seen->items, ElementsAre(Key("sub")));
    EXPECT_THAT(seen->items.at("sub").directory->items, ElementsAre(Key(".there")));
    EXPECT_GT(*task.answers, 0U);
}

TEST_F(RemoteMountsTest, AnotherMountIsScannedAnew) {
    tree_.write("far/x", "x");
    scan_once();
    set_mounts({{"/far", 1}});
    EXPECT_EQ(status("far"), Status::ok);
    set_mounts({{"/far", 2}});
    EXPECT_EQ(status("far"), fs::kPending);
    scan_once();
    EXPECT_THAT(list("far"), ElementsAre("x"));
}

TEST_F(RemoteMountsTest, OneThatCannotBeOpened) {
    std::filesystem::remove(tree_.path("far"));
    scan_once();
    EXPECT_EQ(status("far"), Status::io_error);
    tree_.write("far/x", "x");
    scan_once();
    EXPECT_EQ(status("far"), Status::ok);
    EXPECT_THAT(said_, IsEmpty());
}

}  // namespace
}  // namespace sluice::http

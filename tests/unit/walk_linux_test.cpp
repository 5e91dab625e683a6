// Pseudo file systems, and renamed directories that are taken over without being read.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <filesystem>
#include <string>

#include "content/store.h"
#include "store_fixture.h"

namespace sluice::http {
namespace {

class ContentMoveTest : public test::StoreTest {
  protected:
    [[nodiscard]] std::int64_t accessed_ns(const std::string& name) const {
        struct stat info {};
        EXPECT_EQ(::stat(tree_.path(name).c_str(), &info), 0);
        return info.st_atim.tv_sec * kSecond + info.st_atim.tv_nsec;
    }
    // Far in the past: with relatime the next read changes it.
    void age_access(const std::string& name) const {
        struct stat info {};
        ASSERT_EQ(::stat(tree_.path(name).c_str(), &info), 0);
        const timeval times[2] = {{1'000'000, 0}, {info.st_mtim.tv_sec, 0}};
        ASSERT_EQ(::utimes(tree_.path(name).c_str(), times), 0);
    }
    void fill(const std::string& directory) const {
        for (int i = 0; i < 50; ++i) {
            tree_.write(directory + "/f" + std::to_string(i), "small " + std::to_string(i));
        }
        tree_.write(directory + "/large", std::string(100'000, 'l'));
        tree_.write(directory + "/sub/page.html", "<p>page");
        tree_.write(directory + "/index.html", "index");
    }
};

TEST_F(ContentMoveTest, ARenamedDirectoryIsNotReadAgain) {
    fill("old");
    for (const char* name : {"old/f7", "old/large", "old/sub/page.html"}) {
        age_access(name);
    }
    open();
    step_for(60 * kMillisecond);
    ASSERT_TRUE(step_until([this] { return store_->stats().checks == 0; }));
    const std::string etag = find("/old/large")->etag;
    const std::string type = std::string(find("/old/sub/page.html")->content_type);
    // Reading would change these times, if the file system keeps them at all.
    const auto f7 = accessed_ns("old/f7");
    const auto large = accessed_ns("old/large");
    std::filesystem::rename(tree_.path("old"), tree_.path("new"));
    bool gap = false;
    EXPECT_TRUE(step_until([&] {
        gap = gap || (find("/old/f7") == nullptr && find("/new/f7") == nullptr);
        return find("/old/f7") == nullptr && find("/new/f7") != nullptr;
    }));
    EXPECT_FALSE(gap);
    EXPECT_EQ(body("/new/f7"), "small 7");
    EXPECT_EQ(body("/new/"), "index");
    EXPECT_EQ(body("/new/sub/page.html"), "<p>page");
    EXPECT_EQ(find("/new/large")->etag, etag);
    EXPECT_EQ(find("/new/large")->file_offset, 0U) << "in its old place in memory";
    EXPECT_EQ(find("/new/sub/page.html")->content_type, type);
    EXPECT_EQ(accessed_ns("new/f7"), f7);
    EXPECT_EQ(accessed_ns("new/large"), large);
    EXPECT_EQ(store_->stats().files, 53U);
    // Its watches exist.
    tree_.replace("new/f7", "changed");
    tree_.write("new/sub/page.html", "<p>edited", 0);
    EXPECT_TRUE(step_until([this] {
        return body("/new/f7") == "changed" && body("/new/sub/page.html") == "<p>edited";
    }));
}

TEST_F(ContentMoveTest, WhatWasChangedWithTheRenameIsRead) {
    fill("old");
    open();
    step_for(60 * kMillisecond);
    tree_.replace("old/f3", "other");
    std::filesystem::rename(tree_.path("old"), tree_.path("new"));
    tree_.write("new/f4", "4 other", 0);
    EXPECT_TRUE(step_until([this] {
        return body("/new/f3") == "other" && body("/new/f4") == "4 other" && !find("/old/f3");
    }));
}

// Live and unloaded files are taken over, too, with their digests.
TEST_F(ContentMoveTest, FilesOnDiskKeepTheirDigests) {
    options_.memory_budget_bytes = 0;
    options_.open_files_max = 8;
    fill("old");
    open();
    ASSERT_TRUE(step_until([this] {
        return store_->stats().digests == 0 && !find("/old/large")->etag.starts_with("W/");
    }));
    const std::string etag = find("/old/large")->etag;
    std::filesystem::rename(tree_.path("old"), tree_.path("new"));
    EXPECT_TRUE(step_until([&] {
        const Entry* entry = find("/new/large");
        EXPECT_TRUE(entry == nullptr || entry->etag == etag) << entry->etag;
        return entry != nullptr && !find("/old/large");
    }));
}

// Its old name is not removed while it is being listed under the new one, however long that takes.
TEST_F(ContentMoveTest, TheOldNameStaysUntilTheNewOneIsThere) {
    options_.slice = 0;
    fill("old");
    for (int i = 0; i < 300; ++i) {
        tree_.write("old/more" + std::to_string(i), "m");
    }
    open();
    Nanos now = test::monotonic_now() + 10 * kSecond;  // nothing is racy any more
    for (int i = 0; i < 1000 && store_->next_deadline() <= now; ++i) {
        store_->step(now);
    }
    std::filesystem::rename(tree_.path("old"), tree_.path("new"));
    for (int i = 0; i < 3000 && find("/old/f7") != nullptr; ++i) {
        store_->step(now += 20 * kMillisecond);
        (void)view_->refresh();
        ASSERT_TRUE(find("/old/f7") != nullptr || find("/new/f7") != nullptr);
    }
    EXPECT_EQ(find("/old/f7"), nullptr);
    EXPECT_EQ(body("/new/sub/page.html"), "<p>page");
}

TEST(ContentPseudoTest, TheSystemsOwnStateIsNoRoot) {
    ContentOptions options;
    options.root = "/proc";
    const auto store = ContentStore::open(options);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().what,
              "cannot serve '/proc': it holds the state of the system and no files");
}

class ContentPseudoLinkTest : public test::StoreTest {};

TEST_F(ContentPseudoLinkTest, IsLeftOutAndThatIsSaid) {
    options_.follow_links = true;
    tree_.write("a", "a");
    std::filesystem::create_directory_symlink("/proc", tree_.path("proc"));
    std::filesystem::create_symlink("/proc/self/environ", tree_.path("environ"));
    std::filesystem::create_directory_symlink("/sys/kernel", tree_.path("kernel"));
    open();
    EXPECT_EQ(store_->stats().entries, 1U);
    ASSERT_EQ(warnings_.size(), 1U);
    EXPECT_EQ(warnings_[0],
              "not served, because it holds the state of the system and no files: '/environ' "
              "'/kernel' '/proc'");
}

}  // namespace
}  // namespace sluice::http

// How the content store follows files that are replaced by rename, removed, linked or given other
// permissions while it has them open, which Windows refuses or does not distinguish from other
// changes.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "content/store.h"
#include "follow_fixture.h"
#include "http/content_digest.h"
#include "store_fixture.h"
#include "tests/slow.h"

namespace sluice::http {
namespace {

using test::content_etag;
using test::monotonic_now;

TEST_F(ContentFollowTest, WhatMovesNoBytesIsRefreshedAndKeepsItsTag) {
    tree_.write("a", text('a'));
    open();
    ASSERT_TRUE(strong("/a", text('a')));
    const std::string tag = etag("/a");
    std::string worst = tag;
    const auto until = [&](const std::function<bool()>& condition) {
        return step_until([&] {
            worst = etag("/a") == tag ? worst : etag("/a");
            return condition();
        });
    };
    const std::int64_t mtime = find("/a")->mtime_seconds;
    std::filesystem::last_write_time(
        tree_.path("a"), std::filesystem::file_time_type::clock::now() - std::chrono::hours(5));
    EXPECT_TRUE(until([&] { return find("/a")->mtime_seconds < mtime - 10'000; })) << "touched";
    // As a deploy of the same bytes does it.
    tree_.replace("a", text('a'));
    EXPECT_TRUE(until([&] { return find("/a")->mtime_seconds > mtime; })) << "replaced";
    EXPECT_EQ(worst, tag) << "the tag moved in between";
    EXPECT_NE(digest("/a"), nullptr);
    EXPECT_EQ(body("/a"), text('a'));
    EXPECT_TRUE(step_until([this] { return store_->stats().open_files == 1; }));
}

// When the system reports that only metadata changed, no bytes are read: nothing is published for
// what is in memory, and what is sent from disk gets its new stamp at once.
TEST_F(ContentFollowTest, PermissionsAndLinksReadNothing) {
    options_.memory_budget_bytes = 1024 * 1024;
    tree_.write("large", text('a'));
    tree_.write("kept", text('b', 100'000));
    open();
    ASSERT_TRUE(find("/large")->live_file());
    ASSERT_FALSE(find("/kept")->live_file());
    ASSERT_TRUE(strong("/large", text('a')));
    const FileStamp before = find("/large")->stamp;
    const std::intptr_t file = find("/large")->file;
    const Entry* kept = find("/kept");
    for (const char* name : {"large", "kept"}) {
        std::filesystem::permissions(tree_.path(name), std::filesystem::perms::owner_read);
        std::filesystem::create_hard_link(tree_.path(name), tree_.beside(name));
    }
    EXPECT_TRUE(step_until([&] { return find("/large")->stamp != before; }));
    step_for(100 * kMillisecond);
    EXPECT_EQ(find("/large")->file, file) << "the same open file";
    EXPECT_EQ(etag("/large"), content_etag(text('a')));
    EXPECT_NE(digest("/large"), nullptr);
    EXPECT_EQ(find("/kept"), kept);
}

TEST_F(ContentFollowTest, OtherBytesAreAnotherVersion) {
    tree_.write("a", text('a'));
    tree_.write("b", text('b'));
    open();
    ASSERT_TRUE(strong("/a", text('a')));
    ASSERT_TRUE(strong("/b", text('b')));
    const Nanos begin = monotonic_now();
    tree_.replace("a", text('c'));
    EXPECT_TRUE(step_until([this] { return etag("/a") != content_etag(text('a')); }));
    EXPECT_LT(monotonic_now() - begin, kSecond);
    EXPECT_EQ(body("/a"), text('c'));
    EXPECT_TRUE(strong("/a", text('c')));
    // Of the same size, in place, and with the old time: only the bytes differ.
    const auto time = std::filesystem::last_write_time(tree_.path("b"));
    rewrite("b", text('d'));
    std::filesystem::last_write_time(tree_.path("b"), time);
    EXPECT_TRUE(strong("/b", text('d')));
    tree_.replace("a", text('e') + "longer");
    EXPECT_TRUE(strong("/a", text('e') + "longer"));
}

// Requested before an edit that restored the mtime was reported: its ctime differs.
TEST_F(ContentFollowTest, AnUnloadedFileThatWasEditedIsNotTheVersionItWas) {
    options_.open_files_max = 1;
    for (const char* name : {"a", "b"}) {
        tree_.write(name, text('a'));
    }
    open();
    for (const char* path : {"/a", "/b"}) {
        ASSERT_TRUE(strong(path, text('a')));
    }
    step_for(100 * kMillisecond);
    const std::string name = find("/a")->unloaded ? "a" : "b";
    const auto time = std::filesystem::last_write_time(tree_.path(name));
    ASSERT_TRUE(view_->request_load(*find("/" + name)));
    rewrite(name, text('d'));
    std::filesystem::last_write_time(tree_.path(name), time);
    bool wrong = false;
    EXPECT_TRUE(step_until([&] {
        const Entry& entry = *find("/" + name);
        wrong = wrong || (!entry.unloaded && entry.etag == content_etag(text('a')));
        return !entry.unloaded && entry.etag == content_etag(text('d'));
    }));
    EXPECT_FALSE(wrong);
}

// In one step: a digest is finished, and its file turns out to be gone.
TEST_F(ContentFollowTest, AFileThatGoesWhileItIsHashed) {
    options_.watch = false;
    options_.background_thread = false;
    options_.wall_now_ns = [] { return fs::wall_now_ns() + 10 * kSecond; };  // the files are old
    tree_.write("a", text('a'));
    tree_.write("b", text('b'));
    open();
    Nanos now = monotonic_now();
    store_->step(now);
    EXPECT_EQ(store_->stats().digests, 2U);
    std::filesystem::remove(tree_.path("a"));
    std::filesystem::remove(tree_.path("b"));
    for (int i = 0; i < 3; ++i) {
        store_->step(now += 3 * kSecond);
    }
    EXPECT_EQ(store_->stats().digests, 0U);
    EXPECT_EQ(store_->stats().files, 0U);
    (void)view_->refresh();
    EXPECT_EQ(find("/a"), nullptr);
}

}  // namespace
}  // namespace sluice::http

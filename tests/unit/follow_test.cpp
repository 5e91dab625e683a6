// How the content store follows files that stay on disk: versions, what validators are made of,
// files that grow, and clocks.
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

TEST_F(ContentFollowTest, TheTagIsWeakUntilTheBytesHaveBeenHashed) {
    tree_.write("a", text('a'));
    tree_.write("copy", text('a'));
    tree_.write("longer", text('a') + "x");
    open();
    EXPECT_TRUE(weak("/a")) << "nothing waits for a hash";
    EXPECT_EQ(etag("/a"), etag("/copy")) << "size and time are all that it is made of";
    EXPECT_NE(etag("/a"), etag("/longer"));
    EXPECT_EQ(digest("/a"), nullptr);
    EXPECT_TRUE(strong("/a", text('a')));
    EXPECT_TRUE(strong("/longer", text('a') + "x"));
    EXPECT_EQ(etag("/a"), etag("/copy"));
    ASSERT_NE(digest("/a"), nullptr);
    EXPECT_EQ(digest("/a")->blocks.size(), 4U);
    EXPECT_GT(store_->stats().memory_bytes, 3 * 4 * sizeof(std::uint64_t)) << "digests are counted";
    EXPECT_TRUE(step_until([this] { return store_->stats().digests == 0; }));
    const std::uint64_t version = store_->stats().version;
    step_for(100 * kMillisecond);
    EXPECT_EQ(store_->stats().version, version);
}

// The ETag does not depend on where the bytes are stored.
TEST_F(ContentFollowTest, TheTagIsThatOfTheSameFileInMemory) {
    tree_.write("a", text('a'));
    open();
    EXPECT_TRUE(strong("/a", text('a')));
    store_->detach(*view_);
    view_.reset();
    store_.reset();
    options_.memory_budget_bytes = 64 * 1024 * 1024;
    open();
    EXPECT_FALSE(find("/a")->live_file());
    EXPECT_EQ(etag("/a"), content_etag(text('a')));
}

TEST_F(ContentFollowTest, UnloadedFilesAreHashedToo) {
    options_.open_files_max = 1;
    for (int i = 0; i < 5; ++i) {
        tree_.write("f" + std::to_string(i), text(static_cast<char>('a' + i)));
    }
    open();
    EXPECT_GE(store_->stats().unloaded_entries, 4U);
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(strong("/f" + std::to_string(i), text(static_cast<char>('a' + i))));
    }
    EXPECT_GE(store_->stats().unloaded_entries, 4U);
    // When opened again, it is the same version.
    const auto unloaded = [this] {
        for (int i = 0; i < 5; ++i) {
            const std::string path = "/f" + std::to_string(i);
            if (find(path)->unloaded) {
                return path;
            }
        }
        return std::string();
    };
    const std::string path = unloaded();
    const std::string before = etag(path);
    EXPECT_TRUE(view_->request_load(*find(path)));
    EXPECT_TRUE(step_until([&] { return !find(path)->unloaded; }));
    EXPECT_EQ(etag(path), before);
    EXPECT_NE(digest(path), nullptr);
}

// ---- Growth ------------------------------------------------------------------------------------

TEST_F(ContentFollowTest, AFileThatGrowsIsHashedFromItsOldEnd) {
    tree_.write("log", text('a'));
    open();
    ASSERT_TRUE(strong("/log", text('a')));
    std::string bytes = text('a');
    for (int i = 0; i < 5; ++i) {
        const std::string more = text(static_cast<char>('b' + i), 100'000);
        bytes += more;
        append("log", more);
        ASSERT_TRUE(step_until([&] { return find("/log")->size == bytes.size(); })) << i;
        EXPECT_TRUE(weak("/log"));
        const ContentDigest* grown = digest("/log");
        ASSERT_NE(grown, nullptr) << i;
        EXPECT_EQ(grown->size, bytes.size());
        EXPECT_EQ(grown->whole, 0U);
        DigestMaker maker;
        maker.add(bytes.data(), bytes.size());
        EXPECT_EQ(grown->blocks, maker.finish().blocks) << i;
    }
    EXPECT_TRUE(strong("/log", bytes)) << "once it is quiet";
}

// A look found it racy, and it is reported once more: the digest still holds.
TEST_F(ContentFollowTest, AFileThatGrewCanBeVerifiedWhenItPauses) {
    std::int64_t clock_stands_at = 0;
    options_.wall_now_ns = [&] {
        return clock_stands_at != 0 ? clock_stands_at : fs::wall_now_ns();
    };
    std::string bytes = text('a');
    tree_.write("log", bytes);
    open();
    ASSERT_TRUE(strong("/log", bytes));
    const std::string line = "one more line\n";
    for (int i = 0; i < 3; ++i) {
        bytes += line;
        std::ofstream file(tree_.path("log"), std::ios::binary | std::ios::app);
        file << line << std::flush;
        clock_stands_at = i == 0 ? 0 : fs::wall_now_ns();
        ASSERT_TRUE(step_until([&] { return find("/log")->size == bytes.size(); }));
        file.close();
        step_for(200 * kMillisecond);
        clock_stands_at = 0;
        step_for(200 * kMillisecond);
        EXPECT_NE(digest("/log"), nullptr) << i;
    }
}

// Every published version can be verified, so that no download of it is cut.
TEST_F(ContentFollowTest, WhatGrowsByMuchAtOnceIsShownAsFarAsItIsHashed) {
    std::string bytes = text('a');
    tree_.write("log", bytes);
    open();
    ASSERT_TRUE(strong("/log", bytes));
    const std::string more = text('b', 40'000'000);
    bytes += more;
    append("log", more);
    std::uint64_t parts = 0;
    std::uint64_t last = find("/log")->size;
    EXPECT_TRUE(step_until([&] {
        const std::uint64_t size = find("/log")->size;
        parts += size != last ? 1 : 0;
        last = size;
        const ContentDigest* known = digest("/log");
        EXPECT_NE(known, nullptr);
        EXPECT_TRUE(known == nullptr || known->size == size);
        return size == bytes.size();
    }));
    EXPECT_EQ(parts, 2U);
    EXPECT_TRUE(strong("/log", bytes)) << "once it is quiet";
}

TEST_F(ContentFollowTest, WhatIsWrittenAnewAndLongerIsNoGrowth) {
    tree_.write("a", text('a'));
    open();
    ASSERT_TRUE(strong("/a", text('a')));
    const std::string other = text('b') + "longer";
    rewrite("a", other);
    ASSERT_TRUE(step_until([&] { return find("/a")->size == other.size(); }));
    DigestMaker maker;
    maker.add(other.data(), other.size());
    ASSERT_NE(digest("/a"), nullptr);
    EXPECT_EQ(digest("/a")->blocks, maker.finish().blocks) << "none of the old blocks is believed";
    EXPECT_TRUE(strong("/a", other));
}

TEST_F(ContentFollowTest, AGrowingFileInMemoryIsServedFromDiskUntilItIsQuiet) {
    options_.memory_budget_bytes = 64 * 1024 * 1024;
    std::string bytes = text('a');
    tree_.write("log", bytes);
    tree_.write("small", "a");
    open();
    EXPECT_FALSE(find("/log")->live_file());
    std::uint64_t memory = 0;
    for (int i = 0; i < 5; ++i) {
        bytes += "one more line\n";
        append("log", "one more line\n");
        append("small", "a");
        ASSERT_TRUE(step_until([&] {
            return find("/log")->size == bytes.size() &&
                   body("/small") == std::string(static_cast<std::size_t>(i) + 2, 'a');
        }));
        if (i == 1) {
            EXPECT_TRUE(find("/log")->live_file());
            memory = store_->stats().memory_bytes;
        }
    }
    EXPECT_TRUE(find("/log")->live_file());
    EXPECT_TRUE(weak("/log"));
    EXPECT_NE(digest("/log"), nullptr);
    EXPECT_TRUE(find("/small")->in_memory());
    EXPECT_LT(store_->stats().memory_bytes, memory + kLargeBytes)
        << "it is not copied for each line";
    EXPECT_TRUE(step_until([this] { return !find("/log")->live_file(); }));
    EXPECT_EQ(etag("/log"), content_etag(bytes));
    EXPECT_EQ(body("/log"), bytes);
}

// Each look takes a part of what was written since; no version is older than a quarter of a second.
TEST_F(ContentFollowTest, AFileThatGrowsAllTheTimeIsSeenAtMostAQuarterOfASecondOld) {
    for (const std::uint64_t budget : {0ULL, 64ULL * 1024 * 1024}) {
        options_.memory_budget_bytes = budget;
        tree_.write("log", text('a'));
        tree_.write("short", "a");
        open();
        std::atomic<bool> stop{false};
        std::atomic<std::uint64_t> written{0};
        std::thread writer([&] {
            while (!stop) {
                append("log", "0123456789");
                append("short", "0123456789");
                ++written;
                std::this_thread::sleep_for(std::chrono::milliseconds(3));
            }
        });
        // The median of many, because the machine may be busy with other tests.
        std::vector<Nanos> ages;
        const Nanos end = monotonic_now() + (kSlow ? 4 : 2) * kSecond;
        while (monotonic_now() < end) {
            const std::uint64_t mark = written;
            const Nanos begin = monotonic_now();
            EXPECT_TRUE(step_until([&] {
                return find("/log")->size >= kLargeBytes + mark * 10 &&
                       find("/short")->size >= 1 + mark * 10;
            }));
            ages.push_back(monotonic_now() - begin);
        }
        stop = true;
        writer.join();
        std::ranges::sort(ages);
        EXPECT_LT(ages[ages.size() / 2], 250 * kMillisecond);
        TearDown();
    }
}

// The old version of a file that is written without a pause is kept for a while, not for ever.
TEST_F(ContentFollowTest, AFileThatIsNeverStillForAsLongAsACopyTakesMovesOn) {
    options_.memory_budget_bytes = 256 * 1024 * 1024;
    constexpr std::size_t kMuch = 24 * 1024 * 1024;
    tree_.write("a", std::string(kMuch, 'a'));
    open();
    EXPECT_FALSE(find("/a")->live_file());
    const std::string tag = etag("/a");
    std::atomic<bool> stop{false};
    std::thread writer([&] {
        std::fstream file(tree_.path("a"), std::ios::binary | std::ios::in | std::ios::out);
        for (int i = 0; !stop; ++i) {
            file.seekp(i % 1000);
            EXPECT_TRUE(file << static_cast<char>('b' + i % 20) << std::flush);
        }
    });
    EXPECT_TRUE(step_until([&] { return etag("/a") != tag; }));
    stop = true;
    writer.join();
    EXPECT_TRUE(step_until([&] { return etag("/a") == content_etag(body("/a")); }));
}

// A file that grows meanwhile is published with a digest that verifies it. Without one, each
// appended byte would end the version's downloads.
TEST_F(ContentFollowTest, WhatGrowsTooFastToBeCopiedCanBeVerified) {
    options_.memory_budget_bytes = 256 * 1024 * 1024;
    tree_.write("log", std::string(24 * 1024 * 1024, 'a'));
    open();
    EXPECT_FALSE(find("/log")->live_file());
    std::atomic<bool> stop{false};
    std::thread writer([&] {
        while (!stop) {
            append("log", "0123456789");
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    });
    EXPECT_TRUE(step_until([&] { return find("/log")->live_file(); }));
    EXPECT_NE(digest("/log"), nullptr);
    stop = true;
    writer.join();
}

// ---- Clocks ------------------------------------------------------------------------------------

TEST(ChangedJustNow, LooksInBothDirections) {
    EXPECT_TRUE(fs::changed_just_now(1000, 1010, 20));
    EXPECT_TRUE(fs::changed_just_now(1010, 1000, 20));
    EXPECT_FALSE(fs::changed_just_now(1000, 1020, 20));
    EXPECT_FALSE(fs::changed_just_now(1000 + 3600 * kSecond, 1000, 20)) << "the clock was set back";
}

// A clock that was set costs nothing and hides nothing.
TEST_F(ContentFollowTest, AClockSetBackOrForward) {
    for (const Nanos ahead : {-3600 * kSecond, 3600 * kSecond}) {
        options_.wall_now_ns = [ahead] { return fs::wall_now_ns() + ahead; };
        options_.memory_budget_bytes = 10'000;
        tree_.write("small", "old");
        tree_.write("large", text('a'));
        open();
        ASSERT_TRUE(strong("/large", text('a')));
        for (int i = 0; i < 3; ++i) {
            tree_.write("small", "new" + std::to_string(i), 0);
            tree_.write("large", text(static_cast<char>('b' + i)), 0);
            const Nanos begin = monotonic_now();
            EXPECT_TRUE(step_until([&] { return body("/small") == "new" + std::to_string(i); }));
            EXPECT_TRUE(kSlow || monotonic_now() - begin < kSecond);
            EXPECT_TRUE(strong("/large", text(static_cast<char>('b' + i))));
        }
        step_for(100 * kMillisecond);
        // Nothing is looked at repeatedly, except the root itself, five times in a second.
        int steps = 0;
        const Nanos end = monotonic_now() + 400 * kMillisecond;
        while (monotonic_now() < end) {
            store_->step(monotonic_now() + ahead_);
            ++steps;
            const Nanos wait = store_->next_deadline() - monotonic_now() - ahead_;
            test::wait_readable(store_->wait_handle(),
                                std::clamp<Nanos>(wait, 0, 100 * kMillisecond));
        }
        EXPECT_LT(steps, 15);
        TearDown();
    }
}

// A file that changed in the clock tick in which it was read looks the same after a further change:
// it is read once more. Where nothing is reported, nothing else would show the change.
TEST_F(ContentFollowTest, AFileThatChangedJustNowIsReadOnceMore) {
    options_.watch = false;
    options_.memory_budget_bytes = 10'000;
    std::int64_t now = fs::wall_now_ns();
    options_.wall_now_ns = [&now] { return now; };
    tree_.write("a", "first", 0);
    open();
    const auto looks_again = [this] {
        store_->step(monotonic_now());
        return store_->next_deadline() < monotonic_now() + 100 * kMillisecond;
    };
    step_for(5 * kMillisecond);  // the first look for changes is due at once
    EXPECT_TRUE(looks_again());
    now += 10 * kSecond;
    step_for(100 * kMillisecond);
    EXPECT_FALSE(looks_again());
}

}  // namespace
}  // namespace sluice::http

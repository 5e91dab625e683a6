// What is served under which path, where its bytes are stored, and what is not served.
// content_change_test.cpp tests how changes are seen.
#include "content/store.h"

#include <gmock/gmock.h>

#include <array>
#include <cstdlib>
#include <ctime>

#include "store_fixture.h"
#include "tests/support/coded.h"

namespace sluice::http {
namespace {

using test::body_of;
using test::content_etag;
using testing::HasSubstr;

class ContentStoreTest : public test::StoreTest {};

TEST_F(ContentStoreTest, ServesFilesUnderTheirPaths) {
    tree_.write("a.html", "<p>a");
    tree_.write("deep/er/\xc3\xa4 b.txt", "umlaut");
    tree_.write("empty", "");
    open();
    const Entry* a = find("/a.html");
    ASSERT_NE(a, nullptr);
    EXPECT_EQ(a->kind, EntryKind::file);
    EXPECT_EQ(a->coding, Coding::identity);
    EXPECT_EQ(a->size, 4U);
    EXPECT_EQ(a->path, "/a.html");
    EXPECT_EQ(a->etag, content_etag("<p>a"));
    EXPECT_THAT(std::string(a->content_type), HasSubstr("text/html"));
    EXPECT_LE(std::abs(a->mtime_seconds - (std::time(nullptr) - 100)), 2);
    EXPECT_FALSE(a->vary);
    EXPECT_EQ(body("/a.html"), "<p>a");
    EXPECT_EQ(body("/deep/er/\xc3\xa4 b.txt"), "umlaut");
    ASSERT_NE(find("/empty"), nullptr);
    EXPECT_TRUE(find("/empty")->in_memory());
    EXPECT_EQ(find("/empty")->size, 0U);
    EXPECT_EQ(find("/nothing"), nullptr);
    EXPECT_EQ(find("/a.html/"), nullptr);
    EXPECT_EQ(store_->stats().files, 3U);
    EXPECT_TRUE(warnings_.empty()) << warnings_.front();
}

TEST_F(ContentStoreTest, TheBlockHoldsHeadAndBodyContiguously) {
    tree_.write("a", "body");
    open();
    const Entry* entry = find("/a");
    ASSERT_TRUE(entry->in_memory());
    EXPECT_EQ(std::string_view(entry->block.get(), entry->block_head_bytes + entry->size),
              entry->head_200 + "body");
    EXPECT_THAT(entry->head_200, HasSubstr("Content-Length: 4\r\n"));
    EXPECT_TRUE(entry->head_200.ends_with("\r\n\r\n"));
}

TEST_F(ContentStoreTest, DirectoriesWithAnIndexAnswerAndRedirect) {
    tree_.write("index.html", "root");
    tree_.write("with/index.html", "inner");
    tree_.write("without/file", "x");
    open();
    EXPECT_EQ(body("/"), "root");
    EXPECT_EQ(find("/")->etag, find("/index.html")->etag);
    EXPECT_THAT(std::string(find("/")->content_type), HasSubstr("text/html"));
    EXPECT_EQ(body("/with/"), "inner");
    EXPECT_EQ(body("/with/index.html"), "inner");
    ASSERT_NE(find("/with"), nullptr);
    EXPECT_EQ(find("/with")->kind, EntryKind::directory);
    EXPECT_EQ(find("/without"), nullptr) << "does not show that it exists";
    EXPECT_EQ(find("/without/"), nullptr);
    EXPECT_EQ(body("/without/file"), "x");
    EXPECT_EQ(find(""), nullptr);
}

TEST_F(ContentStoreTest, AnEmptyRootServesNothing) {
    open();
    EXPECT_EQ(view_->current().entries().size(), 0U);
    EXPECT_EQ(view_->current().version(), 1U);
}

TEST_F(ContentStoreTest, HiddenNamesDoNotExist) {
    tree_.write(".htpasswd", "secret");
    tree_.write(".git/config", "secret");
    tree_.write("a/.env", "secret");
    tree_.write("..a", "secret");
    tree_.write(".well-known/security.txt", "public");
    tree_.write("a/.well-known/x", "public");
    tree_.write(".well-known/.hidden", "secret");
    tree_.write("b/.well-known", "a file of that name is a dotfile");
    open();
    EXPECT_EQ(body("/.well-known/security.txt"), "public");
    EXPECT_EQ(body("/a/.well-known/x"), "public");
    EXPECT_EQ(view_->current().entries().size(), 2U);
}

// ---- Homes -------------------------------------------------------------------------------------

TEST_F(ContentStoreTest, SizeDecidesTheStorage) {
    options_.memory_budget_bytes = 1024 * 1024;
    options_.block_bytes_max = 1000;
    const std::string small(1000, 's');
    const std::string medium(1001, 'm');
    const std::string large(300'000, 'l');
    tree_.write("small", small);
    tree_.write("medium", medium);
    tree_.write("medium2", medium + "2");
    tree_.write("large", large);
    open();
    EXPECT_TRUE(find("/small")->in_memory());
    EXPECT_EQ(body("/small"), small);

    const Entry* private_copy = find("/medium");
    EXPECT_FALSE(private_copy->in_memory());
    EXPECT_GE(private_copy->file, 0);
    EXPECT_FALSE(private_copy->live_file());
    EXPECT_EQ(private_copy->file_offset % 4096, 0U);
    EXPECT_EQ(private_copy->etag, content_etag(medium));
    EXPECT_EQ(body("/medium"), medium);
    EXPECT_EQ(body("/medium2"), medium + "2");
    EXPECT_EQ(find("/medium2")->file, private_copy->file) << "one file for all";

    const Entry* live = find("/large");
    EXPECT_TRUE(live->live_file()) << "more than a quarter of the budget";
    EXPECT_EQ(live->stamp.size, 300'000U);
    EXPECT_TRUE(live->etag.starts_with("W/\"")) << live->etag;
    EXPECT_EQ(body("/large"), large);
    EXPECT_EQ(store_->stats().open_files, 1U);
}

TEST_F(ContentStoreTest, BeyondTheBudgetFilesStayOnDisk) {
    options_.memory_budget_bytes = 60'000;
    options_.block_bytes_max = 1000;
    for (int i = 0; i < 100; ++i) {
        tree_.write("f" + std::to_string(i), std::string(900, static_cast<char>('a' + i % 26)));
    }
    open();
    const ContentStats stats = store_->stats();
    EXPECT_GT(stats.metadata_bytes, 100U * 1000U)
        << "beside the bodies there are the files themselves";
    EXPECT_LT(stats.memory_bytes - stats.metadata_bytes, 40'000U);
    EXPECT_GT(stats.memory_bytes - stats.metadata_bytes, 15'000U);
    EXPECT_TRUE(warned("--memory-budget has no room"));
    std::uint64_t live = 0;
    for (int i = 0; i < 100; ++i) {
        const std::string path = "/f" + std::to_string(i);
        EXPECT_EQ(body(path), std::string(900, static_cast<char>('a' + i % 26)));
        live += find(path)->live_file() ? 1U : 0U;
    }
    EXPECT_EQ(live, store_->stats().open_files);
    EXPECT_GT(live, 50U);
}

TEST_F(ContentStoreTest, LargeFilesLeaveRoomForSmallOnes) {
    options_.memory_budget_bytes = 400'000;
    options_.block_bytes_max = 1000;
    for (int i = 0; i < 20; ++i) {
        tree_.write("a" + std::to_string(i), std::string(60'000, 'x'));
    }
    for (int i = 0; i < 20; ++i) {
        tree_.write("z/b" + std::to_string(i), std::string(1000, 'y'));
    }
    open();
    for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(find("/z/b" + std::to_string(i))->in_memory());
    }
    EXPECT_EQ(store_->stats().open_files, 16U) << "four times fifteen pages fit in three quarters";
}

TEST_F(ContentStoreTest, MemoryOfOldVersionsIsGivenBack) {
    options_.memory_budget_bytes = 64 * 1024 * 1024;
    tree_.write("big", std::string(4 * 1024 * 1024, '0'));
    tree_.write("small", "0");
    open();
    const std::intptr_t memory_file = find("/big")->file;
    const std::uint64_t before = test::allocated_bytes(memory_file);
    EXPECT_GE(before, 4U * 1024 * 1024);
    for (int i = 1; i <= 10; ++i) {
        const std::string content(4 * 1024 * 1024, static_cast<char>('0' + i));
        tree_.replace("big", content);
        tree_.replace("small", std::to_string(i));
        ASSERT_TRUE(step_until([&] { return body("/big") == content; }));
    }
    EXPECT_TRUE(step_until([&] { return store_->stats().snapshots == 1; }));
    // Given back in whole chunks; the new version may reach into one more.
    if (test::has_holes()) {
        EXPECT_LE(test::allocated_bytes(memory_file), before + MemoryFile::kChunkBytes);
    }
    EXPECT_LT(store_->stats().memory_bytes, 6 * 1024 * 1024 + 4096U);
}

TEST_F(ContentStoreTest, APinnedVersionKeepsItsBytes) {
    options_.block_bytes_max = 1000;
    // As large as one chunk.
    constexpr std::size_t kMedium = MemoryFile::kChunkBytes;
    tree_.write("small", "old");
    tree_.write("medium", std::string(kMedium, 'o'));
    open();
    const Entry* small = find("/small");
    const Entry* medium = find("/medium");
    std::array<EntryPin, 2> pins;
    view_->pin(pins[0], *small);
    view_->pin(pins[1], *medium);
    for (int i = 0; i < 5; ++i) {
        tree_.replace("small", "new" + std::to_string(i));
        tree_.replace("medium", std::string(kMedium, static_cast<char>('a' + i)));
        ASSERT_TRUE(step_until([&] {
            return body("/small") == "new" + std::to_string(i) &&
                   body("/medium") == std::string(kMedium, static_cast<char>('a' + i));
        }));
    }
    step_for(50 * kMillisecond);
    EXPECT_EQ(body_of(*small), "old");
    EXPECT_EQ(body_of(*medium), std::string(kMedium, 'o'));
    EXPECT_TRUE(step_until([&] { return store_->stats().snapshots == 1; }))
        << "what is pinned needs no snapshot";
    const std::uint64_t with_pin = store_->stats().memory_bytes;
    view_->unpin(pins[0]);
    view_->unpin(pins[1]);
    EXPECT_TRUE(step_until([&] { return store_->stats().memory_bytes <= with_pin - kMedium; }));
}

TEST_F(ContentStoreTest, UnloadedFilesAreOpenedOnRequest) {
    options_.memory_budget_bytes = 0;
    options_.open_files_max = 4;
    for (int i = 0; i < 20; ++i) {
        tree_.write("f" + std::to_string(i), "content " + std::to_string(i));
    }
    tree_.write("index.html", "index");
    const std::string plain(1000, 'a');
    const std::string gzip = test::coded(Coding::gzip, plain);
    tree_.write("a", plain);
    tree_.write("a.gz", gzip);
    open();
    ASSERT_TRUE(step_until([this] { return store_->stats().checks == 0; }));
    EXPECT_LE(store_->stats().open_files, 4U);
    EXPECT_GE(store_->stats().unloaded_entries, 19U);
    const auto load = [&](const std::string& path, int variant) {
        const auto entry = [&] {
            const Entry* found = find(path);
            return variant < 0 ? found : found->variants[static_cast<std::size_t>(variant)];
        };
        // As a session does it: request it, wait for the next snapshot, look again.
        return step_until([&] {
            if (!entry()->unloaded) {
                return true;
            }
            EXPECT_EQ(entry()->file, -1);
            EXPECT_TRUE(view_->request_load(*entry()));
            return false;
        });
    };
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 20; ++i) {
            const std::string path = "/f" + std::to_string(i);
            ASSERT_TRUE(load(path, -1)) << path;
            EXPECT_EQ(body(path), "content " + std::to_string(i));
            EXPECT_LE(store_->stats().open_files, 8U);
        }
    }
    ASSERT_TRUE(load("/", -1));
    EXPECT_EQ(body("/"), "index");
    ASSERT_TRUE(load("/a", 2));
    EXPECT_EQ(body_of(*find("/a")->variants[2]), gzip);
    EXPECT_FALSE(find("/a")->etag.empty());
}

TEST_F(ContentStoreTest, UnloadedFilesThatChangedOrVanished) {
    options_.memory_budget_bytes = 0;
    options_.open_files_max = 1;
    for (int i = 0; i < 10; ++i) {
        tree_.write("f" + std::to_string(i), "content");
    }
    open();
    const auto unloaded = [this] {
        for (const Entry* entry : view_->current().entries()) {
            if (entry->unloaded) {
                return entry;
            }
        }
        return static_cast<const Entry*>(nullptr);
    };
    const Entry* gone = unloaded();
    ASSERT_NE(gone, nullptr);
    const std::string gone_path = gone->path;
    std::filesystem::remove(tree_.root() + gone_path);
    EXPECT_TRUE(view_->request_load(*gone));
    EXPECT_TRUE(step_until([&] { return find(gone_path) == nullptr; }, kSecond));

    const Entry* changed = unloaded();
    const std::string path = changed->path;
    const std::string etag = changed->etag;
    tree_.write(path.substr(1), "something else", 5);
    EXPECT_TRUE(step_until([&] {
        const Entry* entry = find(path);
        if (entry->unloaded) {
            EXPECT_TRUE(view_->request_load(*entry));
        }
        return !entry->unloaded && body(path) == "something else";
    }));
    EXPECT_NE(find(path)->etag, etag);
}

TEST_F(ContentStoreTest, ManyWaitingForMoreThanMayBeOpenAllGetTheirs) {
    options_.memory_budget_bytes = 0;
    options_.open_files_max = 2;
    constexpr int kFiles = 12;
    for (int i = 0; i < kFiles; ++i) {
        tree_.write("f" + std::to_string(i), "content");
    }
    open();
    std::vector<bool> served(kFiles, false);
    EXPECT_TRUE(step_until([&] {
        for (std::size_t i = 0; i < kFiles; ++i) {
            const Entry* entry = find("/f" + std::to_string(i));
            if (!served[i] && entry->unloaded) {
                EXPECT_TRUE(view_->request_load(*entry));
            }
            served[i] = served[i] || !entry->unloaded;
        }
        return std::all_of(served.begin(), served.end(), [](bool yes) { return yes; });
    }));
}

TEST_F(ContentStoreTest, MoreFilesThanTheLimit) {
    options_.entries_max = 10;
    for (int i = 0; i < 20; ++i) {
        tree_.write("f" + std::to_string(i), "x");
    }
    open();
    EXPECT_EQ(view_->current().entries().size(), 10U);
    ASSERT_EQ(warnings_.size(), 1U);
    EXPECT_THAT(warnings_.front(), HasSubstr("limit"));
}

TEST_F(ContentStoreTest, DirectoriesCountToTheLimit) {
    options_.entries_max = 10;
    for (int i = 0; i < 20; ++i) {
        tree_.write("d" + std::to_string(i) + "/f", "x");
    }
    open();
    EXPECT_EQ(store_->stats().files + store_->stats().directories, 10U);
    ASSERT_EQ(warnings_.size(), 1U);
    EXPECT_THAT(warnings_.front(), HasSubstr("limit"));
}

TEST_F(ContentStoreTest, AsManyFilesAsThereIsMemoryToKnow) {
    // In memory: Wine still lists a removed file while it is open.
    options_.memory_budget_bytes = 1 << 20;
    options_.metadata_bytes_max = 50'000;
    for (int i = 0; i < 200; ++i) {
        tree_.write("f" + std::to_string(i), "x");
    }
    open();
    EXPECT_GT(store_->stats().files, 15U);
    EXPECT_LT(store_->stats().files, 50U);
    EXPECT_LE(store_->stats().metadata_bytes, 55'000U);
    EXPECT_TRUE(warned("the rest is not served"));
    // All of it is given back.
    for (int i = 0; i < 200; ++i) {
        std::filesystem::remove(tree_.path("f" + std::to_string(i)));
    }
    EXPECT_TRUE(step_until([this] { return store_->stats().metadata_bytes == 0; }));
    EXPECT_EQ(store_->stats().memory_bytes, 0U);
}

TEST_F(ContentStoreTest, DepthHasABound) {
    std::string path;
    for (int i = 0; i < 80; ++i) {
        path += "d/";
        tree_.write(path + "f", "x");
    }
    open();
    EXPECT_NE(find("/d/d/d/f"), nullptr);
    EXPECT_EQ(view_->current().entries().size(), 63U);
    EXPECT_TRUE(warned("nested"));
}

TEST_F(ContentStoreTest, FilesBeyondFourGigabytes) {
    tree_.write("huge", "start");
    test::resize_file(tree_.path("huge"), 5ULL * 1024 * 1024 * 1024);
    open();
    const Entry* entry = find("/huge");
    ASSERT_NE(entry, nullptr);
    EXPECT_TRUE(entry->live_file());
    EXPECT_EQ(entry->size, 5ULL * 1024 * 1024 * 1024);
    EXPECT_THAT(entry->head_200, HasSubstr("Content-Length: 5368709120\r\n"));
}

// ---- Opening -----------------------------------------------------------------------------------

TEST(ContentStoreOpen, RefusesWhatIsNoReadableDirectory) {
    test::TempTree tree;
    tree.write("file", "x");
    ContentOptions options;
    options.root = tree.path("missing");
    auto missing = ContentStore::open(options);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().status, Status::not_found);
    EXPECT_EQ(missing.error().what, "cannot serve '" + options.root + "': no such directory");
    options.root = tree.path("file");
    auto file = ContentStore::open(options);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().what, "cannot serve '" + options.root + "': Not a directory");
    EXPECT_EQ(file.error().what.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace sluice::http

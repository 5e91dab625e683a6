// No snapshot lacks what exists: exchanged, replaced and moved files, directories and roots, as
// POSIX systems allow them. The tests with a clock of their own step the store by it; changes on
// disk are reported at once.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "content/store.h"
#include "store_fixture.h"

namespace sluice::http {
namespace {

using test::monotonic_now;

class ContentAbsenceTest : public test::StoreTest {
  protected:
    void start() {
        open();
        step_for(60 * kMillisecond);  // what was written is not racy any more
        clock_ = monotonic_now();
        step();
    }
    void step() {
        store_->step(clock_);
        (void)view_->refresh();
        for (const std::string& path : always_) {
            EXPECT_NE(find(path), nullptr) << path << " at version " << view_->current().version();
        }
    }
    // Advances the clock, with a step when something was reported and whenever the store is due.
    void pass(Nanos duration) {
        const Nanos end = clock_ + duration;
        step();
        for (steps_ = 0; store_->next_deadline() <= end; ++steps_) {
            ASSERT_LT(steps_, 1000) << "the store does not come to rest";
            clock_ = std::max(clock_, store_->next_deadline());
            step();
        }
        clock_ = end;
        step();
    }
    [[nodiscard]] bool within(Nanos duration, const std::function<bool()>& condition) {
        for (Nanos passed = 0; passed < duration; passed += 5 * kMillisecond) {
            if (condition()) {
                return true;
            }
            pass(5 * kMillisecond);
        }
        return condition();
    }
    void move(const std::string& from, const std::string& to) const {
        std::filesystem::rename(from, to);
    }

    Nanos clock_ = 0;
    int steps_ = 0;                    // of the last pass()
    std::vector<std::string> always_;  // no snapshot may lack these
};

TEST_F(ContentAbsenceTest, AShortGapIsNotShown) {
    tree_.write("a", "a");
    tree_.write("d/index.html", "d");
    always_ = {"/a", "/d", "/d/", "/d/index.html"};
    start();
    const std::uint64_t version = store_->stats().version;
    for (const char* name : {"a", "d", "d/index.html"}) {
        SCOPED_TRACE(name);
        move(tree_.path(name), tree_.beside("away"));
        pass(90 * kMillisecond);
        move(tree_.beside("away"), tree_.path(name));
        pass(kSecond);
    }
    EXPECT_EQ(store_->stats().version, version) << "nothing changed";
}

TEST_F(ContentAbsenceTest, WhatStaysAwayGoes) {
    tree_.write("a", "a");
    tree_.write("d/e/f", "f");
    tree_.write("d/index.html", "d");
    tree_.write("stays", "s");
    always_ = {"/stays"};
    start();
    std::filesystem::remove(tree_.path("a"));
    EXPECT_TRUE(within(150 * kMillisecond, [this] { return find("/a") == nullptr; }));
    std::filesystem::remove_all(tree_.path("d"));
    EXPECT_TRUE(within(150 * kMillisecond, [this] { return store_->stats().entries == 1; }));
    EXPECT_EQ(store_->stats().directories, 0U);
    step_for(50 * kMillisecond);  // what was written is not racy any more
    pass(kSecond);
    EXPECT_LT(steps_, 10) << "nothing is left to do";
}

// Nothing is reported before the store acts: it has to look.
TEST_F(ContentAbsenceTest, TheLastLookIsBelieved) {
    tree_.write("a", "a");
    always_ = {"/a"};
    start();
    move(tree_.path("a"), tree_.beside("away"));
    pass(50 * kMillisecond);
    move(tree_.beside("away"), tree_.path("a"));
    clock_ += 150 * kMillisecond;
    step();
    pass(kSecond);
}

TEST_F(ContentAbsenceTest, WhatComesAndGoesKeepsItsVersionForAWhile) {
    tree_.write("a", "a");
    start();
    const auto flap = [this] {
        move(tree_.beside("away"), tree_.path("a"));
        move(tree_.path("a"), tree_.beside("away"));
        pass(50 * kMillisecond);
    };
    move(tree_.path("a"), tree_.beside("away"));
    for (int i = 0; i < 30; ++i) {
        flap();
        ASSERT_EQ(body("/a"), "a") << i;
    }
    for (int i = 0; i < 15; ++i) {
        flap();
    }
    EXPECT_EQ(find("/a"), nullptr) << "but not for ever";
    move(tree_.beside("away"), tree_.path("a"));
    EXPECT_TRUE(within(200 * kMillisecond, [this] { return body("/a") == "a"; }));
}

// An event counts at once, even while the look at it is deferred.
TEST_F(ContentAbsenceTest, ThatItWasBackIsKnownBeforeTheNextLook) {
    tree_.write("a", "a");
    always_ = {"/a"};
    start();
    move(tree_.path("a"), tree_.beside("away"));
    pass(60 * kMillisecond);
    move(tree_.beside("away"), tree_.path("a"));
    move(tree_.path("a"), tree_.beside("away"));
    for (int i = 0; i < 9; ++i) {
        tree_.write("other", std::to_string(i));
        pass(10 * kMillisecond);
    }
    move(tree_.beside("away"), tree_.path("a"));
    pass(kSecond);
}

// Each look finds another directory, which is not filled yet.
TEST_F(ContentAbsenceTest, ADirectoryThatIsBuiltAgainAndAgainKeepsItsVersionForAWhile) {
    tree_.write("d/a", "a");
    tree_.write("d/sub/b", "b");
    always_ = {"/d/a", "/d/sub/b"};
    start();
    for (int i = 0; i < 15; ++i) {
        std::filesystem::remove_all(tree_.path("d"));
        tree_.write("d/a", "a");
        tree_.write("d/sub/b", "b");
        std::filesystem::remove_all(tree_.path("d"));
        std::filesystem::create_directories(tree_.path("d/sub"));
        pass(90 * kMillisecond);
    }
    always_.clear();
    EXPECT_TRUE(within(250 * kMillisecond, [this] { return !find("/d/a") && !find("/d/sub/b"); }));
}

TEST_F(ContentAbsenceTest, AReplacedDirectoryIsWholeInEverySnapshot) {
    for (const char* name : {"x", "index.html", "sub/y", "sub/z"}) {
        tree_.write(std::string("d/") + name, "old");
        test::TempTree::write_at(tree_.beside("new/") + name, "new");
    }
    tree_.write("d/only-old", "old");
    tree_.write("d/old-sub/f", "old");
    test::TempTree::write_at(tree_.beside("new/only-new"), "new");
    always_ = {"/d", "/d/", "/d/x", "/d/index.html", "/d/sub/y", "/d/sub/z"};
    start();
    std::uint64_t switches = 0;
    const auto shown = [&](const std::string& which) {
        const bool one = body("/d/x") == which;
        for (const char* path : {"/d/", "/d/index.html", "/d/sub/y", "/d/sub/z"}) {
            EXPECT_EQ(body(path) == which, one) << "half of each";
        }
        switches += one ? 1U : 0U;
        return one;
    };
    // The old one is emptied before anyone looks.
    move(tree_.path("d"), tree_.beside("old"));
    move(tree_.beside("new"), tree_.path("d"));
    std::filesystem::remove_all(tree_.beside("old"));
    EXPECT_TRUE(step_until([&] { return shown("new"); }));
    EXPECT_EQ(body("/d/only-new"), "new") << "in the same snapshot";
    EXPECT_TRUE(step_until([this] { return !find("/d/only-old") && !find("/d/old-sub/f"); }));
    // The new one has its watches.
    tree_.write("d/sub/y", "edited");
    EXPECT_TRUE(step_until([this] { return body("/d/sub/y") == "edited"; }));
    EXPECT_EQ(switches, 1U);
}

TEST_F(ContentAbsenceTest, ADirectoryIsExchangedWhileItIsLookedAt) {
    for (const char* which : {"d", "e"}) {
        for (int i = 0; i < 200; ++i) {
            tree_.write(which + ("/f" + std::to_string(i)), which);
        }
        for (int i = 0; i < 20; ++i) {
            always_.push_back(std::string("/") + which + "/f" + std::to_string(i));
        }
    }
    start();
    std::atomic<bool> stop{false};
    std::thread deployer([&] {
        while (!stop) {
            ASSERT_EQ(::renameat2(AT_FDCWD, tree_.path("d").c_str(), AT_FDCWD,
                                  tree_.path("e").c_str(), RENAME_EXCHANGE),
                      0);
            std::this_thread::yield();
        }
    });
    const Nanos end = monotonic_now() + kSecond;
    for (clock_ = monotonic_now(); clock_ < end; clock_ = monotonic_now()) {
        step();
        test::wait_readable(store_->wait_handle(), kMillisecond);
    }
    stop = true;
    deployer.join();
    std::string in_d(1, ' ');
    std::ifstream(tree_.path("d/f7")).read(in_d.data(), 1);
    EXPECT_TRUE(step_until([&] { return body("/d/f7") == in_d && body("/e/f7") != in_d; }));
    pass(kSecond);
    EXPECT_EQ(store_->stats().files, 400U);
}

// A file system in memory: there a replaced file has another position in listings.
struct InMemory {
    InMemory() : before(std::filesystem::temp_directory_path()) {
        test::use_temp_directory("/dev/shm");
    }
    InMemory(const InMemory&) = delete;
    InMemory& operator=(const InMemory&) = delete;
    ~InMemory() { test::use_temp_directory(before); }

    std::filesystem::path before;
};

class ContentListingTest : InMemory, public ContentAbsenceTest {};

// Names that always exist: a listing that is read meanwhile may lack them all the same.
TEST_F(ContentListingTest, FilesAreReplacedWhileTheyAreListed) {
    options_.watch = false;
    constexpr int kFiles = 3000;  // more than one system call lists
    for (int i = 0; i < kFiles; ++i) {
        const std::string name = "file-with-a-rather-long-name-" + std::to_string(i);
        tree_.write(name, "x");
        always_.push_back("/" + name);
    }
    start();
    std::atomic<bool> stop{false};
    std::thread deployer([&] {
        for (int i = 0; !stop; ++i) {
            const std::string name = tree_.root() + always_[static_cast<std::size_t>(i % kFiles)];
            const std::string other = tree_.path("another-" + std::to_string(i));
            std::FILE* file = std::fopen(other.c_str(), "w");
            ASSERT_NE(file, nullptr);
            std::fclose(file);
            move(other, name);
        }
    });
    const Nanos end = monotonic_now() + kSecond;
    while (monotonic_now() < end) {
        clock_ = std::max(clock_, store_->next_deadline());
        step();
    }
    stop = true;
    deployer.join();
}

TEST_F(ContentAbsenceTest, AFileAndADirectoryTakeTurns) {
    tree_.write("a", "file");
    test::TempTree::write_at(tree_.beside("other/index.html"), "index");
    always_ = {"/a"};
    start();
    const auto exchange = [this] {
        move(tree_.path("a"), tree_.beside("away"));
        move(tree_.beside("other"), tree_.path("a"));
        move(tree_.beside("away"), tree_.beside("other"));
    };
    // There and back: nothing shows.
    const std::uint64_t version = store_->stats().version;
    exchange();
    pass(50 * kMillisecond);
    exchange();
    pass(kSecond);
    EXPECT_EQ(store_->stats().version, version);
    exchange();
    EXPECT_TRUE(within(150 * kMillisecond, [this] { return body("/a/") == "index"; }));
    EXPECT_EQ(find("/a")->kind, EntryKind::directory);
    EXPECT_EQ(store_->stats().version, version + 1) << "at once";
    exchange();
    EXPECT_TRUE(within(150 * kMillisecond, [this] { return body("/a") == "file"; }));
    EXPECT_EQ(find("/a/"), nullptr);
    EXPECT_EQ(store_->stats().version, version + 2);
}

// What is missing in the old root is in the new one.
TEST_F(ContentAbsenceTest, ARootIsSwitchedAndTheOldOneRemoved) {
    for (const char* which : {"r1", "r2"}) {
        test::TempTree::write_at(tree_.beside(which) + "/a", which);
        test::TempTree::write_at(tree_.beside(which) + "/d/b", which);
    }
    std::filesystem::remove(tree_.root());
    std::filesystem::create_directory_symlink("r1", tree_.root());
    always_ = {"/a", "/d/b"};
    start();
    std::filesystem::remove(tree_.beside("r1/a"));
    pass(50 * kMillisecond);
    std::filesystem::create_directory_symlink("r2", tree_.beside("next"));
    move(tree_.beside("next"), tree_.root());
    pass(100 * kMillisecond);
    std::filesystem::remove_all(tree_.beside("r1"));
    EXPECT_TRUE(step_until([this] { return body("/a") == "r2" && body("/d/b") == "r2"; }));
    EXPECT_TRUE(warned("was replaced"));
}

TEST_F(ContentAbsenceTest, WhatIsUnreadableForAMomentStays) {
    const bool superuser = ::geteuid() == 0;
    ASSERT_EQ(::chmod(std::filesystem::path(tree_.root()).parent_path().c_str(), 0755), 0);
    tree_.write("a", "a");
    tree_.write("d/index.html", "d");
    always_ = {"/a", "/d/"};
    // The superuser may read everything: look as another user.
    ASSERT_TRUE(!superuser || ::seteuid(65534) == 0);
    start();
    ASSERT_TRUE(!superuser || ::seteuid(0) == 0);
    const auto change = [&](mode_t file, mode_t directory) {
        ASSERT_TRUE(!superuser || ::seteuid(0) == 0);
        EXPECT_EQ(::chmod(tree_.path("a").c_str(), file), 0);
        EXPECT_EQ(::chmod(tree_.path("d").c_str(), directory), 0);
        ASSERT_TRUE(!superuser || ::seteuid(65534) == 0);
    };
    change(0600, 0700);
    pass(60 * kMillisecond);
    change(0644, 0755);
    pass(kSecond);
    EXPECT_TRUE(warnings_.empty()) << warnings_.front();
    always_.clear();
    change(0600, 0700);
    const bool gone = within(150 * kMillisecond, [this] { return !find("/a") && !find("/d/"); });
    ASSERT_TRUE(!superuser || ::seteuid(0) == 0);
    EXPECT_TRUE(gone);
    EXPECT_TRUE(warned("2 paths cannot be read"));
}

// A request for an unloaded file waits while its name is missing, and is answered when it is back.
TEST_F(ContentAbsenceTest, AnUnloadedFileThatIsAwayForAMomentIsOpenedLater) {
    options_.memory_budget_bytes = 0;
    options_.open_files_max = 1;
    tree_.write("d/a", "a");
    tree_.write("b", "b");
    always_ = {"/d/a", "/b"};
    start();
    const std::string path = find("/d/a")->unloaded ? "/d/a" : "/b";
    const std::string name = tree_.path(path == "/b" ? "b" : "d");
    move(name, tree_.beside("away"));
    ASSERT_TRUE(view_->request_load(*find(path)));
    pass(60 * kMillisecond);
    EXPECT_TRUE(find(path)->unloaded);
    move(tree_.beside("away"), name);
    EXPECT_TRUE(within(300 * kMillisecond, [&] { return !find(path)->unloaded; }));
}

}  // namespace
}  // namespace sluice::http

// What is served of trees that only POSIX systems have: links, pipes, modes, names of any bytes,
// the limit of descriptors.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

#include "content/store.h"
#include "store_fixture.h"

namespace sluice::http {
namespace {

using testing::HasSubstr;

class ContentStorePosixTest : public test::StoreTest {};

// Names that are not text.
TEST_F(ContentStorePosixTest, AnyNameIsServedThatCanBeAskedFor) {
    tree_.write("bytes\xff\xfe", "not UTF-8");
    tree_.write("back\\slash", "an ordinary byte");
    tree_.write("...", "hidden");
    tree_.write("bell\x07", "control");
    open();
    EXPECT_EQ(body("/bytes\xff\xfe"), "not UTF-8");
    EXPECT_EQ(body("/back\\slash"), "an ordinary byte");
    EXPECT_EQ(view_->current().entries().size(), 2U);
    EXPECT_TRUE(warnings_.empty()) << warnings_.front();
}

// The flags of a live file: blocking, and closed on exec.
TEST_F(ContentStorePosixTest, AFileThatIsSentHasTheRightFlags) {
    options_.memory_budget_bytes = 1024;
    tree_.write("large", std::string(2000, 'l'));
    open();
    const Entry* live = find("/large");
    ASSERT_TRUE(live->live_file());
    EXPECT_EQ(::fcntl(static_cast<int>(live->file), F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_RDONLY);
    EXPECT_NE(::fcntl(static_cast<int>(live->file), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(ContentStorePosixTest, LinksInsideTheRootAreFollowedAndNoOthers) {
    const auto link = [this](const std::string& to, const char* name) {
        std::filesystem::create_symlink(to, tree_.path(name));
    };
    tree_.write("real/file", "inside");
    tree_.write("real/index.html", "index");
    tree_.write(".hidden/file", "hidden");
    test::TempTree::write_at(tree_.beside("outside"), "secret");
    test::TempTree::write_at(tree_.beside("root-evil/file"), "prefix of the root's name");
    link("real/file", "relative");
    link(tree_.path("real/file"), "absolute");
    link("relative", "link-to-link");
    link("real", "directory");
    link("../outside", "escape");
    link(tree_.beside("outside"), "escape-absolute");
    link("..", "up");
    link(tree_.beside("root-evil"), "sibling");
    link(tree_.beside("root-evil/file"), "sibling-file");
    link("escape", "escape-by-two");
    link(".hidden/file", "to-hidden");
    link(".hidden", "to-hidden-directory");
    link("/dev/zero", "device");
    link("/etc/passwd", "passwd");
    link("/proc/self/environ", "environ");
    link("nowhere", "dangling");
    link("self", "self");
    link("ping", "pong");
    link("pong", "ping");
    link(".", "loop");
    link("../real", "real/again");
    link(tree_.root(), "real/root");
    open();
    EXPECT_EQ(body("/relative"), "inside");
    EXPECT_EQ(body("/absolute"), "inside");
    EXPECT_EQ(body("/link-to-link"), "inside");
    EXPECT_EQ(body("/directory/file"), "inside");
    EXPECT_EQ(body("/directory/"), "index");
    ASSERT_NE(find("/directory"), nullptr);
    EXPECT_EQ(find("/directory")->kind, EntryKind::directory);
    std::vector<std::string> paths;
    for (const Entry* entry : view_->current().entries()) {
        paths.push_back(entry->path);
    }
    EXPECT_THAT(paths, testing::UnorderedElementsAre(
                           "/relative", "/absolute", "/link-to-link", "/real", "/real/",
                           "/real/file", "/real/index.html", "/directory", "/directory/",
                           "/directory/file", "/directory/index.html"));
}

TEST_F(ContentStorePosixTest, TheRootMayBeALink) {
    tree_.write("a", "through");
    std::filesystem::create_directory_symlink(tree_.root(), tree_.beside("link"));
    std::filesystem::create_symlink(tree_.path("a"), tree_.path("b"));
    const std::string root = tree_.beside("link");
    options_.root = root;
    auto opened = ContentStore::open(options_);
    ASSERT_TRUE(opened);
    EXPECT_NE((*opened)->newest().find("/a"), nullptr);
    EXPECT_NE((*opened)->newest().find("/b"), nullptr);
}

TEST_F(ContentStorePosixTest, PipesSocketsAndDevicesAreNeverOpened) {
    tree_.write("a", "file");
    ASSERT_EQ(::mkfifo(tree_.path("pipe").c_str(), 0666), 0);
    std::filesystem::create_symlink("pipe", tree_.path("link-to-pipe"));
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "%s", tree_.path("socket").c_str());
    ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    // A writer's open returns as soon as anyone opens the pipe for reading, however briefly.
    std::atomic<bool> writer_through{false};
    std::thread writer([&] {
        const int fd = ::open(tree_.path("pipe").c_str(), O_WRONLY | O_CLOEXEC);
        writer_through = true;
        ::close(fd);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    open();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_FALSE(writer_through);
    ::close(::open(tree_.path("pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    writer.join();
    EXPECT_EQ(view_->current().entries().size(), 1U);
    ::close(socket);
    // A file that turns into a pipe, and back.
    std::filesystem::remove(tree_.path("a"));
    ASSERT_EQ(::mkfifo(tree_.path("a").c_str(), 0666), 0);
    EXPECT_TRUE(step_until([this] { return find("/a") == nullptr; }));
    std::filesystem::remove(tree_.path("a"));
    tree_.write("a", "file again");
    EXPECT_TRUE(step_until([this] { return body("/a") == "file again"; }));
}

TEST_F(ContentStorePosixTest, UnreadableFilesAreCountedAndReportedOnce) {
    // The superuser may read everything: look as another user.
    const bool root = ::geteuid() == 0;
    ASSERT_EQ(::chmod(std::filesystem::path(tree_.root()).parent_path().c_str(), 0755), 0);
    tree_.write("open", "x");
    tree_.write("locked", "x");
    tree_.write("room/file", "x");
    ASSERT_EQ(::chmod(tree_.path("locked").c_str(), 0), 0);
    ASSERT_EQ(::chmod(tree_.path("room").c_str(), 0), 0);
    if (root) {
        ASSERT_EQ(::seteuid(65534), 0);
    }
    open();
    const std::uint64_t unreadable = store_->stats().unreadable;
    step_for(300 * kMillisecond);
    if (root) {
        ASSERT_EQ(::seteuid(0), 0);
    }
    EXPECT_EQ(unreadable, 2U);
    EXPECT_EQ(body("/open"), "x");
    EXPECT_EQ(find("/locked"), nullptr);
    EXPECT_EQ(find("/room/file"), nullptr);
    ASSERT_EQ(warnings_.size(), 1U);
    EXPECT_THAT(warnings_.front(), HasSubstr("2 paths cannot be read"));
    // Made readable, they appear.
    ASSERT_EQ(::chmod(tree_.path("locked").c_str(), 0644), 0);
    ASSERT_EQ(::chmod(tree_.path("room").c_str(), 0755), 0);
    EXPECT_TRUE(step_until([this] { return body("/locked") == "x" && body("/room/file") == "x"; }));
    EXPECT_EQ(store_->stats().unreadable, 0U);
    EXPECT_EQ(warnings_.size(), 1U);
}

TEST_F(ContentStorePosixTest, WhatIsGoneIsNotUnreadable) {
    const bool root = ::geteuid() == 0;
    ASSERT_EQ(::chmod(std::filesystem::path(tree_.root()).parent_path().c_str(), 0755), 0);
    for (const bool watch : {true, false}) {
        options_.watch = watch;
        for (const char* name : {"locked", "shared/locked", "room/file", "deep/er/locked"}) {
            tree_.write(name, "x");
            ASSERT_EQ(::chmod(tree_.path(name).c_str(), 0), 0);
        }
        tree_.write("shared/open", "x");
        ASSERT_EQ(::chmod(tree_.path("room").c_str(), 0), 0);
        ASSERT_TRUE(!root || ::seteuid(65534) == 0);
        open();
        EXPECT_EQ(store_->stats().unreadable, 4U);
        ASSERT_TRUE(!root || ::seteuid(0) == 0);
        ASSERT_EQ(::chmod(tree_.path("room").c_str(), 0755), 0);
        for (const char* name : {"locked", "shared/locked", "room", "deep"}) {
            std::filesystem::remove_all(tree_.path(name));
        }
        EXPECT_TRUE(step_until([this] { return store_->stats().unreadable == 0; })) << watch;
        EXPECT_EQ(body("/shared/open"), "x");
        TearDown();
    }
}

TEST_F(ContentStorePosixTest, RunningOutOfDescriptorsCostsNoFile) {
    options_.memory_budget_bytes = 0;
    options_.open_files_max = 1000;
    constexpr int kFiles = 60;
    for (int i = 0; i < kFiles; ++i) {
        tree_.write("d/f" + std::to_string(i), "content");
    }
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const int lowest = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(lowest);
    const rlimit low = {static_cast<rlim_t>(lowest) + 30, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    open();
    EXPECT_TRUE(step_until([this] { return view_->current().entries().size() == kFiles; }));
    const std::uint64_t open_files = store_->stats().open_files;
    EXPECT_TRUE(step_until([&] {
        const Entry* entry = find("/d/f59");
        if (entry->unloaded) {
            EXPECT_TRUE(view_->request_load(*entry));
        }
        return !entry->unloaded;
    }));
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_LT(open_files, 20U) << "leaves room for connections";
    EXPECT_EQ(warnings_.size(), 1U);
    EXPECT_TRUE(warned("out of file descriptors"));
}

TEST(ContentStorePosix, RefusesAnUnreadableRoot) {
    test::TempTree tree;
    const bool root = ::geteuid() == 0;
    ASSERT_EQ(::chmod(tree.root().c_str(), 0), 0);
    if (root) {
        ASSERT_EQ(::chmod(std::filesystem::path(tree.root()).parent_path().c_str(), 0755), 0);
        ASSERT_EQ(::seteuid(65534), 0);
    }
    ContentOptions options;
    options.root = tree.root();
    auto opened = ContentStore::open(options);
    if (root) {
        ASSERT_EQ(::seteuid(0), 0);
    }
    ::chmod(tree.root().c_str(), 0755);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().status, Status::access_denied);
}

}  // namespace
}  // namespace sluice::http

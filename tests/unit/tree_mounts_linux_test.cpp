// Mounts below the root, which no watch of a directory reports.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "content/store.h"
#include "private_mounts_linux.h"
#include "store_fixture.h"

namespace sluice::http {
namespace {

class ContentMountsTest : public test::StoreTest {
  protected:
    void TearDown() override {
        StoreTest::TearDown();
        while (!mounted_.empty()) {
            ::umount2(mounted_.back().c_str(), MNT_DETACH);
            mounted_.pop_back();
        }
    }
    void mount_tmpfs(const std::string& at) {
        ASSERT_EQ(::mount("none", at.c_str(), "tmpfs", 0, nullptr), 0) << at;
        mounted_.push_back(at);
    }
    void bind(const std::string& from, const std::string& at) {
        ASSERT_EQ(::mount(from.c_str(), at.c_str(), nullptr, MS_BIND, nullptr), 0) << at;
        mounted_.push_back(at);
    }
    void unmount(int flags = 0) {
        ASSERT_EQ(::umount2(mounted_.back().c_str(), flags), 0) << mounted_.back();
        mounted_.pop_back();
    }
    [[nodiscard]] bool serves(const std::string& path, const std::string& text) {
        return step_until([&] { return body(path) == text; }, 10 * kSecond);
    }

    test::PrivateMounts mine_;
    std::vector<std::string> mounted_;
};

TEST_F(ContentMountsTest, AMountShowsWhatItHoldsAndItsEndWhatItCovered) {
    if (!mine_.have()) {
        return;
    }
    tree_.write("d/index.html", "below");
    tree_.write("d/sub/only", "below");
    tree_.write("other", "other");
    open();
    EXPECT_EQ(body("/d/"), "below");
    test::TempTree::write_at(tree_.beside("new/index.html"), "above");
    bind(tree_.beside("new"), tree_.path("d"));
    EXPECT_TRUE(serves("/d/", "above"));
    EXPECT_TRUE(step_until([&] { return find("/d/sub/only") == nullptr; }));
    test::TempTree::write_at(tree_.beside("new/more"), "told of", 0);
    EXPECT_TRUE(serves("/d/more", "told of"));
    unmount();
    EXPECT_TRUE(serves("/d/", "below"));
    EXPECT_TRUE(serves("/d/sub/only", "below"));
    EXPECT_TRUE(step_until([&] { return find("/d/more") == nullptr; }));
    tree_.write("d/sub/only", "watched again", 0);
    EXPECT_TRUE(serves("/d/sub/only", "watched again"));
    EXPECT_EQ(body("/other"), "other");
}

TEST_F(ContentMountsTest, AnotherMountWithTheSameNumbersIsAnotherOne) {
    if (!mine_.have()) {
        return;
    }
    std::filesystem::create_directory(tree_.path("d"));
    mount_tmpfs(tree_.path("d"));
    test::TempTree::write_at(tree_.path("d/x"), "1st");
    open();
    EXPECT_EQ(body("/d/x"), "1st");
    step_for(60 * kMillisecond);
    // The new file system has the same numbers as the one before: of the device, the mount, the
    // files.
    for (const std::string text : {"2nd", "3rd"}) {
        unmount();
        mount_tmpfs(tree_.path("d"));
        test::TempTree::write_at(tree_.path("d/x"), text);
        EXPECT_TRUE(serves("/d/x", text));
    }
}

TEST_F(ContentMountsTest, AFileThatIsMountedIsFollowed) {
    if (!mine_.have()) {
        return;
    }
    test::TempTree::write_at(tree_.beside("outside"), "one");
    tree_.write("page.html", "below");
    bind(tree_.beside("outside"), tree_.path("page.html"));
    open();
    EXPECT_EQ(body("/page.html"), "one");
    std::ofstream(tree_.beside("outside"), std::ios::trunc) << "two, edited";
    EXPECT_TRUE(serves("/page.html", "two, edited"));
    unmount();
    EXPECT_TRUE(serves("/page.html", "below"));
    bind(tree_.beside("outside"), tree_.path("page.html"));
    EXPECT_TRUE(serves("/page.html", "two, edited"));
    std::ofstream(tree_.beside("outside"), std::ios::trunc) << "three";
    EXPECT_TRUE(serves("/page.html", "three"));
}

TEST_F(ContentMountsTest, AMountOverTheRoot) {
    if (!mine_.have()) {
        return;
    }
    tree_.write("x", "below");
    open();
    test::TempTree::write_at(tree_.beside("new/x"), "above");
    bind(tree_.beside("new"), tree_.root());
    EXPECT_TRUE(serves("/x", "above"));
    unmount(MNT_DETACH);  // its root is held open
    EXPECT_TRUE(serves("/x", "below"));
    tree_.write("x", "watched", 0);
    EXPECT_TRUE(serves("/x", "watched"));
}

TEST_F(ContentMountsTest, AParentOfTheRootIsRenamed) {
    const std::string parent = tree_.beside("site");
    test::TempTree::write_at(parent + "/www/x", "one");
    test::TempTree::write_at(parent + "/www/target", "linked");
    std::filesystem::create_symlink("target", parent + "/www/link");
    std::filesystem::create_symlink(parent, tree_.beside("current"));
    options_.root = tree_.beside("current") + "/www";
    open();
    EXPECT_EQ(body("/link"), "linked");
    // Gone, and back with other content.
    std::filesystem::rename(parent, tree_.beside("away"));
    EXPECT_TRUE(step_until([&] { return warned("is gone"); }));
    EXPECT_EQ(body("/x"), "one");
    test::TempTree::write_at(tree_.beside("away/www/x"), "two", 0);
    std::filesystem::rename(tree_.beside("away"), parent);
    EXPECT_TRUE(serves("/x", "two"));
    // The same directory by another path: links in it lead to where they led.
    std::filesystem::rename(parent, tree_.beside("moved"));
    std::filesystem::remove(tree_.beside("current"));
    std::filesystem::create_symlink(tree_.beside("moved"), tree_.beside("current"));
    test::TempTree::write_at(tree_.beside("moved/www/target"), "linked again", 0);
    EXPECT_TRUE(serves("/link", "linked again"));
    // Another one in its place.
    test::TempTree::write_at(tree_.beside("other/www/x"), "three");
    std::filesystem::rename(tree_.beside("moved"), tree_.beside("old"));
    std::filesystem::rename(tree_.beside("other"), tree_.beside("moved"));
    EXPECT_TRUE(serves("/x", "three"));
    EXPECT_TRUE(step_until([&] { return find("/link") == nullptr; }));
}

}  // namespace
}  // namespace sluice::http

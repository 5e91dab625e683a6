// Symbolic links as people use them: volumes of Kubernetes, links out of the root, links to hidden
// names; how they are followed while they change, and what is said of those that are not followed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "content/store.h"
#include "store_fixture.h"

namespace sluice::http {
namespace {

class ContentLinksTest : public test::StoreTest {
  protected:
    void link(const std::string& to, std::string_view name) const {
        std::filesystem::create_symlink(to, tree_.path(name));
    }
    void relink(const std::string& to, std::string_view name) const {
        std::filesystem::create_symlink(to, tree_.path("..next"));
        std::filesystem::rename(tree_.path("..next"), tree_.path(name));
    }
    // A version of a volume, and the switch to it.
    void update(const std::string& version, const std::string& text) const {
        for (const char* name : {"page.html", "sub/deep.txt", "index.html"}) {
            tree_.write("..v" + version + "/" + name, text);
        }
        relink("..v" + version, "..data");
    }
    [[nodiscard]] std::vector<std::string> warnings_with(const std::string& part) const {
        std::vector<std::string> found;
        for (const std::string& line : warnings_) {
            if (line.find(part) != std::string::npos) {
                found.push_back(line);
            }
        }
        return found;
    }
};

TEST_F(ContentLinksTest, AVolumeOfKubernetesIsServedAndItsUpdateFollowedWithoutAGap) {
    update("1", "one");
    for (const char* name : {"page.html", "sub", "index.html"}) {
        link("..data/" + std::string(name), name);
    }
    open();
    std::string shown = "one";
    for (int version = 2; version < 6; ++version) {
        const std::string text = "version " + std::to_string(version);
        update(std::to_string(version), text);
        std::filesystem::remove_all(tree_.path("..v" + std::to_string(version - 1)));
        EXPECT_TRUE(step_until([&] {
            for (const char* path : {"/page.html", "/sub/deep.txt", "/"}) {
                EXPECT_THAT(body(path), testing::AnyOf(shown, text)) << path;
            }
            return body("/page.html") == text && body("/sub/deep.txt") == text && body("/") == text;
        }));
        shown = text;
    }
    EXPECT_EQ(find("/..data/page.html"), nullptr);
    EXPECT_EQ(find("/..v5/page.html"), nullptr);
    EXPECT_TRUE(warnings_.empty()) << warnings_.front();
}

// No watch reports changes there.
TEST_F(ContentLinksTest, AnEditBehindTwoDotsIsSeen) {
    tree_.write("..place/a", "one");
    link("..place/a", "a");
    open();
    step_for(50 * kMillisecond);
    tree_.write("..place/a", "another", 0);
    EXPECT_TRUE(step_until([this] { return body("/a") == "another"; }));
}

TEST_F(ContentLinksTest, OtherHiddenNamesStayHiddenAndThatIsSaid) {
    tree_.write(".git/config", "secret");
    tree_.write("..data/.env", "secret");
    tree_.write("..file", "secret");
    tree_.write("..a/.b/c", "secret");
    tree_.write("plain", "p");
    link(".git/config", "config");
    link("..data/.env", "env");
    link("..file", "file");
    link("..a/.b/c", "c");
    open();
    EXPECT_EQ(store_->stats().entries, 1U);
    ASSERT_EQ(warnings_.size(), 1U);
    EXPECT_EQ(warnings_[0], "the link '/c' and 3 more lead to hidden names: they are not served");
    tree_.write("plain", "changed", 0);
    EXPECT_TRUE(step_until([this] { return body("/plain") == "changed"; }));
    EXPECT_EQ(warnings_.size(), 1U) << "once";
}

TEST_F(ContentLinksTest, LinksOutOfTheRootAreRefusedAndTheRemedyIsSaidOnce) {
    test::TempTree::write_at(tree_.beside("elsewhere/a"), "outside");
    link(tree_.beside("elsewhere/a"), "a");
    link("../elsewhere", "b");
    open();
    EXPECT_EQ(store_->stats().entries, 0U);
    ASSERT_EQ(warnings_.size(), 1U);
    EXPECT_EQ(warnings_[0],
              "the link '/a' and 1 more lead out of the root: they are not served "
              "(--follow-symlinks serves such links)");
    link("../elsewhere", "c");
    tree_.write("new", "new");
    EXPECT_TRUE(step_until([this] { return body("/new") == "new"; }));
    EXPECT_EQ(warnings_.size(), 1U);
}

TEST_F(ContentLinksTest, FollowedLinksOutOfTheRootAreKeptInStep) {
    options_.follow_links = true;
    test::TempTree::write_at(tree_.beside("one/a"), "one");
    test::TempTree::write_at(tree_.beside("one/.hidden"), "hidden");
    test::TempTree::write_at(tree_.beside("two/a"), "two");
    tree_.write(".git/config", "secret");
    std::filesystem::create_directory_symlink("one", tree_.beside("current"));
    link("../current", "site");
    link("../current/a", "file");
    const std::string root = std::filesystem::path(tree_.root()).filename();
    link("../" + root + "/.git/config", "config");
    open();
    EXPECT_EQ(body("/site/a"), "one");
    EXPECT_EQ(body("/file"), "one");
    EXPECT_EQ(find("/site/.hidden"), nullptr);
    EXPECT_EQ(find("/config"), nullptr);
    EXPECT_EQ(warnings_with("hidden name").size(), 1U);
    EXPECT_EQ(warnings_.size(), 1U);
    step_for(50 * kMillisecond);
    test::TempTree::write_at(tree_.beside("one/a"), "one, edited", 0);
    EXPECT_TRUE(step_until(
        [this] { return body("/site/a") == "one, edited" && body("/file") == "one, edited"; }));
    // A link on the way is changed, which no event reports.
    std::filesystem::create_directory_symlink("two", tree_.beside("next"));
    std::filesystem::rename(tree_.beside("next"), tree_.beside("current"));
    EXPECT_TRUE(step_until([this] { return body("/site/a") == "two" && body("/file") == "two"; }));
    test::TempTree::write_at(tree_.beside("two/new"), "new");
    EXPECT_TRUE(step_until([this] { return body("/site/new") == "new"; }));
}

// The new directory has the old one's inode number, on file systems that reuse them.
TEST_F(ContentLinksTest, ADirectoryThatIsBuiltAnewBehindALink) {
    options_.follow_links = true;
    for (int i = 0; i < 10; ++i) {
        const std::string text = "version " + std::to_string(i);
        std::filesystem::remove_all(tree_.beside("place"));
        test::TempTree::write_at(tree_.beside("place/a"), text);
        if (i == 0) {
            link("../place", "site");
            open();
        }
        EXPECT_TRUE(step_until([&] { return body("/site/a") == text; })) << i;
    }
}

}  // namespace
}  // namespace sluice::http

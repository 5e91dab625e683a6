// How the content store follows changes of links, as a test can make them on POSIX systems.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

#include "content/store.h"
#include "store_fixture.h"

namespace sluice::http {
namespace {

class ContentChangePosixTest : public test::StoreTest {};

// The watch of a directory reports nothing about changes of its files through other hard links.
TEST_F(ContentChangePosixTest, AnEditThroughANameElsewhereIsSeen) {
    test::TempTree::write_at(tree_.beside("original"), "one");
    std::filesystem::create_hard_link(tree_.beside("original"), tree_.path("a"));
    tree_.write("b", "one");
    open();
    EXPECT_TRUE(store_->stats().watching);
    test::TempTree::write_at(tree_.beside("original"), "edited");
    EXPECT_TRUE(step_until([this] { return body("/a") == "edited"; }));
    // Also a file that gets its second link later.
    std::filesystem::remove(tree_.beside("original"));
    std::filesystem::create_hard_link(tree_.path("b"), tree_.beside("later"));
    step_for(100 * kMillisecond);
    test::TempTree::write_at(tree_.beside("later"), "edited");
    EXPECT_TRUE(step_until([this] { return body("/b") == "edited"; }));
}

TEST_F(ContentChangePosixTest, WhatLinksLeadToIsFollowed) {
    tree_.write("real/f", "one");
    tree_.write("other/f", "two");
    std::filesystem::create_symlink("real/f", tree_.path("link"));
    std::filesystem::create_directory_symlink("real", tree_.path("current"));
    open();
    EXPECT_EQ(body("/link"), "one");
    EXPECT_EQ(body("/current/f"), "one");
    tree_.write("real/f", "one edited");
    EXPECT_TRUE(step_until(
        [this] { return body("/link") == "one edited" && body("/current/f") == "one edited"; }));
    // As a deploy swaps releases.
    std::filesystem::create_directory_symlink("other", tree_.path("next"));
    std::filesystem::rename(tree_.path("next"), tree_.path("current"));
    EXPECT_TRUE(step_until([this] { return body("/current/f") == "two"; }));
    tree_.write("other/f", "two edited");
    EXPECT_TRUE(step_until([this] { return body("/current/f") == "two edited"; }));
    // A link that is changed to lead out of the root.
    test::TempTree::write_at(tree_.beside("secret"), "secret");
    std::filesystem::remove(tree_.path("link"));
    std::filesystem::create_symlink(tree_.beside("secret"), tree_.path("link"));
    EXPECT_TRUE(step_until([this] { return find("/link") == nullptr; }));
    // One whose target appears later.
    std::filesystem::create_symlink("later", tree_.path("early"));
    step_for(100 * kMillisecond);
    EXPECT_EQ(find("/early"), nullptr);
    tree_.write("later", "there");
    EXPECT_TRUE(step_until([this] { return body("/early") == "there"; }));
}

TEST_F(ContentChangePosixTest, ARootBehindALinkThatIsSwapped) {
    tree_.write("r1/a", "one");
    tree_.write("r2/a", "two");
    const std::string link = tree_.beside("current");
    std::filesystem::create_directory_symlink(tree_.path("r1"), link);
    options_.root = link;
    auto opened = ContentStore::open(options_);
    ASSERT_TRUE(opened);
    store_ = std::move(*opened);
    view_ = std::make_unique<ContentView>();
    store_->attach(*view_, [] {});
    EXPECT_TRUE(step_until([this] { return body("/a") == "one"; }));
    std::filesystem::create_directory_symlink(tree_.path("r2"), link + ".new");
    std::filesystem::rename(link + ".new", link);
    EXPECT_TRUE(step_until([this] { return body("/a") == "two"; }));
}

// Windows, and Wine as well, keep the name of an open directory until it is closed.
TEST_F(ContentChangePosixTest, ARemovedRootIsServedUntilThereIsAnother) {
    tree_.write("a", "old");
    test::TempTree::write_at(tree_.beside("incoming/a"), "new");
    open();
    std::filesystem::remove_all(tree_.root());
    EXPECT_TRUE(step_until([this] { return warned("is gone"); }, kSecond));
    EXPECT_EQ(body("/a"), "old");
    std::filesystem::rename(tree_.beside("incoming"), tree_.root());
    EXPECT_TRUE(step_until([this] { return body("/a") == "new"; }));
    EXPECT_TRUE(warned("was replaced"));
}

TEST_F(ContentChangePosixTest, WithoutARootNothingIsWaitedForThatNeedsIt) {
    const std::string text(1000, 'a');
    tree_.write("a", text);
    tree_.write("a.gz", "no gzip");
    open();
    ASSERT_TRUE(step_until([this] { return store_->stats().checks == 0; }));
    std::filesystem::remove_all(tree_.root());
    ASSERT_TRUE(step_until([this] { return warned("is gone"); }, kSecond));
    // Otherwise the warning about the siblings would come now.
    ahead_ += 10 * kSecond;
    const Nanos now = test::monotonic_now() + ahead_;
    store_->step(now);
    EXPECT_GT(store_->next_deadline(), now);
}

}  // namespace
}  // namespace sluice::http

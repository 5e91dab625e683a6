// What the store checks in the background: siblings that decode to their file, and the types of
// files that it does not read.
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "store_fixture.h"
#include "system/path.h"
#include "tests/support/coded.h"

namespace sluice::http {
namespace {

using test::body_of;
using test::coded;
using test::content_etag;
using testing::HasSubstr;

std::string lines(int count, const char* what = "line ") {
    std::string text;
    for (int i = 0; i < count; ++i) {
        text += what + std::to_string(i) + "\n";
    }
    return text;
}

class ContentSiblingTest : public test::StoreTest {
  protected:
    [[nodiscard]] bool settled() {
        // Done by a thread of low priority.
        return step_until([this] { return store_->stats().checks == 0; }, 30 * kSecond);
    }
    [[nodiscard]] const Entry* variant(std::string_view path, Coding coding = Coding::gzip) const {
        const Entry* entry = find(path);
        return entry != nullptr ? entry->variants[static_cast<std::size_t>(coding) - 1] : nullptr;
    }

    const std::string text_ = lines(1000);
    const std::string gzip_ = coded(Coding::gzip, text_);
};

TEST_F(ContentSiblingTest, UntilTheVerdictTheFileItselfWithVary) {
    tree_.write("a.js", text_);
    tree_.write("a.js.gz", gzip_);
    open();
    ASSERT_NE(find("/a.js"), nullptr);
    EXPECT_TRUE(find("/a.js")->vary);
    EXPECT_THAT(find("/a.js")->head_200, HasSubstr("Vary: Accept-Encoding"));
    EXPECT_EQ(variant("/a.js"), nullptr);
    EXPECT_EQ(store_->stats().checks, 1U);
    EXPECT_TRUE(step_until([this] { return variant("/a.js") != nullptr; }));
    EXPECT_EQ(store_->stats().checks, 0U);
}

TEST_F(ContentSiblingTest, TheSameBytesBecomeVariants) {
    tree_.write("a.js", text_);
    tree_.write("index.html", text_);
    for (const Coding coding : test::codings()) {
        const std::string suffix(kCodings[static_cast<std::size_t>(coding) - 1].suffix);
        tree_.write("a.js" + suffix, coded(coding, text_));
        tree_.write("index.html" + suffix, coded(coding, text_));
    }
    tree_.write("alone.gz", "no one's variant");
    open();
    ASSERT_TRUE(settled());
    for (const Coding coding : test::codings()) {
        const CodingName& name = kCodings[static_cast<std::size_t>(coding) - 1];
        const std::string bytes = coded(coding, text_);
        const Entry* made = variant("/a.js", coding);
        ASSERT_NE(made, nullptr) << name.token;
        EXPECT_EQ(made->coding, coding);
        EXPECT_EQ(body_of(*made), bytes);
        EXPECT_EQ(made->etag, content_etag(bytes, "-" + std::string(name.token)));
        EXPECT_EQ(made->content_type, "text/javascript; charset=utf-8");
        EXPECT_TRUE(made->vary);
        EXPECT_THAT(made->head_200, HasSubstr("Content-Encoding: " + std::string(name.token)));
        const Entry* own = find("/a.js" + std::string(name.suffix));
        ASSERT_NE(own, nullptr);
        EXPECT_EQ(own->coding, Coding::identity);
        EXPECT_EQ(own->etag, content_etag(bytes));
        EXPECT_FALSE(own->vary);
        EXPECT_NE(own->content_type, made->content_type);
        ASSERT_NE(variant("/", coding), nullptr);
        EXPECT_EQ(variant("/", coding), variant("/index.html", coding));
    }
    EXPECT_TRUE(find("/a.js")->vary);
    EXPECT_FALSE(find("/alone.gz")->vary);
    EXPECT_TRUE(warnings_.empty()) << warnings_.front();
}

TEST_F(ContentSiblingTest, WhateverTheirTimes) {
    tree_.write("older.js", text_, 100);
    tree_.write("older.js.gz", gzip_, 1'000'000);
    tree_.write("newer.js", text_, 1'000'000);
    tree_.write("newer.js.gz", gzip_, 100);
    open();
    ASSERT_TRUE(settled());
    EXPECT_NE(variant("/older.js"), nullptr);
    EXPECT_NE(variant("/newer.js"), nullptr);
}

TEST_F(ContentSiblingTest, OtherBytesAreNotUsedAndReportedOnce) {
    tree_.write("a.js", text_);
    tree_.write("a.js.gz", coded(Coding::gzip, lines(1000, "mine ")), 1);
    tree_.write("b.js", text_);
    tree_.write("b.js.gz", "no gzip at all", 1);
    tree_.write("good.js", text_);
    tree_.write("good.js.gz", gzip_);
    open();
    ASSERT_TRUE(settled());
    for (const char* path : {"/a.js", "/b.js"}) {
        EXPECT_EQ(variant(path), nullptr) << path;
        EXPECT_FALSE(find(path)->vary) << path;
        EXPECT_EQ(body(path), text_);
    }
    EXPECT_NE(variant("/good.js"), nullptr);
    EXPECT_EQ(body("/b.js.gz"), "no gzip at all") << "a file in its own right";
    EXPECT_TRUE(warnings_.empty()) << "half a deploy is no news";
    ahead_ += kSecond;
    EXPECT_TRUE(step_until([this] { return !warnings_.empty(); }));
    EXPECT_TRUE(warned("2 compressed files are not what the file beside it holds"));
    EXPECT_TRUE(warned("/a.js.gz"));
    ahead_ += 10 * kSecond;
    step_for(20 * kMillisecond);
    EXPECT_EQ(warnings_.size(), 1U);
}

TEST_F(ContentSiblingTest, ALargerOneIsNotEvenLookedAt) {
    tree_.write("a.js", "x");
    tree_.write("a.js.gz", coded(Coding::gzip, "x"));
    tree_.write("empty.js", "");
    tree_.write("empty.js.gz", coded(Coding::gzip, ""));
    open();
    EXPECT_EQ(store_->stats().checks, 0U);
    EXPECT_FALSE(find("/a.js")->vary);
    EXPECT_FALSE(find("/empty.js")->vary);
    ahead_ += 10 * kSecond;
    step_for(20 * kMillisecond);
    EXPECT_TRUE(warnings_.empty()) << warnings_.front();
}

TEST_F(ContentSiblingTest, AVerdictIsOfTheTwoContentsThatItWasMadeOf) {
    tree_.write("a.js", text_, 100);
    open();
    EXPECT_FALSE(find("/a.js")->vary);
    tree_.write("a.js.gz", gzip_, 50);
    EXPECT_TRUE(step_until([this] { return variant("/a.js") != nullptr; }));
    EXPECT_EQ(find("/a.js")->etag, content_etag(text_)) << "the same bytes";
    const std::string other = lines(1000, "other ");
    tree_.write("a.js", other, 10);
    EXPECT_TRUE(step_until([&] { return body("/a.js") == other; }));
    EXPECT_EQ(variant("/a.js"), nullptr);
    ASSERT_TRUE(settled());
    EXPECT_EQ(variant("/a.js"), nullptr);
    EXPECT_FALSE(find("/a.js")->vary);
    const std::string other_gzip = coded(Coding::gzip, other);
    tree_.write("a.js.gz", other_gzip, 500);
    EXPECT_TRUE(step_until([this] { return variant("/a.js") != nullptr; }));
    EXPECT_EQ(body_of(*variant("/a.js")), other_gzip);
    tree_.write("a.js.gz", gzip_, 5);
    EXPECT_TRUE(step_until([this] { return variant("/a.js") == nullptr; }));
    ASSERT_TRUE(settled());
    EXPECT_EQ(variant("/a.js"), nullptr);
    tree_.write("a.js", text_, 5);
    EXPECT_TRUE(step_until([this] { return variant("/a.js") != nullptr; }));
    std::filesystem::remove(tree_.path("a.js.gz"));
    EXPECT_TRUE(step_until([this] { return variant("/a.js") == nullptr; }));
    EXPECT_FALSE(find("/a.js")->vary);
    tree_.write("a.js.gz", gzip_, 1);
    EXPECT_TRUE(step_until([this] { return variant("/a.js") != nullptr; }));
    std::filesystem::remove(tree_.path("a.js"));
    EXPECT_TRUE(step_until([this] { return find("/a.js") == nullptr; }));
    EXPECT_EQ(body("/a.js.gz"), gzip_);
}

TEST_F(ContentSiblingTest, ATouchChangesNoVerdict) {
    tree_.write("a.js", text_, 1000);
    tree_.write("a.js.gz", gzip_, 1000);
    open();
    ASSERT_TRUE(settled());
    ASSERT_NE(variant("/a.js"), nullptr);
    const std::int64_t before = find("/a.js")->mtime_seconds;
    std::filesystem::last_write_time(
        to_path(tree_.path("a.js")),
        std::filesystem::file_time_type::clock::now() - std::chrono::seconds(10));
    EXPECT_TRUE(step_until([&] {
        EXPECT_NE(variant("/a.js"), nullptr);
        return find("/a.js")->mtime_seconds != before;
    }));
    EXPECT_EQ(store_->stats().checks, 0U);
}

TEST_F(ContentSiblingTest, LiveAndUnloadedFilesHaveThemToo) {
    options_.memory_budget_bytes = 0;
    options_.open_files_max = 1;
    tree_.write("a.js", text_);
    tree_.write("a.js.gz", gzip_);
    tree_.write("b.js", text_);
    tree_.write("b.js.gz", gzip_);
    open();
    ASSERT_TRUE(settled());
    for (const char* path : {"/a.js", "/b.js"}) {
        ASSERT_NE(variant(path), nullptr) << path;
        EXPECT_EQ(find(path)->content_type, "text/javascript; charset=utf-8") << path;
        EXPECT_EQ(variant(path)->content_type, "text/javascript; charset=utf-8") << path;
    }
    // Opening and closing the file says nothing about the bytes.
    for (int i = 0; i < 3; ++i) {
        for (const char* path : {"/a.js", "/b.js"}) {
            // As a session does it: the requested entry may be replaced before it is open.
            ASSERT_TRUE(step_until([&] {
                EXPECT_NE(variant(path), nullptr);
                if (variant(path)->unloaded) {
                    EXPECT_TRUE(view_->request_load(*variant(path)));
                }
                return !variant(path)->unloaded;
            }));
            EXPECT_EQ(body_of(*variant(path)), gzip_);
            EXPECT_EQ(store_->stats().checks, 0U);
        }
    }
}

TEST_F(ContentSiblingTest, ManyAreFoundOutInFewSnapshots) {
    for (int i = 0; i < 300; ++i) {
        const std::string name = "d" + std::to_string(i % 7) + "/f" + std::to_string(i) + ".js";
        tree_.write(name, text_);
        tree_.write(name + ".gz", gzip_);
    }
    open();
    ASSERT_TRUE(settled());
    for (int i = 0; i < 300; ++i) {
        const std::string name = "/d" + std::to_string(i % 7) + "/f" + std::to_string(i) + ".js";
        EXPECT_NE(variant(name), nullptr) << name;
    }
    EXPECT_LE(store_->stats().version, 50U);
}

// ---- Types -------------------------------------------------------------------------------------

TEST_F(ContentSiblingTest, TypesAreOfTheBytesWhereverTheyLive) {
    tree_.write("utf8.txt", "caf\xc3\xa9");
    tree_.write("latin1.txt", "caf\xe9");
    tree_.write("declared.html", "<meta charset=iso-8859-1>");
    tree_.write("README", "text");
    tree_.write("blob", std::string("\0\1\2", 3));
    const std::string large = lines(10'000);
    tree_.write("large.txt", large);
    tree_.write("large-latin1.txt", large + "\xe9");
    tree_.write("data.json", "{}");
    const auto check_all = [this] {
        EXPECT_EQ(find("/utf8.txt")->content_type, "text/plain; charset=utf-8");
        EXPECT_EQ(find("/latin1.txt")->content_type, "text/plain");
        EXPECT_EQ(find("/declared.html")->content_type, "text/html");
        EXPECT_EQ(find("/README")->content_type, "text/plain; charset=utf-8");
        EXPECT_EQ(find("/blob")->content_type, "application/octet-stream");
        EXPECT_EQ(find("/large.txt")->content_type, "text/plain; charset=utf-8");
        EXPECT_EQ(find("/large-latin1.txt")->content_type, "text/plain");
        EXPECT_EQ(find("/data.json")->content_type, "application/json");
    };
    open();
    EXPECT_EQ(store_->stats().checks, 0U) << "all was read";
    check_all();
    TearDown();

    options_.memory_budget_bytes = 0;
    open();
    EXPECT_EQ(find("/utf8.txt")->content_type, "text/plain") << "nobody has looked";
    EXPECT_EQ(find("/README")->content_type, "application/octet-stream");
    ASSERT_TRUE(settled());
    check_all();
    EXPECT_TRUE(find("/utf8.txt")->live_file());
    EXPECT_THAT(find("/utf8.txt")->head_200, HasSubstr("text/plain; charset=utf-8\r\n"));
    tree_.write("utf8.txt", "caf\xe9, too");
    EXPECT_TRUE(step_until([this] {
        return find("/utf8.txt")->size == 9 && find("/utf8.txt")->content_type == "text/plain";
    })) << "at the latest when it is clear that it is not growing";
}

TEST_F(ContentSiblingTest, ACompressedPictureOfSvgIsSentAsSuch) {
    const std::string picture = coded(Coding::gzip, "<svg>" + text_ + "</svg>");
    for (const std::uint64_t budget : {std::uint64_t{1} << 20, std::uint64_t{0}}) {
        options_.memory_budget_bytes = budget;
        tree_.write("a.svgz", picture);
        tree_.write("a.svgz.gz", coded(Coding::gzip, picture));
        open();
        ASSERT_TRUE(settled());
        const Entry* entry = find("/a.svgz");
        EXPECT_EQ(entry->content_type, "image/svg+xml");
        EXPECT_EQ(entry->coding, Coding::gzip);
        EXPECT_THAT(entry->head_200, HasSubstr("Content-Encoding: gzip\r\n"));
        EXPECT_FALSE(entry->vary) << "there is nothing to choose from";
        EXPECT_EQ(body_of(*entry), picture);
        TearDown();
    }
}

TEST_F(ContentSiblingTest, AnEditChangesTheCharset) {
    tree_.write("a.txt", "caf\xc3\xa9");
    open();
    EXPECT_EQ(find("/a.txt")->content_type, "text/plain; charset=utf-8");
    tree_.replace("a.txt", "caf\xe9");
    EXPECT_TRUE(step_until([this] { return find("/a.txt")->content_type == "text/plain"; }));
}

TEST_F(ContentSiblingTest, TheUsersTypesGoFirst) {
    options_.mime = {{"txt", "text/x-mine"}, {"html", "text/html; charset=latin1"}};
    tree_.write("a.txt", "caf\xc3\xa9");
    tree_.write("a.html", "caf\xc3\xa9");
    open();
    EXPECT_EQ(find("/a.txt")->content_type, "text/x-mine; charset=utf-8");
    EXPECT_EQ(find("/a.html")->content_type, "text/html; charset=latin1");
}

}  // namespace
}  // namespace sluice::http

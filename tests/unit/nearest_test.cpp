#include "app/nearest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice {

TEST(Nearest, Distance) {
    EXPECT_EQ(edit_distance("", ""), 0U);
    EXPECT_EQ(edit_distance("", "abc"), 3U);
    EXPECT_EQ(edit_distance("abc", ""), 3U);
    EXPECT_EQ(edit_distance("serve", "serve"), 0U);
    EXPECT_EQ(edit_distance("serv", "serve"), 1U);    // added
    EXPECT_EQ(edit_distance("sserve", "serve"), 1U);  // removed
    EXPECT_EQ(edit_distance("sirve", "serve"), 1U);   // replaced
    EXPECT_EQ(edit_distance("sevre", "serve"), 1U);   // exchanged
    EXPECT_EQ(edit_distance("esvre", "serve"), 2U);   // exchanged twice
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(Nearest, TakesWhatWasMeant) {
    const std::vector<std::string> names = {"--listen", "--idle-timeout", "--head-timeout",
                                            "--log-format", "--workers"};
    EXPECT_EQ(nearest("--listne", names), "--listen");
    EXPECT_EQ(nearest("--lisen", names), "--listen");
    EXPECT_EQ(nearest("--timeout", names), "");
    EXPECT_EQ(nearest("--head-timout", names), "--head-timeout");
    EXPECT_EQ(nearest("--logformat", names), "--log-format");
    EXPECT_EQ(nearest("--worker", names), "--workers");
}

TEST(Nearest, SaysNothingWhereNothingIsNear) {
    const std::vector<std::string> names = {"serve", "bench", "wire"};
    EXPECT_EQ(nearest("", names), "");
    EXPECT_EQ(nearest("s", names), "");
    EXPECT_EQ(nearest("fetch", names), "");
    EXPECT_EQ(nearest("index.html", names), "");
    EXPECT_EQ(nearest("serve", {}), "");
}

// Of two equally near names, the first one.
TEST(Nearest, TheFirstOfEquals) {
    const std::vector<std::string> names = {"abcd", "abce"};
    EXPECT_EQ(nearest("abcf", names), "abcd");
}

}  // namespace sluice

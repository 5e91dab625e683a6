#include <gtest/gtest.h>

#include "bench/load/url.h"

namespace sluice::load {

TEST(UrlPosix, ResolvesPaths) {
    const auto url = Url::parse("unix:/tmp/x.sock");
    ASSERT_TRUE(url);
    const auto path = resolve(*url);
    ASSERT_TRUE(path);
    EXPECT_EQ(path->at(0).to_string(), "unix:/tmp/x.sock");
}

}  // namespace sluice::load

// A file that another handle has open without sharing: the Windows counterpart of mode 0.
#include <gmock/gmock.h>

#include "system/win32.h"
#include "tests/unit/store_fixture.h"

namespace sluice::http {
namespace {

class UnreadableTest : public test::StoreTest {};

TEST_F(UnreadableTest, IsCountedToldOnceAndServedWhenItIsFree) {
    tree_.write("open", "x");
    tree_.write("held", "x");
    const auto path = win32::to_wide(tree_.path("held"));
    HANDLE holder =
        ::CreateFileW(path->c_str(), GENERIC_READ, 0, nullptr, OPEN_EXISTING, 0, nullptr);
    ASSERT_NE(holder, INVALID_HANDLE_VALUE);
    open();
    EXPECT_EQ(store_->stats().unreadable, 1U);
    EXPECT_EQ(body("/open"), "x");
    EXPECT_EQ(find("/held"), nullptr);
    step_for(100 * kMillisecond);
    ASSERT_EQ(warnings_.size(), 1U);
    EXPECT_THAT(warnings_.front(), testing::HasSubstr("1 paths cannot be read"));
    ::CloseHandle(holder);
    EXPECT_TRUE(step_until([this] { return body("/held") == "x"; }));
    EXPECT_EQ(store_->stats().unreadable, 0U);
    EXPECT_EQ(warnings_.size(), 1U);
}

}  // namespace
}  // namespace sluice::http

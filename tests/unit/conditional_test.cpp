#include "http/conditional.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace sluice::http {
namespace {

constexpr std::int64_t kModified = 784'111'777;
constexpr const char* kSame = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr const char* kEarlier = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr const char* kLater = "Sun, 06 Nov 1994 08:49:38 GMT";
constexpr Validators kCurrent{"\"abc\"", kModified};
constexpr Validators kUndated{"\"abc\"", 0};
constexpr Validators kWeak{"W/\"abc\"", kModified};

Request get() {
    Request request;
    request.method = Method::get;
    request.wall_seconds = 1'790'000'000;
    return request;
}

Precondition if_match(const char* field, const Validators& current = kCurrent) {
    Request request = get();
    request.if_match = field;
    return check_preconditions(request, current);
}

Precondition if_none_match(const char* field, const Validators& current = kCurrent) {
    Request request = get();
    request.if_none_match = field;
    return check_preconditions(request, current);
}

TEST(Conditional, NothingAskedProceeds) {
    EXPECT_EQ(check_preconditions(get(), kCurrent), Precondition::proceed);
    EXPECT_TRUE(range_allowed(get(), kCurrent));
}

struct TagCase {
    const char* field;
    bool strong;  // names "abc" by strong comparison
    bool weak;
};

const std::vector<TagCase> kTagCases = {
    {"\"abc\"", true, true},
    {"*", true, true},
    {"W/\"abc\"", false, true},
    {"\"x\", \"abc\"", true, true},
    {"\"x\",\"abc\",\"y\"", true, true},
    {" , ,\"abc\" ,", true, true},
    {"\"x\"\t,\tW/\"abc\"", false, true},
    {"W/\"abc\", \"abc\"", true, true},
    {"\"a,b\", \"abc\"", true, true},
    {"\"\", \"abc\"", true, true},
    {"\"xyz\"", false, false},
    {"\"ABC\"", false, false},
    {"\"ab\"", false, false},
    {"\"abcd\"", false, false},
    {"\"\"", false, false},
    {"", false, false},
    {"abc", false, false},
    {"\"abc", false, false},
    {"abc\"", false, false},
    {"w/\"abc\"", false, false},
    {"W/ \"abc\"", false, false},
    {"W/", false, false},
    {"W/abc", false, false},
    {"**", false, false},
    {"*, \"abc\"", false, false},
    {"\"x\" \"abc\"", false, false},
    {"\"abc\"x", false, false},
    {"x, \"abc\"", false, false},
    {"\"x,\"abc\"", false, false},
    {"'abc'", false, false},
};

TEST(Conditional, IfMatchComparesStrongly) {  // RFC 9110 section 13.1.1
    for (const TagCase& test : kTagCases) {
        EXPECT_EQ(if_match(test.field), test.strong ? Precondition::proceed : Precondition::failed)
            << test.field;
    }
    EXPECT_EQ(if_match("\"abc\"", kWeak), Precondition::failed);
    EXPECT_EQ(if_match("W/\"abc\"", kWeak), Precondition::failed);
    EXPECT_EQ(if_match("*", kWeak), Precondition::proceed);
}

TEST(Conditional, IfNoneMatchComparesWeakly) {  // section 13.1.2
    for (const TagCase& test : kTagCases) {
        EXPECT_EQ(if_none_match(test.field),
                  test.weak ? Precondition::not_modified : Precondition::proceed)
            << test.field;
    }
    EXPECT_EQ(if_none_match("\"abc\"", kWeak), Precondition::not_modified);
    EXPECT_EQ(if_none_match("W/\"abc\"", kWeak), Precondition::not_modified);
}

TEST(Conditional, ARepresentationWithoutATagMatchesNoTag) {
    const Validators untagged{"", kModified};
    EXPECT_EQ(if_match("\"abc\"", untagged), Precondition::failed);
    EXPECT_EQ(if_match("\"\"", untagged), Precondition::failed);
    EXPECT_EQ(if_match("*", untagged), Precondition::proceed);
    EXPECT_EQ(if_none_match("\"abc\"", untagged), Precondition::proceed);
}

TEST(Conditional, Dates) {  // sections 13.1.3 and 13.1.4
    struct DateCase {
        const char* field;
        bool modified;
    };
    const std::vector<DateCase> cases = {
        {kSame, false},
        {kLater, false},
        {kEarlier, true},
        {"Sunday, 06-Nov-94 08:49:37 GMT", false},
        {"Sunday, 06-Nov-94 08:49:36 GMT", true},
        {"Sun Nov  6 08:49:37 1994", false},
        {"Sun Nov  6 08:49:36 1994", true},
        {"Fri, 31 Dec 9999 23:59:59 GMT", false},
    };
    for (const DateCase& test : cases) {
        Request since = get();
        since.if_modified_since = test.field;
        EXPECT_EQ(check_preconditions(since, kCurrent),
                  test.modified ? Precondition::proceed : Precondition::not_modified)
            << test.field;
        Request unless = get();
        unless.if_unmodified_since = test.field;
        EXPECT_EQ(check_preconditions(unless, kCurrent),
                  test.modified ? Precondition::failed : Precondition::proceed)
            << test.field;
    }
}

TEST(Conditional, DatesThatCannotBeJudgedAreIgnored) {
    for (const char* field : {"", "yesterday", "784111777", "Sun, 06 Nov 1994 08:49:37"}) {
        Request request = get();
        request.if_modified_since = field;
        EXPECT_EQ(check_preconditions(request, kCurrent), Precondition::proceed) << field;
        request = get();
        request.if_unmodified_since = field;
        EXPECT_EQ(check_preconditions(request, kCurrent), Precondition::proceed) << field;
    }
    Request request = get();
    request.if_modified_since = kLater;
    EXPECT_EQ(check_preconditions(request, kUndated), Precondition::proceed);
    request = get();
    request.if_unmodified_since = kEarlier;
    EXPECT_EQ(check_preconditions(request, kUndated), Precondition::proceed);
}

// Compares every combination of the four fields, each absent, true or false, with section 13.2.2
// read step by step.
TEST(Conditional, OrderOfPrecedence) {
    enum State { absent, holds, fails };
    for (const State match : {absent, holds, fails}) {
        for (const State unmodified : {absent, holds, fails}) {
            for (const State none_match : {absent, holds, fails}) {
                for (const State modified : {absent, holds, fails}) {
                    Request request = get();
                    if (match != absent) {
                        request.if_match = match == holds ? "\"abc\"" : "\"x\"";
                    }
                    if (unmodified != absent) {
                        request.if_unmodified_since = unmodified == holds ? kSame : kEarlier;
                    }
                    if (none_match != absent) {
                        request.if_none_match = none_match == holds ? "\"x\"" : "\"abc\"";
                    }
                    if (modified != absent) {
                        request.if_modified_since = modified == holds ? kEarlier : kSame;
                    }
                    std::optional<Precondition> expected;
                    if (match == fails || (match == absent && unmodified == fails)) {
                        expected = Precondition::failed;
                    } else if (none_match != absent) {
                        expected = none_match == fails ? Precondition::not_modified
                                                       : Precondition::proceed;
                    } else {
                        expected =
                            modified == fails ? Precondition::not_modified : Precondition::proceed;
                    }
                    EXPECT_EQ(check_preconditions(request, kCurrent), *expected)
                        << match << unmodified << none_match << modified;
                }
            }
        }
    }
}

TEST(Conditional, IfRangeTakesOneStrongTag) {  // section 13.1.5
    const auto allowed = [](const char* field, const Validators& current = kCurrent) {
        Request request = get();
        request.if_range = field;
        return range_allowed(request, current);
    };
    EXPECT_TRUE(allowed("\"abc\""));
    for (const char* field : {"", "*", "abc", "\"x\"", "W/\"abc\"", "\"abc\", \"x\"", "\"abc\" ",
                              "\"abc", "\"abc\"\"abc\"", "\"x\", \"abc\""}) {
        EXPECT_FALSE(allowed(field)) << field;
    }
    EXPECT_FALSE(allowed("\"abc\"", kWeak));
    EXPECT_FALSE(allowed("W/\"abc\"", kWeak));
    EXPECT_FALSE(allowed("\"\"", Validators{"", kModified}));
}

TEST(Conditional, IfRangeTakesTheExactDateWhenItIsStrong) {
    Request request = get();
    for (const char* field :
         {kSame, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"}) {
        request.if_range = field;
        EXPECT_TRUE(range_allowed(request, kCurrent)) << field;
        EXPECT_FALSE(range_allowed(request, kUndated)) << field;
    }
    for (const char* field : {kEarlier, kLater, "Sun, 06 Nov 1994 08:49:37"}) {
        request.if_range = field;
        EXPECT_FALSE(range_allowed(request, kCurrent)) << field;
    }
    // Within the second of the change the date is weak.
    request.if_range = kSame;
    request.wall_seconds = kModified + 1;
    EXPECT_TRUE(range_allowed(request, kCurrent));
    request.wall_seconds = kModified;
    EXPECT_FALSE(range_allowed(request, kCurrent));
    request.wall_seconds = kModified - 100;  // a file from the future
    EXPECT_FALSE(range_allowed(request, kCurrent));
}

}  // namespace
}  // namespace sluice::http

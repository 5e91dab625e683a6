#include "http/date.h"

#include <gtest/gtest.h>

#include <ctime>
#include <limits>
#include <random>
#include <string>

namespace sluice::http {
namespace {

constexpr std::int64_t kExample = 784'111'777;  // RFC 9110 section 5.6.7's own example
constexpr std::int64_t kNow = 1'790'000'000;    // 21 September 2026

std::string format(std::int64_t seconds) {
    std::string text(kImfDateBytes, '?');
    format_http_date(seconds, text.data());
    return text;
}

TEST(Date, Formats) {
    EXPECT_EQ(format(kExample), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(format(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    EXPECT_EQ(format(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
    EXPECT_EQ(format(951'827'696), "Tue, 29 Feb 2000 12:34:56 GMT");
    EXPECT_EQ(format(4'107'542'400), "Mon, 01 Mar 2100 00:00:00 GMT");
    EXPECT_EQ(format(253'402'300'799), "Fri, 31 Dec 9999 23:59:59 GMT");
    EXPECT_EQ(format(std::numeric_limits<std::int64_t>::max()), "Fri, 31 Dec 9999 23:59:59 GMT");
    EXPECT_EQ(format(std::numeric_limits<std::int64_t>::min()), "Sat, 01 Jan 0000 00:00:00 GMT");
}

TEST(Date, AgreesWithTheCLibrary) {
    std::mt19937_64 random(7);
    int compared = 0;
    for (int i = 0; i < 20'000; ++i) {
        const auto seconds = static_cast<std::time_t>(random() % 253'402'300'800ULL);
        const std::tm* parts = std::gmtime(&seconds);
        if (parts == nullptr) {
            continue;  // on Windows gmtime ends with the year 3000
        }
        ++compared;
        char expected[64];
        std::strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", parts);
        ASSERT_EQ(format(seconds), expected);
        ASSERT_EQ(parse_http_date(expected, kNow), seconds);
        std::strftime(expected, sizeof expected, "%a %b %d %H:%M:%S %Y", parts);
        if (expected[8] == '0') {
            expected[8] = ' ';
        }
        ASSERT_EQ(parse_http_date(expected, kNow), seconds);
    }
    EXPECT_GT(compared, 2000);
}

TEST(Date, ParsesAllThreeForms) {
    EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT", kNow), kExample);
    EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", kNow), kExample);
    EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994", kNow), kExample);
    EXPECT_EQ(parse_http_date("Sun Nov 06 08:49:37 1994", kNow), kExample);
    EXPECT_EQ(parse_http_date("Wed Nov 16 08:49:37 1994", kNow), kExample + 10 * 86'400);
}

TEST(Date, TheDayOfTheWeekCarriesNoInformation) {
    EXPECT_EQ(parse_http_date("Mon, 06 Nov 1994 08:49:37 GMT", kNow), kExample);
    EXPECT_EQ(parse_http_date("Xyz, 06 Nov 1994 08:49:37 GMT", kNow), std::nullopt);
}

TEST(Date, ALeapSecondIsTheNextSecond) {
    EXPECT_EQ(parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT", kNow), 1'483'228'800);
}

TEST(Date, RefusesEverythingElse) {
    for (const char* text : {
             "",
             "Sun",
             "Sun,",
             "Sunday",
             "Sun ",
             "0",
             "784111777",
             "Sun, 06 Nov 1994 08:49:37",
             "Sun, 06 Nov 1994 08:49:37 UTC",
             "Sun, 06 Nov 1994 08:49:37 gmt",
             "Sun, 06 Nov 1994 08:49:37 GMT ",
             " Sun, 06 Nov 1994 08:49:37 GMT",
             "Sun, 6 Nov 1994 08:49:37 GMT",
             "Sun, 06 nov 1994 08:49:37 GMT",
             "sun, 06 Nov 1994 08:49:37 GMT",
             "Sun, 06 Nov 94 08:49:37 GMT",
             "Sun, 06 Nov 1994 8:49:37 GMT",
             "Sun, 06 Nov 1994 08:49 GMT",
             "Sun, 06 Nov 1994 24:00:00 GMT",
             "Sun, 06 Nov 1994 08:60:00 GMT",
             "Sun, 06 Nov 1994 08:49:61 GMT",
             "Sun, 00 Nov 1994 08:49:37 GMT",
             "Sun, 31 Nov 1994 08:49:37 GMT",
             "Tue, 29 Feb 1900 00:00:00 GMT",
             "Sun, 29 Feb 2026 00:00:00 GMT",
             "Sun, 06 Nov +994 08:49:37 GMT",
             "Sun, 06 Nov 1994  08:49:37 GMT",
             "Sun, 06-Nov-1994 08:49:37 GMT",
             "Sunday, 06 Nov 94 08:49:37 GMT",
             "Sunday, 06-Nov-1994 08:49:37 GMT",
             "Sun, 06-Nov-94 08:49:37 GMT",
             "Sunday, 06-Nov-94 08:49:37",
             "Sun Nov 6 08:49:37 1994",
             "Sun Nov   6 08:49:37 1994",
             "Sun Nov  6 08:49:37 1994 GMT",
             "Sun Nov  0 08:49:37 1994",
         }) {
        EXPECT_EQ(parse_http_date(text, kNow), std::nullopt) << text;
    }
}

TEST(Date, TwoDigitYearsAreAtMostFiftyYearsAhead) {
    const auto year_of = [](const char* text, std::int64_t now) {
        const std::optional<std::int64_t> seconds = parse_http_date(text, now);
        return seconds ? format(*seconds).substr(12, 4) : "none";
    };
    EXPECT_EQ(year_of("Monday, 01-Jan-26 00:00:00 GMT", kNow), "2026");
    EXPECT_EQ(year_of("Monday, 01-Jan-70 00:00:00 GMT", kNow), "2070");
    EXPECT_EQ(year_of("Monday, 01-Jan-76 00:00:00 GMT", kNow), "2076");
    EXPECT_EQ(year_of("Monday, 01-Jan-77 00:00:00 GMT", kNow), "1977");
    EXPECT_EQ(year_of("Monday, 01-Jan-99 00:00:00 GMT", kNow), "1999");
    EXPECT_EQ(year_of("Monday, 01-Jan-00 00:00:00 GMT", kNow), "2000");
    // To the second: now is 2026-09-21 14:13:20.
    ASSERT_EQ(format(kNow), "Mon, 21 Sep 2026 14:13:20 GMT");
    EXPECT_EQ(year_of("Monday, 21-Sep-76 14:13:20 GMT", kNow), "2076");
    EXPECT_EQ(year_of("Monday, 21-Sep-76 14:13:21 GMT", kNow), "1976");
    EXPECT_EQ(year_of("Monday, 29-Feb-76 00:00:00 GMT", kNow), "2076");
    EXPECT_EQ(year_of("Monday, 29-Feb-80 00:00:00 GMT", kNow), "1980");
    EXPECT_EQ(year_of("Monday, 29-Feb-77 00:00:00 GMT", kNow), "none");
    // An unset clock neither crashes nor moves the dates that four digits place.
    EXPECT_EQ(year_of("Sunday, 06-Nov-94 08:49:37 GMT", 0), "1994");
    EXPECT_EQ(year_of("Sunday, 06-Nov-94 08:49:37 GMT", std::numeric_limits<std::int64_t>::max()),
              "9994");
    EXPECT_NE(year_of("Sunday, 06-Nov-94 08:49:37 GMT", std::numeric_limits<std::int64_t>::min()),
              "1994");
}

TEST(DateLine, RenewsItselfWhenTheSecondChanges) {
    DateLine line;
    line.update(kExample);
    EXPECT_EQ(line.text(), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    line.update(kExample);
    EXPECT_EQ(line.text(), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    line.update(kExample + 1);
    EXPECT_EQ(line.text(), "Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n");
    line.update(kExample - 1);  // a clock that was set back
    EXPECT_EQ(line.text(), "Date: Sun, 06 Nov 1994 08:49:36 GMT\r\n");
}

}  // namespace
}  // namespace sluice::http

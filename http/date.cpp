#include "http/date.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "http/field.h"

namespace sluice::http {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::year_month_day;

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> kLongDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

constexpr std::int64_t seconds_at(int year, unsigned month, unsigned day) noexcept {
    const year_month_day date{std::chrono::year{year}, std::chrono::month{month},
                              std::chrono::day{day}};
    return sys_seconds{sys_days{date}}.time_since_epoch().count();
}

constexpr std::int64_t kFirstSecond = seconds_at(0, 1, 1);
constexpr std::int64_t kLastSecond = seconds_at(10000, 1, 1) - 1;

void put_digits(char* out, unsigned value, int digits) noexcept {
    for (int i = digits - 1; i >= 0; --i) {
        out[i] = static_cast<char>('0' + value % 10);
        value /= 10;
    }
}

struct Moment {
    int year = 0;
    int month = 0;  // 1 to 12
    int day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;

    // Nothing when there is no such day or time. 60 is a leap second (RFC 5322 section 3.3): the
    // first second of the next minute, as our clock counts it.
    [[nodiscard]] std::optional<std::int64_t> to_seconds() const noexcept {
        const year_month_day date{std::chrono::year{year},
                                  std::chrono::month{static_cast<unsigned>(month)},
                                  std::chrono::day{static_cast<unsigned>(day)}};
        if (!date.ok() || hour > 23 || minute > 59 || second > 60) {
            return std::nullopt;
        }
        return seconds_at(year, static_cast<unsigned>(month), static_cast<unsigned>(day)) +
               (hour * 60 + minute) * 60 + second;
    }
};

// Reads a text from left to right. After the first thing that does not fit, everything fails.
class Scanner {
  public:
    explicit Scanner(std::string_view text) noexcept : rest_(text) {}

    void literal(std::string_view expected) noexcept {
        if (!rest_.starts_with(expected)) {
            fail();
            return;
        }
        rest_.remove_prefix(expected.size());
    }
    [[nodiscard]] int digits(std::size_t count) noexcept {
        if (rest_.size() < count ||
            !std::all_of(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(count),
                         is_digit)) {
            fail();
            return 0;
        }
        int value = 0;
        for (const char c : rest_.substr(0, count)) {
            value = value * 10 + (c - '0');
        }
        rest_.remove_prefix(count);
        return value;
    }
    // asctime's day of the month: two digits, or a space and one.
    [[nodiscard]] int padded_day() noexcept {
        if (rest_.starts_with(' ')) {
            rest_.remove_prefix(1);
            return digits(1);
        }
        return digits(2);
    }
    // The index of the name that comes next. No name in our tables starts with another one.
    template <std::size_t N>
    [[nodiscard]] int name(const std::array<std::string_view, N>& names) noexcept {
        for (std::size_t i = 0; i < N; ++i) {
            if (rest_.starts_with(names[i])) {
                rest_.remove_prefix(names[i].size());
                return static_cast<int>(i);
            }
        }
        fail();
        return 0;
    }
    void time(Moment& moment) noexcept {
        moment.hour = digits(2);
        literal(":");
        moment.minute = digits(2);
        literal(":");
        moment.second = digits(2);
    }
    [[nodiscard]] bool complete() const noexcept { return !failed_ && rest_.empty(); }

  private:
    void fail() noexcept {
        failed_ = true;
        rest_ = {};
    }

    std::string_view rest_;
    bool failed_ = false;
};

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<std::int64_t> parse_imf(std::string_view text) noexcept {
    Scanner scanner(text);
    Moment moment;
    (void)scanner.name(kDays);
    scanner.literal(", ");
    moment.day = scanner.digits(2);
    scanner.literal(" ");
    moment.month = scanner.name(kMonths) + 1;
    scanner.literal(" ");
    moment.year = scanner.digits(4);
    scanner.literal(" ");
    scanner.time(moment);
    scanner.literal(" GMT");
    return scanner.complete() ? moment.to_seconds() : std::nullopt;
}

// "Sunday, 06-Nov-94 08:49:37 GMT"
std::optional<std::int64_t> parse_rfc850(std::string_view text, std::int64_t now) noexcept {
    Scanner scanner(text);
    Moment moment;
    (void)scanner.name(kLongDays);
    scanner.literal(", ");
    moment.day = scanner.digits(2);
    scanner.literal("-");
    moment.month = scanner.name(kMonths) + 1;
    scanner.literal("-");
    const int two_digits = scanner.digits(2);
    scanner.literal(" ");
    scanner.time(moment);
    scanner.literal(" GMT");
    if (!scanner.complete()) {
        return std::nullopt;
    }
    // RFC 9110 section 5.6.7: a year that seems more than 50 years ahead is the latest past one
    // with these digits. The same day and time 50 years from now is where "more" begins.
    const std::int64_t bounded = std::clamp(now, kFirstSecond, kLastSecond);
    const sys_days today = std::chrono::floor<days>(sys_seconds{seconds{bounded}});
    const int this_year = static_cast<int>(year_month_day{today}.year());
    moment.year = this_year - this_year % 100 + two_digits;
    Moment fifty_years_back = moment;
    fifty_years_back.year -= 50;
    const std::optional<std::int64_t> then = fifty_years_back.to_seconds();
    // The other year may have no 29 February: then the year alone decides.
    const bool too_far = then ? *then > bounded : moment.year > this_year + 50;
    if (too_far) {
        moment.year -= 100;
    }
    return moment.to_seconds();
}

// "Sun Nov  6 08:49:37 1994"
std::optional<std::int64_t> parse_asctime(std::string_view text) noexcept {
    Scanner scanner(text);
    Moment moment;
    (void)scanner.name(kDays);
    scanner.literal(" ");
    moment.month = scanner.name(kMonths) + 1;
    scanner.literal(" ");
    moment.day = scanner.padded_day();
    scanner.literal(" ");
    scanner.time(moment);
    scanner.literal(" ");
    moment.year = scanner.digits(4);
    return scanner.complete() ? moment.to_seconds() : std::nullopt;
}

}  // namespace

void format_http_date(std::int64_t wall_seconds, char* out) noexcept {
    const sys_seconds instant{seconds{std::clamp(wall_seconds, kFirstSecond, kLastSecond)}};
    const sys_days day = std::chrono::floor<days>(instant);
    const year_month_day date{day};
    const auto second_of_day = static_cast<unsigned>((instant - day).count());

    std::memcpy(out, "Sun, 06 Nov 1994 08:49:37 GMT", kImfDateBytes);
    std::memcpy(out, kDays[std::chrono::weekday{day}.c_encoding()].data(), 3);
    put_digits(out + 5, static_cast<unsigned>(date.day()), 2);
    std::memcpy(out + 8, kMonths[static_cast<unsigned>(date.month()) - 1].data(), 3);
    put_digits(out + 12, static_cast<unsigned>(static_cast<int>(date.year())), 4);
    put_digits(out + 17, second_of_day / 3600, 2);
    put_digits(out + 20, second_of_day / 60 % 60, 2);
    put_digits(out + 23, second_of_day % 60, 2);
}

std::optional<std::int64_t> parse_http_date(std::string_view text,
                                            std::int64_t now_seconds) noexcept {
    // The fourth byte tells the forms apart: "Sun,", "Sunday", "Sun ".
    if (text.size() < 4) {
        return std::nullopt;
    }
    if (text[3] == ',') {
        return parse_imf(text);
    }
    return text[3] == ' ' ? parse_asctime(text) : parse_rfc850(text, now_seconds);
}

void DateLine::update(std::int64_t wall_seconds) noexcept {
    if (wall_seconds == second_) {
        return;
    }
    constexpr std::string_view kName = "Date: ";
    static_assert(kName.size() + kImfDateBytes + 2 == std::tuple_size_v<decltype(text_)>);
    second_ = wall_seconds;
    std::memcpy(text_.data(), kName.data(), kName.size());
    format_http_date(wall_seconds, text_.data() + kName.size());
    std::memcpy(text_.data() + kName.size() + kImfDateBytes, "\r\n", 2);
}

}  // namespace sluice::http

// Date: HTTP-date (RFC 9110 section 5.6.7) to and from seconds since 1970. Pure: no locale, no
// time zone, no clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::http {

inline constexpr std::size_t kImfDateBytes = 29;  // "Sun, 06 Nov 1994 08:49:37 GMT"

// Writes the one form that is generated, IMF-fixdate, to `out` (kImfDateBytes long, no terminator).
// Seconds outside the years 0000 to 9999 become the nearest one inside.
void format_http_date(std::int64_t seconds, char* out) noexcept;

// Parses any of the three forms that a recipient has to accept: IMF-fixdate, RFC 850's and
// asctime's. Names are case-sensitive. The day of the week must be a name but may be the wrong one:
// it carries no information. `now_seconds` places the two-digit years of RFC 850.
[[nodiscard]] std::optional<std::int64_t> parse_http_date(std::string_view text,
                                                          std::int64_t now_seconds) noexcept;

// The line that every response of this second shares.
class DateLine {
  public:
    // Text of "Date: ...\r\n"; renewed when the second changes.
    void update(std::int64_t wall_seconds) noexcept;
    [[nodiscard]] std::string_view text() const { return {text_.data(), text_.size()}; }
    [[nodiscard]] std::int64_t second() const { return second_; }

  private:
    std::int64_t second_ = -1;
    std::array<char, 37> text_{};  // "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
};

}  // namespace sluice::http

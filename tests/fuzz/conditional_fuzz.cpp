// Any bytes as the five conditional fields: the outcome agrees with the order of RFC 9110 section
// 13.2.2 over the fields taken one by one. '\n' separates the fields; an empty one is absent, one
// that is just "=" is present and empty. A sixth, one byte, picks the representation.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/check.h"
#include "http/conditional.h"
#include "http/date.h"

namespace {

using namespace sluice::http;

constexpr std::int64_t kModified = 784'111'777;
constexpr std::int64_t kNow = 1'790'000'000;

std::string_view take_field(std::string_view& rest) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view field = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (field.empty()) {
        return {};
    }
    return field == "=" ? field.substr(1) : field;
}

Request with(std::string_view Request::*field, std::string_view value) {
    Request request;
    request.method = Method::get;
    request.wall_seconds = kNow;
    request.*field = value;
    return request;
}

void check_order(const Request& all, const Validators& current) {
    const auto alone = [&](std::string_view Request::*field) {
        return check_preconditions(with(field, all.*field), current);
    };
    const Precondition match = alone(&Request::if_match);
    const Precondition unmodified = alone(&Request::if_unmodified_since);
    const Precondition none_match = alone(&Request::if_none_match);
    const Precondition modified = alone(&Request::if_modified_since);
    CHECK(match != Precondition::not_modified && unmodified != Precondition::not_modified);
    CHECK(none_match != Precondition::failed && modified != Precondition::failed);

    const Precondition first = present(all.if_match) ? match : unmodified;
    const Precondition second = present(all.if_none_match) ? none_match : modified;
    CHECK(check_preconditions(all, current) == (first != Precondition::proceed ? first : second));
}

void check_tags(const Request& all, const Validators& current) {
    // What a strong comparison finds, a weak one finds too.
    if (present(all.if_match)) {
        const Request weak = with(&Request::if_none_match, all.if_match);
        if (check_preconditions(with(&Request::if_match, all.if_match), current) ==
            Precondition::proceed) {
            CHECK(check_preconditions(weak, current) == Precondition::not_modified);
            CHECK(all.if_match == "*" || all.if_match.find(current.etag) != std::string_view::npos);
        }
    }
    // If-Range takes no more than If-Match or the exact date would.
    if (present(all.if_range) && range_allowed(all, current)) {
        CHECK(all.if_range == current.etag ||
              parse_http_date(all.if_range, kNow) == current.modified_seconds);
    }
}

void check_date(std::string_view text) {
    const std::optional<std::int64_t> seconds = parse_http_date(text, kNow);
    if (seconds) {
        std::array<char, kImfDateBytes> again;
        format_http_date(*seconds, again.data());
        const std::string_view formatted(again.data(), again.size());
        // The last leap second of the year 9999 has no spelling.
        CHECK(formatted.starts_with("Fri, 31 Dec 9999 23:59:59") ||
              parse_http_date(formatted, kNow) == seconds);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(data, data + size);
    std::string_view rest = text;
    Request request;
    request.method = Method::get;
    request.wall_seconds = kNow;
    request.if_match = take_field(rest);
    request.if_unmodified_since = take_field(rest);
    request.if_none_match = take_field(rest);
    request.if_modified_since = take_field(rest);
    request.if_range = take_field(rest);

    constexpr std::array<Validators, 4> kCurrent = {
        {{"\"abc\"", kModified}, {"\"abc\"", 0}, {"W/\"abc\"", kModified}, {"\"abc\"", kNow}}};
    const std::size_t choice = rest.empty() ? 0 : static_cast<unsigned char>(rest[0]);
    const Validators& current = kCurrent[choice % kCurrent.size()];
    check_order(request, current);
    check_tags(request, current);
    check_date(request.if_unmodified_since);
    check_date(request.if_modified_since);
    check_date(request.if_range);
    return 0;
}

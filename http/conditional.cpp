#include "http/conditional.h"

#include <optional>

#include "http/date.h"
#include "http/field.h"

namespace sluice::http {
namespace {

enum class Comparison : std::uint8_t { strong, weak };

struct Tag {
    bool weak = false;
    std::string_view opaque;  // with its quotes
};

// entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE (RFC 9110 section 8.8.3) at the front of `rest`.
std::optional<Tag> take_tag(std::string_view& rest) noexcept {
    Tag tag;
    if (rest.starts_with("W/")) {
        tag.weak = true;
        rest.remove_prefix(2);
    }
    const std::size_t end = rest.starts_with('"') ? rest.find('"', 1) : std::string_view::npos;
    if (end == std::string_view::npos) {
        return std::nullopt;
    }
    tag.opaque = rest.substr(0, end + 1);
    rest.remove_prefix(end + 1);
    return tag;
}

// RFC 9110 section 8.8.3.2: opaque parts equal, and for the strong comparison neither is weak.
bool equal_tags(const Tag& a, const Tag& b, Comparison comparison) noexcept {
    return a.opaque == b.opaque && (comparison == Comparison::weak || (!a.weak && !b.weak));
}

// Whether "*" or a list of tags names the current representation. A list is read up to its first
// error; what follows names nothing.
bool names_current(std::string_view field, std::string_view etag, Comparison comparison) noexcept {
    if (field == "*") {
        return true;  // there is a current representation, else we would not be here
    }
    const std::optional<Tag> current = take_tag(etag);
    while (current) {
        while (!field.empty() && (is_ows(field.front()) || field.front() == ',')) {
            field.remove_prefix(1);
        }
        const std::optional<Tag> tag = take_tag(field);
        if (!tag) {
            return false;
        }
        while (!field.empty() && is_ows(field.front())) {
            field.remove_prefix(1);
        }
        if (!field.empty() && field.front() != ',') {
            return false;
        }
        if (equal_tags(*tag, *current, comparison)) {
            return true;
        }
    }
    return false;
}

// Whether the representation changed after the date in `field`. Nothing when the field is to be
// ignored: it is no valid date, or there is no modification date to compare with.
std::optional<bool> modified_since(std::string_view field, const Request& request,
                                   const Validators& current) noexcept {
    const std::optional<std::int64_t> date = parse_http_date(field, request.wall_seconds);
    if (!date || current.modified_seconds <= 0) {
        return std::nullopt;
    }
    return current.modified_seconds > *date;
}

}  // namespace

Precondition check_preconditions(const Request& request, const Validators& current) noexcept {
    // RFC 9110 section 13.2.2, step by step.
    if (present(request.if_match)) {  // step 1, section 13.1.1: strong comparison
        if (!names_current(request.if_match, current.etag, Comparison::strong)) {
            return Precondition::failed;
        }
    } else if (present(request.if_unmodified_since)) {  // step 2, section 13.1.4
        if (modified_since(request.if_unmodified_since, request, current).value_or(false)) {
            return Precondition::failed;
        }
    }
    if (present(request.if_none_match)) {  // step 3, section 13.1.2: weak comparison
        if (names_current(request.if_none_match, current.etag, Comparison::weak)) {
            return Precondition::not_modified;
        }
    } else if (present(request.if_modified_since)) {  // step 4, section 13.1.3
        if (!modified_since(request.if_modified_since, request, current).value_or(true)) {
            return Precondition::not_modified;
        }
    }
    return Precondition::proceed;  // step 5, Range and If-Range, is the caller's
}

bool range_allowed(const Request& request, const Validators& current) noexcept {
    if (!present(request.if_range)) {
        return true;
    }
    // Section 13.1.5: one entity tag, no list, no "*"; or a date.
    std::string_view field = request.if_range;
    if (field.starts_with('"') || field.starts_with("W/")) {
        const std::optional<Tag> tag = take_tag(field);
        std::string_view etag = current.etag;
        const std::optional<Tag> own = take_tag(etag);
        return tag && own && field.empty() && equal_tags(*tag, *own, Comparison::strong);
    }
    // A date counts when it is exactly ours and strong (section 8.8.2.2): within the second of the
    // change, the file may change again and keep its date.
    const std::optional<std::int64_t> date = parse_http_date(field, request.wall_seconds);
    return date && current.modified_seconds > 0 && *date == current.modified_seconds &&
           current.modified_seconds < request.wall_seconds;
}

}  // namespace sluice::http

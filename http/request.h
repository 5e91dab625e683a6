// Request: what a request asks for, in any version of HTTP. A plain value made of views into the
// connection's bytes; valid while those bytes are. Framing is left to each version of HTTP.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::http {

enum class Method : std::uint8_t {
    get,
    head,
    options,
    other_known,  // a method that a registry knows and we do not serve: 405
    unknown,      // 501
};

struct Request {
    Method method = Method::unknown;
    bool asterisk = false;  // "OPTIONS *"
    // When the head was complete. It gives two-digit years their century and tells whether a
    // modification date is old enough to trust (http/date.h, http/conditional.h).
    std::int64_t wall_seconds = 0;

    std::string_view method_text;
    std::string_view target;    // as received
    std::string_view path;      // as normalise_path() made it; empty: names nothing, 404
    std::string_view query;     // raw, with its '?', or empty
    std::string_view raw_path;  // the target's path as received, for redirects

    // Field values without surrounding white space; empty and absent are told apart by data().
    // List-valued fields that came in several lines are joined with ", " (RFC 9110 section 5.3).
    std::string_view authority;  // Host, or that of the target
    std::string_view range;
    std::string_view if_match;
    std::string_view if_none_match;
    std::string_view if_modified_since;
    std::string_view if_unmodified_since;
    std::string_view if_range;
    std::string_view accept_encoding;
    std::string_view user_agent;
    std::string_view referer;
};

[[nodiscard]] constexpr bool present(std::string_view field) {
    return field.data() != nullptr;
}

}  // namespace sluice::http

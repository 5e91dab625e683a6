// Path: from the path of a request target, as received, to the name that content is looked up by.
//
// Decoding happens exactly once and before anything else looks at the path, so only one spelling
// is left to judge: "%252e" means "%2e" and never a dot. Pure; writes only to the caller's buffer.
//
// The rules, in their order:
//  - a NUL or another control byte (also 0x7f), raw or escaped, and a '%' without two hexadecimal
//    digits are `bad` (400);
//  - an escaped slash (%2F) is data, not a separator (RFC 3986 section 2.2). No file name can hold
//    a slash, so such a path is `not_found` (404), whatever else is in it;
//  - "." and ".." segments, escaped dots included, are resolved; ".." at the root stays at the
//    root (RFC 3986 section 5.2.4);
//  - several slashes in a row count as one, before ".." is resolved: "/a//../b" is "/b". So each
//    file keeps one name.
// Hidden names are not judged here: they have no entry (fs::servable_name()).
// A backslash is an ordinary byte, and so is any byte from 0x80 on (UTF-8 names).
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::http {

enum class PathStatus : std::uint8_t {
    ok,
    bad,        // malformed: 400
    not_found,  // well-formed, but can name nothing: 404
};

struct Path {
    PathStatus status = PathStatus::ok;
    std::string_view text;  // starts with '/'; empty unless ok, and plan_response() then says 404
};

// `raw` is the target's path without its query; an empty one is "/" (RFC 9110 section 4.2.3).
// The result is a view of `raw` itself when there was nothing to do, else of `out`, which has room
// for raw.size() bytes and does not overlap `raw`.
[[nodiscard]] Path normalise_path(std::string_view raw, char* out) noexcept;

}  // namespace sluice::http

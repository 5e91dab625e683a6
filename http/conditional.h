// Conditional requests (RFC 9110 section 13) for GET and HEAD against a representation that exists.
// Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/request.h"

namespace sluice::http {

// What conditions are compared with.
struct Validators {
    std::string_view etag;  // with its quotes, perhaps with W/
    // As in Last-Modified. When it is not positive, the representation has no such date, and
    // conditions on it are ignored (sections 13.1.3 and 13.1.4).
    std::int64_t modified_seconds = 0;
};

enum class Precondition : std::uint8_t {
    proceed,       // do what the method says
    not_modified,  // 304
    failed,        // 412
};

// If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since, in the order of section 13.2.2.
// The caller has made sure that the answer without them would be a 200 (section 13.2.1).
[[nodiscard]] Precondition check_preconditions(const Request& request,
                                               const Validators& current) noexcept;

// Whether Range applies as far as If-Range is concerned (section 13.1.5; true when it is absent).
[[nodiscard]] bool range_allowed(const Request& request, const Validators& current) noexcept;

}  // namespace sluice::http

// The static handler: makes a plan from a request and the content. The plan says what will be
// answered and holds none of its bytes. Pure functions: no socket, no clock, no allocation.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/range.h"
#include "http/request.h"
#include "http/snapshot.h"

namespace sluice::http {

enum class BodyShape : std::uint8_t {
    none,       // no body bytes follow the head (HEAD, 304, 204)
    whole,      // the entry's bytes
    ranges,     // one range of the entry's bytes (206)
    multipart,  // several, as multipart/byteranges
    page,       // a small page made by us: errors and redirects
};

// What will be answered. Small and copyable; views point into the request or static storage.
struct ResponsePlan {
    std::uint16_t status = 200;
    BodyShape shape = BodyShape::none;
    bool head_only = false;           // HEAD: the head as for GET, no body
    const Entry* entry = nullptr;     // the chosen representation
    const Entry* identity = nullptr;  // the identity entry it belongs to (Vary on errors like 416)
    std::uint8_t range_count = 0;
    ByteRanges ranges;                // the first range_count of them are set
    std::string_view redirect_path;   // 301: the normalised path; Location is this, escaped, + '/'
    std::string_view redirect_query;  // + query
    bool needs_load = false;  // the entry is unloaded: load it, then plan again; ignore the rest
};

// The static handler (RFC 9110): method, look-up, negotiation, preconditions in the order of
// section 13.2.2, ranges. Does not look at framing: the session has refused bad requests before.
// An empty path names nothing (http/path.h): 404.
[[nodiscard]] ResponsePlan plan_response(const Request& request, const Snapshot& snapshot) noexcept;

// A plan for an answer that is about the message and not about content: 400, 405, 408, 413 ...
// A status that has no page (http/pages.h) becomes 500.
[[nodiscard]] ResponsePlan plan_error(std::uint16_t status, bool head_only) noexcept;

}  // namespace sluice::http

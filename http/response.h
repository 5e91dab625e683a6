// Response: from a request and the content to a plan, and from a plan to bytes. Pure functions: no
// socket, no clock, no allocation on the way of a request (multipart boundaries included).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "http/content.h"
#include "http/range.h"
#include "http/request.h"

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
    bool needs_load = false;  // the entry is cold: load it, then plan again; the rest means nothing
};

// The static handler (RFC 9110): method, look-up, negotiation, preconditions in the order of
// section 13.2.2, ranges. Does not look at framing: the session has refused bad requests before.
// An empty path is one that names nothing (http/path.h): 404.
[[nodiscard]] ResponsePlan plan_response(const Request& request, const Snapshot& snapshot) noexcept;

// A plan for an answer that is about the message and not about content: 400, 405, 408, 413 ...
// A status that has no page (http/pages.h) becomes 500.
[[nodiscard]] ResponsePlan plan_error(std::uint16_t status, bool head_only) noexcept;

// The line that every response of this second shares.
class DateLine {
  public:
    // Text of "Date: ...\r\n"; renewed when the second changes.
    void update(std::int64_t wall_seconds) noexcept;
    [[nodiscard]] std::string_view text() const { return {text_.data(), text_.size()}; }

  private:
    std::int64_t second_ = -1;
    std::array<char, 37> text_{};  // "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
};

enum class ConnectionField : std::uint8_t {
    none,        // HTTP/1.1 that stays open says nothing
    close,       // "Connection: close"
    keep_alive,  // "Connection: keep-alive": HTTP/1.0 client that asked for it
};

// Longest head that write_response() makes, multipart part heads and our own pages included; the
// redirect's Location (at most three times as long as the request line, for escapes; as long in
// practice) comes on top.
inline constexpr std::size_t kHeadBytesMax = 2048;

// Writes the head (status line to empty line) to `out`, and also the body when it is a page.
// Returns the number of bytes written, or 0 when `room` is too small.
// For BodyShape::whole with an entry in memory that fits, the body is written too (one prepared
// send). *body_written says that nothing is left to send, also when there is no body at all.
// `more_fields`: whole lines that this one answer carries, too.
[[nodiscard]] std::size_t write_response(const ResponsePlan& plan, const DateLine& date,
                                         ConnectionField connection, char* out, std::size_t room,
                                         bool* body_written,
                                         std::string_view more_fields = {}) noexcept;

// Multipart (RFC 9110 section 14.6): the part head before range `index`, and the closing delimiter
// for index == range_count. Returns bytes written; `out` has room for kHeadBytesMax.
[[nodiscard]] std::size_t write_part_head(const ResponsePlan& plan, std::size_t index,
                                          char* out) noexcept;

// Body bytes that the answer announces in Content-Length (of the page, ranges, multipart ...). For
// HEAD those of the GET, though none are sent.
[[nodiscard]] std::uint64_t body_bytes(const ResponsePlan& plan) noexcept;

// Called by the loader when an entry is made and everything else about it is known: fills head_200,
// head_304, head_common.
void prepare_heads(Entry& entry);

[[nodiscard]] std::string_view reason_phrase(std::uint16_t status) noexcept;

}  // namespace sluice::http

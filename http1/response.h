// Response: turns a plan into the bytes of HTTP/1. Pure functions: no socket, no clock, no
// allocation while a request is answered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/date.h"
#include "http/entry.h"
#include "http/plan.h"

namespace sluice::http {

enum class ConnectionField : std::uint8_t {
    none,        // HTTP/1.1, and the connection stays open
    close,       // "Connection: close"
    keep_alive,  // "Connection: keep-alive": an HTTP/1.0 client asked for it
};

// Writes the head (status line to empty line) to `out`, and also the body when it is a page.
// Returns the number of bytes written, or 0 when `room` is too small.
// For BodyShape::whole with an entry in memory that fits, the body is written too (one prepared
// send). *body_written says that nothing is left to send, also when there is no body at all.
// `more_fields`: whole lines that only this answer carries.
[[nodiscard]] std::size_t write_response(const ResponsePlan& plan, const DateLine& date,
                                         ConnectionField connection, char* out, std::size_t room,
                                         bool* body_written,
                                         std::string_view more_fields = {}) noexcept;

// Fills head_200 and head_304. The loader calls it (ContentOptions::prepare) when an entry is made
// and everything else about it is known.
void prepare_heads(Entry& entry);

}  // namespace sluice::http

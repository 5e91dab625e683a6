// An HTTP/1.x message as it was captured, and the exchange that it belongs to.
//
// A message's head is one buffer of text; method, target, fields and the rest are places in it. So
// a message costs a handful of allocations, however many fields it has, and what is handed out are
// views: valid while the message is there and gets no more bytes. Sources: RFC 9110, RFC 9112.
#pragma once

#include <cstdint>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

#include "wire/reassembly.h"

namespace sluice::wire {

struct HttpField {
    std::string_view name;
    std::string_view value;
};

// How a body's end is found (RFC 9112 section 6.3).
enum class Framing : std::uint8_t { none, length, chunked, until_close };
[[nodiscard]] std::string_view to_string(Framing framing) noexcept;

// Bytes of a message in one frame.
struct MessageSegment {
    std::uint64_t frame = 0;
    std::uint64_t offset = 0;  // within the message
    std::uint32_t bytes = 0;
};

// What a head says, as text.
class HttpHead {
  public:
    [[nodiscard]] std::string_view method() const noexcept { return at(method_); }  // requests
    [[nodiscard]] std::string_view target() const noexcept { return at(target_); }
    [[nodiscard]] std::string_view version() const noexcept { return at(version_); }  // "HTTP/1.1"
    [[nodiscard]] std::string_view reason() const noexcept { return at(reason_); }    // responses
    [[nodiscard]] auto fields() const noexcept {
        return std::views::transform(fields_, [this](const Field& one) {
            return HttpField{at(one.name), at(one.value)};
        });
    }
    // The first field of that name, without regard to case.
    [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const noexcept;

    // ---- for who reads it from the wire, in this order
    void append_line(std::string_view part);
    [[nodiscard]] std::size_t text_bytes() const noexcept { return text_.size(); }
    // What was appended is all of the first line. False: it is none of HTTP.
    [[nodiscard]] bool split_request_line();
    [[nodiscard]] bool split_status_line(int& status);
    void begin_field();
    void append_name(std::string_view part) { append(fields_.back().name, part); }
    void append_value(std::string_view part) { append(fields_.back().value, part); }
    void trim_value();  // of the last field, at its end
    [[nodiscard]] std::size_t field_count() const noexcept { return fields_.size(); }
    [[nodiscard]] std::string_view last_name() const noexcept { return at(fields_.back().name); }

  private:
    struct Place {
        std::uint32_t begin = 0;
        std::uint32_t size = 0;
    };
    struct Field {
        Place name;
        Place value;
    };

    [[nodiscard]] std::string_view at(Place place) const noexcept {
        return {text_.data() + place.begin, place.size};
    }
    // Names and values come whole before the next one begins, so the end of the text is theirs.
    void append(Place& place, std::string_view part) {
        if (place.size == 0) {
            place.begin = static_cast<std::uint32_t>(text_.size());
        }
        text_ += part;
        place.size += static_cast<std::uint32_t>(part.size());
    }
    [[nodiscard]] std::string_view line() const noexcept;

    std::string text_;
    Place method_;
    Place target_;
    Place version_;
    Place reason_;
    std::vector<Field> fields_;
};

struct HttpMessage : HttpHead {
    bool request = false;
    bool has_length = false;
    bool begun = false;
    bool head_complete = false;
    bool complete = false;
    bool gap = false;  // bytes of it were not captured
    Framing framing = Framing::none;
    int status = 0;                     // responses
    std::uint64_t announced_bytes = 0;  // by Content-Length
    std::uint64_t head_bytes = 0;
    std::uint64_t body_bytes = 0;   // of the content, without chunk framing
    std::uint64_t total_bytes = 0;  // on the wire, head included
    std::string body;               // its beginning, as much as is kept
    std::string_view error;         // why it ends early: a text that never goes away
    Origin first;                   // of its first byte, its head's last and its own last
    Origin head;
    Origin last;
    std::vector<MessageSegment> segments;
    std::uint64_t segments_total = 0;
};

struct HttpExchange {
    std::uint64_t index = 0;  // within the connection, from 0
    HttpMessage request;
    std::vector<HttpMessage> interim;  // 1xx
    HttpMessage response;
    bool pipelined = false;  // sent before the one before it was answered
};

}  // namespace sluice::wire

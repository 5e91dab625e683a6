// An HTTP/1.x message as it was captured, and the exchange that it belongs to.
//
// A message's head is one buffer of text; method, target, fields and the rest are spans of it. So a
// message costs a handful of allocations, however many fields it has. Accessors return views, valid
// while the message exists and gets no more bytes. Sources: RFC 9110, RFC 9112.
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

// A message's head, as text.
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
    // The first field of that name; case is ignored.
    [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const noexcept;

    // ---- for the parser, in this order
    void append_line(std::string_view part);
    [[nodiscard]] std::size_t text_bytes() const noexcept { return text_.size(); }
    // The first line is complete. False when it is not a line of HTTP.
    [[nodiscard]] bool split_request_line();
    [[nodiscard]] bool split_status_line(int& status);
    void begin_field();
    void append_name(std::string_view part) { append(fields_.back().name, part); }
    void append_value(std::string_view part) { append(fields_.back().value, part); }
    void trim_value();  // of the last field, at its end
    [[nodiscard]] std::size_t field_count() const noexcept { return fields_.size(); }
    [[nodiscard]] std::string_view last_name() const noexcept { return at(fields_.back().name); }

  private:
    struct Span {
        std::uint32_t begin = 0;
        std::uint32_t size = 0;
    };
    struct Field {
        Span name;
        Span value;
    };

    [[nodiscard]] std::string_view at(Span span) const noexcept {
        return {text_.data() + span.begin, span.size};
    }
    // A name or value is complete before the next begins, so it always grows at the text's end.
    void append(Span& span, std::string_view part) {
        if (span.size == 0) {
            span.begin = static_cast<std::uint32_t>(text_.size());
        }
        text_ += part;
        span.size += static_cast<std::uint32_t>(part.size());
    }
    [[nodiscard]] std::string_view line() const noexcept;

    std::string text_;
    Span method_;
    Span target_;
    Span version_;
    Span reason_;
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
    std::string body;               // its beginning, up to the bound
    std::string_view error;         // why it ends early: a static text
    Origin first;                   // of its first byte; below: of its head's last and its last
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
    bool pipelined = false;  // sent before the previous request was answered
};

}  // namespace sluice::wire

// RequestParser: turns bytes into an Http1Request, under every rule of RFC 9112 that keeps two
// readers of one connection in agreement.
//
// HOW IT WORKS. A head is always parsed as one contiguous piece. When the whole head is in the
// bytes at hand (nearly always), one pass does it in place: the request line here, the fields in
// llhttp. Only its success counts. Otherwise a plain scan, which can stop and go on at any byte,
// decides whether the head is complete, still incomplete or malformed; once complete it is parsed
// again, for its verdict. So the outcome depends on the bytes alone and never on how they were cut.
//
// The request line is parsed here because llhttp refuses methods that it does not know (we owe them
// 501) and lets several malformed lines pass. Framing is checked here because llhttp joins folded
// lines and accepts a field name that is empty or ends with a space.
//
// OWNERSHIP. Each worker has one object, without state of any connection: that is in HeadScan,
// which the caller keeps. The request is made of views into the bytes given (and, for joined list
// fields, into the parser); it is valid until those bytes go or parse() is called again. No
// allocation after construction; nothing throws.
#pragma once

#include <llhttp.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/limits.h"
#include "http/request.h"

namespace sluice::http {

// How a request's body is framed (RFC 9112 section 6.3).
enum class BodyKind : std::uint8_t { none, length, chunked };

// A request, and what HTTP/1 alone says of it.
struct Http1Request : Request {
    std::uint8_t version_minor = 1;  // HTTP/1.x
    bool keep_alive = true;          // by RFC 9112 section 9.3
    bool expect_continue = false;
    BodyKind body = BodyKind::none;
    std::uint64_t content_length = 0;
};

// How far the scan has come in the head of one message. Zero at its start.
struct HeadScan {
    std::uint32_t scanned = 0;     // bytes found well framed
    std::uint32_t line_start = 0;  // where the line that is being scanned begins
    std::uint32_t first_line = 0;  // where the request line begins: 2 after an empty line
    bool fields = false;           // the request line is complete and valid

    // Whether a head has begun: an empty line alone does not count (RFC 9112 section 2.2).
    [[nodiscard]] bool begun(std::size_t bytes) const { return bytes > first_line; }
};

struct HeadResult {
    // 0: incomplete, give more. 200: complete. Else the status to answer before closing.
    std::uint16_t status = 0;
    std::size_t bytes = 0;  // length of the complete head

    [[nodiscard]] bool complete() const { return status == 200; }
    [[nodiscard]] bool incomplete() const { return status == 0; }
};

class RequestParser {
  public:
    explicit RequestParser(const Limits& limits);
    RequestParser(const RequestParser&) = delete;
    RequestParser& operator=(const RequestParser&) = delete;

    // `bytes` is everything of this message so far, from its first byte, and may go on beyond the
    // head. When the head is incomplete, the next call gets the same bytes (wherever they are now)
    // and more. Everything in a request is filled in except `path`.
    [[nodiscard]] HeadResult parse(std::string_view bytes, HeadScan& scan) noexcept;

    // The request of the last parse() whose head was complete.
    [[nodiscard]] Http1Request& request() noexcept { return request_; }

  private:
    static int on_value(llhttp_t* machine, const char* at, std::size_t size);
    static int on_fields_end(llhttp_t* machine);

    [[nodiscard]] std::size_t parse_at_once(std::string_view bytes) noexcept;
    [[nodiscard]] HeadResult parse_scanned(std::string_view bytes, HeadScan& scan) noexcept;
    [[nodiscard]] HeadResult scan_head(std::string_view bytes, HeadScan& scan) noexcept;

    [[nodiscard]] std::uint16_t parse_line(std::string_view line) noexcept;
    [[nodiscard]] std::uint16_t parse_target(std::string_view target) noexcept;
    [[nodiscard]] bool parse_absolute(std::string_view target) noexcept;
    void split_path(std::string_view path) noexcept;

    [[nodiscard]] std::uint16_t parse_fields(const char* begin, const char* end) noexcept;
    [[nodiscard]] std::uint16_t check_request() noexcept;
    [[nodiscard]] int field(const char* at, std::size_t size) noexcept;
    [[nodiscard]] bool store(std::string_view name, std::string_view value) noexcept;
    [[nodiscard]] bool store_length(std::string_view value) noexcept;
    [[nodiscard]] bool store_list(std::string_view& list, std::string_view value) noexcept;
    void store_connection(std::string_view value) noexcept;

    const std::size_t head_bytes_max_;
    const std::size_t line_bytes_max_;
    const std::uint32_t fields_max_;

    // llhttp's state after a request line. It is copied for each head, so that llhttp is
    // initialised and parses a line only once.
    llhttp_t after_line_{};
    llhttp_settings_t settings_{};

    Http1Request request_;
    std::string_view authority_;  // of an absolute-form target
    std::string_view transfer_encoding_;
    const char* line_start_ = nullptr;  // where the next field line must begin
    const char* end_ = nullptr;         // of the bytes that are being parsed
    std::uint32_t fields_ = 0;
    std::uint32_t hosts_ = 0;
    std::uint16_t refusal_ = 0;
    bool has_length_ = false;
    bool says_close_ = false;
    bool says_keep_alive_ = false;

    std::vector<char> joined_;  // list fields that came in several lines
    std::size_t joined_bytes_ = 0;
};

}  // namespace sluice::http

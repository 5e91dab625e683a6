// ResponseReader: the client's side of HTTP/1.1 (RFC 9112 section 6.3): finds where each answer on
// a connection ends, and what it was. It is llhttp in response mode; answers come in the order of
// their requests.
//
// One for each connection. No allocation; nothing throws. Interim answers (1xx) are counted and
// skipped. It reads one field only, Server-Timing (W3C), and only in the first answer on a
// connection, where a server may tell how long the connection waited to be accepted.
#pragma once

#include <llhttp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/clock.h"

namespace sluice::load {

struct Answer {
    std::uint16_t status = 0;
    bool keep_alive = false;       // the connection may carry another answer
    std::uint64_t body_bytes = 0;  // of the content, without chunked framing
    std::uint32_t reads = 0;       // calls of feed() that it came in
    Nanos accept_wait = -1;        // as the server told; less than 0: it did not
};

// Sees the body's bytes; for verification.
class BodySink {
  public:
    virtual ~BodySink() = default;
    virtual void body(std::string_view bytes) noexcept = 0;
};

class ResponseReader {
  public:
    enum class Outcome : std::uint8_t {
        more,      // everything was read; an answer is incomplete, or none has begun
        answer,    // one is complete: answer(); feed the rest again
        tunnel,    // 101 Switching Protocols: no HTTP from here on
        not_http,  // error() says why
    };
    struct Fed {
        Outcome outcome = Outcome::more;
        std::size_t bytes = 0;  // how many it has read
    };

    ResponseReader() { reset(); }
    ResponseReader(const ResponseReader&) = delete;
    ResponseReader& operator=(const ResponseReader&) = delete;

    // For a new connection.
    void reset(BodySink* sink = nullptr) noexcept;
    // `to_head`: the request of this answer was a HEAD, so it has no body. What counts is the call
    // with the first byte of the answer.
    [[nodiscard]] Fed feed(std::string_view bytes, bool to_head) noexcept;
    // The peer ended the stream: true when that completes an answer (one without a length).
    [[nodiscard]] bool finish() noexcept;

    [[nodiscard]] const Answer& answer() const { return answer_; }
    [[nodiscard]] bool begun() const { return begun_; }  // a part of an answer has been read
    [[nodiscard]] std::uint64_t interim() const { return interim_; }
    [[nodiscard]] const char* error() const { return llhttp_get_error_reason(&machine_); }

  private:
    static int on_name(llhttp_t* machine, const char* at, std::size_t size) noexcept;
    static int on_value(llhttp_t* machine, const char* at, std::size_t size) noexcept;
    static int on_value_end(llhttp_t* machine) noexcept;
    static int on_head(llhttp_t* machine) noexcept;
    static int on_body(llhttp_t* machine, const char* at, std::size_t size) noexcept;
    static int on_complete(llhttp_t* machine) noexcept;
    static llhttp_settings_t* settings(bool with_fields) noexcept;

    llhttp_t machine_;
    Answer answer_;
    BodySink* sink_ = nullptr;
    std::uint64_t interim_ = 0;
    // The current field: how many bytes of its name match Server-Timing, and its value if all do.
    std::uint8_t name_bytes_ = 0;
    std::uint8_t value_bytes_ = 0;
    std::array<char, 80> value_{};
    bool begun_ = false;
    bool to_head_ = false;
    bool complete_ = false;
};

}  // namespace sluice::load

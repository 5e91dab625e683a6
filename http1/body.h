// BodyReader: reads a request body and drops it, so that the connection stays in step with its
// client (RFC 9112 sections 6 and 7). A value of a few bytes inside the session; pure. Trusts no
// size: digits, total and trailers are bounded.
//
// Stricter than the grammar: chunk extensions are refused (RFC 9112 section 7.1.1 lets a recipient
// ignore them; nobody needs them, and readers disagree about their ends), as is every bare CR and
// bare LF. Trailer fields are checked for their framing and dropped (section 7.1.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http1/parser.h"

namespace sluice::http {

class BodyReader {
  public:
    BodyReader() = default;
    // `bytes_max` bounds the data, `trailer_bytes_max` the trailer section.
    BodyReader(const Http1Request& request, std::uint64_t bytes_max,
               std::uint32_t trailer_bytes_max);

    struct Progress {
        std::size_t taken = 0;
        // 0: give more. 200: the body is over. Else the status to answer before closing:
        // 400 malformed, 413 too long, 431 trailers too long.
        std::uint16_t status = 0;
    };
    [[nodiscard]] Progress feed(std::string_view bytes) noexcept;

  private:
    enum class State : std::uint8_t {
        done,
        length,      // plain data, `left_` bytes
        size_first,  // first digit of a chunk size
        size,        // more digits, or CR
        size_lf,     // LF after the chunk size
        data,        // `left_` bytes of the chunk
        data_cr,     // CR after the data
        data_lf,     // LF after it
        line,        // start of a trailer line, or CR of the last one
        name,        // trailer field name, up to ':'
        value,       // its value, up to CR
        value_lf,    // LF after it
        last_lf,     // LF of the empty line that ends the message
    };
    [[nodiscard]] std::uint16_t step(char c) noexcept;
    [[nodiscard]] std::uint16_t step_size(char c) noexcept;
    [[nodiscard]] std::uint16_t step_trailer(char c) noexcept;
    [[nodiscard]] std::uint16_t begin_chunk() noexcept;

    State state_ = State::done;
    std::uint8_t digits_ = 0;
    std::uint32_t trailer_left_ = 0;
    std::uint64_t left_ = 0;    // data still to drop; while a size is being read, the size so far
    std::uint64_t budget_ = 0;  // data bytes that may still come
};

}  // namespace sluice::http

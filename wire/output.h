// What the printers share: a buffered way out, text of bounded width, escapes, and the hiding of
// secrets.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/http.h"

namespace sluice::wire {

// Takes a block of bytes; called rarely, with much.
using Write = std::function<void(std::string_view)>;

class Output {
  public:
    explicit Output(Write write) : write_(std::move(write)) {}
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    ~Output() { flush(); }

    [[nodiscard]] fmt::memory_buffer& buffer() noexcept { return buffer_; }
    // To be called between records.
    void settle() {
        if (buffer_.size() >= kBlockBytes) {
            flush();
        }
    }
    void flush() {
        if (buffer_.size() > 0) {
            write_({buffer_.data(), buffer_.size()});
            buffer_.clear();
        }
    }

  private:
    static constexpr std::size_t kBlockBytes = 64 << 10;

    Write write_;
    fmt::memory_buffer buffer_;
};

// Right-aligned in at least `width` columns, without the parsing of a format: most of a timeline is
// numbers.
inline void append_number(fmt::memory_buffer& out, std::uint64_t value, std::size_t width,
                          char fill = ' ') {
    char digits[24];
    char* const end = digits + sizeof digits;
    char* at = end;
    do {
        *--at = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (static_cast<std::size_t>(end - at) < width && at > digits) {
        *--at = fill;
    }
    out.append(at, end);
}
inline void append_text(fmt::memory_buffer& out, std::string_view text, std::size_t width = 0) {
    out.append(text);
    for (std::size_t size = text.size(); size < width; ++size) {
        out.push_back(' ');
    }
}

// Columns on a terminal: Chinese characters take two.
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;
// Lines of at most `width` columns, broken at spaces where there are some (anywhere in Chinese).
[[nodiscard]] std::vector<std::string> wrap(std::string_view text, std::size_t width);

// Bytes from the wire as text that is safe to print: control bytes and broken UTF-8 become \xNN.
[[nodiscard]] std::string printable(std::string_view bytes);
// The inside of a JSON string.
void append_json(fmt::memory_buffer& out, std::string_view bytes);
[[nodiscard]] std::string html_escape(std::string_view text);

// True for fields whose values are credentials: Authorization, Cookie and their relatives.
[[nodiscard]] bool is_secret(std::string_view field_name) noexcept;
[[nodiscard]] std::string shown_value(const HttpField& field, bool show_secrets);

// "GET /path HTTP/1.1" or "HTTP/1.1 200 OK".
[[nodiscard]] std::string start_line(const HttpMessage& message);
// Of what the body is and how much: "text/html, 5545 bytes".
[[nodiscard]] std::string body_summary(const HttpMessage& message);

// Names of the analysis as tshark prints them: "TCP Dup ACK 4#1, TCP Window Full".
struct SegmentAnalysis;
[[nodiscard]] std::string analysis_text(const SegmentAnalysis& analysis);

}  // namespace sluice::wire

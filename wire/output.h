// What the printers share: buffered output, text of bounded width, escapes, and hiding of secrets.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "wire/message.h"

namespace sluice::wire {

// Takes a block of bytes; called with large blocks.
using Write = std::function<void(std::string_view)>;

class Output {
  public:
    explicit Output(Write write) : write_(std::move(write)) {}
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    ~Output() { flush(); }

    [[nodiscard]] fmt::memory_buffer& buffer() noexcept { return buffer_; }
    // To be called between records.
    void flush_if_full() {
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

// Writes a line into space that was reserved for all of it, without parsing a format: most of a
// timeline is numbers in columns.
class LineWriter {
  public:
    // `room`: at least the line's length plus kSlack.
    static constexpr std::size_t kSlack = 32;
    LineWriter(fmt::memory_buffer& out, std::size_t room) : out_(out) {
        out.reserve(out.size() + room);
        at_ = out.data() + out.size();
        end_ = at_ + room - kSlack;
    }
    LineWriter(const LineWriter&) = delete;
    LineWriter& operator=(const LineWriter&) = delete;
    ~LineWriter() {
        DCHECK(at_ <= end_);
        out_.resize(static_cast<std::size_t>(at_ - out_.data()));
    }

    void put(char one) noexcept { *at_++ = one; }
    // Left-aligned in at least `width` columns.
    void text(std::string_view text, std::size_t width = 0) noexcept {
        DCHECK(text.size() <= static_cast<std::size_t>(end_ - at_));
        at_ = std::copy(text.begin(), text.end(), at_);
        for (std::size_t size = text.size(); size < width; ++size) {
            *at_++ = ' ';
        }
    }
    // Right-aligned in at least `width` columns, up to kSlack.
    void number(std::uint64_t value, std::size_t width, char fill = ' ') noexcept {
        char digits[2 * kSlack];
        std::memset(digits, fill, sizeof digits);
        char* const end = digits + kSlack;
        char* begin = end;
        do {
            *--begin = static_cast<char>('0' + value % 10);
            value /= 10;
        } while (value != 0);
        const std::size_t size = std::max(width, static_cast<std::size_t>(end - begin));
        std::memcpy(at_, end - size, kSlack);  // of a fixed size: no call
        at_ += size;
    }

  private:
    fmt::memory_buffer& out_;
    char* at_;
    char* end_;
};

// Columns on a terminal: Chinese characters take two.
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;
// Lines of at most `width` columns, broken at spaces where possible (anywhere in Chinese).
[[nodiscard]] std::vector<std::string> wrap(std::string_view text, std::size_t width);

// Bytes from the wire as text that is safe to print: control bytes and broken UTF-8 become \xNN.
[[nodiscard]] std::string printable(std::string_view bytes);
void append_printable(std::string& out, std::string_view bytes);
// The inside of a JSON string.
void append_json(fmt::memory_buffer& out, std::string_view bytes);

// True for fields whose values are credentials: Authorization, Cookie and similar fields.
[[nodiscard]] bool is_secret(std::string_view field_name) noexcept;
[[nodiscard]] std::string shown_value(const HttpField& field, bool show_secrets);

// "GET /path HTTP/1.1" or "HTTP/1.1 200 OK".
[[nodiscard]] std::string start_line(const HttpMessage& message);
void append_start_line(std::string& out, const HttpMessage& message);
// The body's type and size: "text/html, 5545 bytes".
void append_body_summary(std::string& out, const HttpMessage& message);

// Names of the analysis as tshark prints them: "TCP Dup ACK 4#1, TCP Window Full".
struct SegmentAnalysis;
[[nodiscard]] std::string analysis_text(const SegmentAnalysis& analysis);

}  // namespace sluice::wire

// Multipart: the frame of an answer with several ranges (RFC 9110 section 14.6, RFC 2046 section
// 5.1). Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/plan.h"

namespace sluice::http {

// Longest head of an answer (http1/response.h) or of a part, our own pages included. A redirect's
// Location comes on top: in practice it is as long as the request line, with escapes at most three
// times as long.
inline constexpr std::size_t kHeadBytesMax = 2048;

// The delimiter between parts: 128 bits of hash over the validator, which is itself a hash of the
// content. It is fixed for a representation, so that a retried request gets the same bytes. Since
// every change of the content changes it, only a search would find content that holds its own
// boundary. A recipient that honours Content-Range does not look for delimiters anyway.
class Boundary {
  public:
    explicit Boundary(const Entry& entry) noexcept;
    [[nodiscard]] std::string_view text() const noexcept { return {text_.data(), text_.size()}; }

  private:
    std::array<char, 32> text_;
};

// Content-Type of the answer.
class MultipartType {
  public:
    explicit MultipartType(const Entry& entry) noexcept;
    [[nodiscard]] std::string_view text() const noexcept { return {text_.data(), size_}; }

  private:
    std::array<char, 64> text_;
    std::size_t size_;
};

// The value of Content-Range (section 14.4): "bytes 0-9/100".
class ContentRange {
  public:
    ContentRange(const ByteRange& range, std::uint64_t size) noexcept;
    // Of no range: "bytes */100".
    explicit ContentRange(std::uint64_t size) noexcept;
    [[nodiscard]] std::string_view text() const noexcept { return {text_.data(), size_}; }

  private:
    std::array<char, 72> text_;
    std::size_t size_;
};

// All part heads, ranges and the closing delimiter.
[[nodiscard]] std::uint64_t multipart_bytes(const ResponsePlan& plan) noexcept;

// The part head before range `index`, and the closing delimiter for index == range_count. Returns
// bytes written; `out` has room for kHeadBytesMax.
[[nodiscard]] std::size_t write_part_head(const ResponsePlan& plan, std::size_t index,
                                          char* out) noexcept;

}  // namespace sluice::http

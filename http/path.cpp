#include "http/path.h"

#include <cstddef>

#include "http/field.h"

namespace sluice::http {
namespace {

constexpr bool is_control(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

// True when the path is already what it would become. One pass without a branch for each byte, so
// that the compiler can use vectors.
bool is_plain(std::string_view raw) noexcept {
    const char* bytes = raw.data();
    unsigned odd = bytes[0] != '/';
    for (std::size_t i = 1; i < raw.size(); ++i) {
        const char c = bytes[i];
        const unsigned after_slash = bytes[i - 1] == '/';
        odd |= static_cast<unsigned>(is_control(c)) | static_cast<unsigned>(c == '%') |
               (after_slash & (static_cast<unsigned>(c == '/') | static_cast<unsigned>(c == '.')));
    }
    return odd == 0;
}

// Takes decoded segments and keeps `out` normalised after each of them.
class Builder {
  public:
    explicit Builder(char* out) noexcept : begin_(out), end_(out) { close_with_slash(); }

    void put(char c) noexcept { *end_++ = c; }

    // The segment since the last slash is complete; a raw slash follows unless `last`.
    void close(bool last) noexcept {
        const std::string_view segment(segment_, static_cast<std::size_t>(end_ - segment_));
        if (segment.empty() || segment == ".") {
            end_ = segment_;
        } else if (segment == "..") {
            end_ = segment_;
            drop_segment();
        } else if (!last) {
            close_with_slash();
        }
    }

    [[nodiscard]] std::string_view text() const noexcept {
        return {begin_, static_cast<std::size_t>(end_ - begin_)};
    }

  private:
    void close_with_slash() noexcept {
        *end_++ = '/';
        segment_ = end_;
    }
    // RFC 3986 section 5.2.4 step 2C; at the root there is nothing to drop.
    void drop_segment() noexcept {
        if (end_ - begin_ > 1) {
            --end_;
            while (end_[-1] != '/') {
                --end_;
            }
        }
        segment_ = end_;
    }

    char* begin_;
    char* end_;
    char* segment_ = nullptr;  // just behind the last slash
};

Path normalise_slowly(std::string_view raw, char* out) noexcept {
    if (raw.front() != '/') {
        return {PathStatus::bad, {}};
    }
    Builder builder(out);
    bool escaped_slash = false;
    for (std::size_t i = 1; i < raw.size(); ++i) {
        char c = raw[i];
        if (c == '/') {
            builder.close(false);
            continue;
        }
        if (c == '%') {
            const int high = i + 1 < raw.size() ? hex_value(raw[i + 1]) : -1;
            const int low = i + 2 < raw.size() ? hex_value(raw[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return {PathStatus::bad, {}};
            }
            c = static_cast<char>(high * 16 + low);
            i += 2;
            escaped_slash |= c == '/';
        }
        if (is_control(c)) {
            return {PathStatus::bad, {}};
        }
        builder.put(c);
    }
    if (escaped_slash) {
        return {PathStatus::not_found, {}};
    }
    builder.close(true);
    return {PathStatus::ok, builder.text()};
}

}  // namespace

Path normalise_path(std::string_view raw, char* out) noexcept {
    if (raw.empty()) {
        return {PathStatus::ok, "/"};
    }
    if (is_plain(raw)) [[likely]] {
        return {PathStatus::ok, raw};
    }
    return normalise_slowly(raw, out);
}

}  // namespace sluice::http

// Small pieces that the grammars of field values share (RFC 9110 section 5.6). Pure, no state.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::http {

// Optional white space (RFC 9110 section 5.6.3).
[[nodiscard]] constexpr bool is_ows(char c) noexcept {
    return c == ' ' || c == '\t';
}

[[nodiscard]] constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

[[nodiscard]] constexpr char to_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// The value of a hexadecimal digit; -1 when it is none.
[[nodiscard]] constexpr int hex_value(char c) noexcept {
    if (is_digit(c)) {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

[[nodiscard]] constexpr std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && is_ows(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_ows(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

// ASCII only: names in HTTP are. `lower` is in lower case already.
[[nodiscard]] constexpr bool equals_lower(std::string_view text, std::string_view lower) noexcept {
    if (text.size() != lower.size()) {
        return false;
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (to_lower(text[i]) != lower[i]) {
            return false;
        }
    }
    return true;
}

// Cuts the text before the first `separator` off `rest` and returns it, trimmed; `rest` continues
// behind the separator. Not for values that may hold the separator in quotes.
[[nodiscard]] constexpr std::string_view cut(std::string_view& rest, char separator) noexcept {
    const std::size_t end = rest.find(separator);
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return trim(part);
}

}  // namespace sluice::http

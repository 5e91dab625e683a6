#include "http/syntax.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "http/field.h"

namespace sluice::http {
namespace {

enum CharClass : std::uint8_t {
    kTokenChar = 1,    // tchar, RFC 9110 section 5.6.2
    kRegNameChar = 2,  // unreserved / sub-delims, RFC 3986 sections 2.2 and 2.3
    kHexDigit = 4,
};

constexpr std::array<std::uint8_t, 256> make_classes() {
    std::array<std::uint8_t, 256> classes{};
    const auto add = [&classes](std::string_view chars, CharClass bit) {
        for (const char c : chars) {
            classes[static_cast<unsigned char>(c)] |= bit;
        }
    };
    constexpr std::string_view kAlphanumeric =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    add(kAlphanumeric, kTokenChar);
    add("!#$%&'*+-.^_`|~", kTokenChar);
    add(kAlphanumeric, kRegNameChar);
    add("-._~!$&'()*+,;=", kRegNameChar);
    add("0123456789ABCDEFabcdef", kHexDigit);
    return classes;
}

constexpr auto kClasses = make_classes();

constexpr bool is_class(char c, CharClass bit) {
    return (kClasses[static_cast<unsigned char>(c)] & bit) != 0;
}

// port = *DIGIT (RFC 3986 section 3.2.3), within TCP's range.
bool is_port(std::string_view text) {
    std::uint32_t port = 0;
    for (const char c : text) {
        if (!is_digit(c)) {
            return false;
        }
        port = port * 10 + static_cast<std::uint32_t>(c - '0');
        if (port > 65'535) {
            return false;
        }
    }
    return true;
}

// "[" IPv6address "]" by its characters; zone identifiers and IPvFuture are refused. Returns the
// length including the brackets, or 0.
std::size_t ip_literal_length(std::string_view text) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || close < 3) {
        return 0;
    }
    const std::string_view address = text.substr(1, close - 1);
    const bool plausible = std::ranges::all_of(
        address, [](char c) { return is_class(c, kHexDigit) || c == ':' || c == '.'; });
    return plausible && address.find(':') != std::string_view::npos ? close + 1 : 0;
}

std::size_t reg_name_length(std::string_view text) {
    std::size_t i = 0;
    while (i < text.size()) {
        if (is_class(text[i], kRegNameChar)) {
            i += 1;
        } else if (text[i] == '%' && i + 2 < text.size() && is_class(text[i + 1], kHexDigit) &&
                   is_class(text[i + 2], kHexDigit)) {
            i += 3;
        } else {
            break;
        }
    }
    return i;
}

constexpr std::string_view kKnownMethods[] = {"ACL",
                                              "BASELINE-CONTROL",
                                              "BIND",
                                              "CHECKIN",
                                              "CHECKOUT",
                                              "CONNECT",
                                              "COPY",
                                              "DELETE",
                                              "LABEL",
                                              "LINK",
                                              "LOCK",
                                              "MERGE",
                                              "MKACTIVITY",
                                              "MKCALENDAR",
                                              "MKCOL",
                                              "MKWORKSPACE",
                                              "MOVE",
                                              "MKREDIRECTREF",
                                              "ORDERPATCH",
                                              "PATCH",
                                              "POST",
                                              "PRI",
                                              "PROPFIND",
                                              "PROPPATCH",
                                              "PUT",
                                              "QUERY",
                                              "REBIND",
                                              "REPORT",
                                              "SEARCH",
                                              "TRACE",
                                              "UNBIND",
                                              "UNCHECKOUT",
                                              "UNLINK",
                                              "UNLOCK",
                                              "UPDATE",
                                              "VERSION-CONTROL",
                                              "UPDATEREDIRECTREF"};

}  // namespace

bool is_token(std::string_view text) noexcept {
    return !text.empty() &&
           std::ranges::all_of(text, [](char c) { return is_class(c, kTokenChar); });
}

bool is_host(std::string_view text) noexcept {
    const bool literal = !text.empty() && text[0] == '[';
    const std::size_t host = literal ? ip_literal_length(text) : reg_name_length(text);
    if (literal && host == 0) {
        return false;
    }
    return host == text.size() || (text[host] == ':' && is_port(text.substr(host + 1)));
}

bool is_authority_form(std::string_view text) noexcept {
    const std::size_t colon = text.rfind(':');
    return is_host(text) && colon != std::string_view::npos && colon > 0 &&
           colon + 1 < text.size() && text.back() != ']';
}

Method method_of(std::string_view token) noexcept {
    if (token == "GET") {
        return Method::get;
    }
    if (token == "HEAD") {
        return Method::head;
    }
    if (token == "OPTIONS") {
        return Method::options;
    }
    return std::ranges::find(kKnownMethods, token) != std::end(kKnownMethods) ? Method::other_known
                                                                              : Method::unknown;
}

std::optional<std::uint64_t> parse_length(std::string_view text) noexcept {
    if (text.empty()) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    for (const char c : text) {
        if (!is_digit(c) || value > (static_cast<std::uint64_t>(INT64_MAX) - 9) / 10) {
            return std::nullopt;
        }
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return value;
}

}  // namespace sluice::http

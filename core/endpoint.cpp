#include "core/endpoint.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace sluice {

namespace {

std::unexpected<Error> invalid(std::string_view text, const std::string& why) {
    return fail(Status::address_invalid, "'" + std::string(text) + "' is not an address: " + why);
}

bool parse_port(std::string_view text, std::uint16_t& port) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

// Dotted decimal, four numbers, nothing else (RFC 3986 section 3.2.2, IPv4address).
bool parse_ipv4(std::string_view text, std::uint8_t* out) {
    for (int i = 0; i < 4; ++i) {
        const std::size_t dot = i < 3 ? text.find('.') : text.size();
        if (dot == std::string_view::npos || dot == 0 || dot > 3) {
            return false;
        }
        const auto [end, error] = std::from_chars(text.data(), text.data() + dot, out[i]);
        if (error != std::errc{} || end != text.data() + dot) {
            return false;
        }
        text.remove_prefix(i < 3 ? dot + 1 : dot);
    }
    return text.empty();
}

// RFC 4291 section 2.2: eight groups, one "::", an IPv4 tail.
bool parse_ipv6(std::string_view text, std::array<std::uint8_t, 16>& out) {
    std::array<std::uint8_t, 16> bytes{};
    std::size_t at = 0;
    std::size_t gap = 16;
    bool seen_gap = false;
    if (text.starts_with("::")) {
        seen_gap = true;
        gap = 0;
        text.remove_prefix(2);
    }
    while (!text.empty()) {
        const std::size_t colon = text.find(':');
        const std::string_view group = text.substr(0, colon);
        if (group.find('.') != std::string_view::npos) {
            if (colon != std::string_view::npos || at > 12 || !parse_ipv4(group, &bytes[at])) {
                return false;
            }
            at += 4;
            break;
        }
        std::uint16_t value = 0;
        const auto [end, error] =
            std::from_chars(group.data(), group.data() + group.size(), value, 16);
        if (error != std::errc{} || end != group.data() + group.size() || group.size() > 4 ||
            at > 14) {
            return false;
        }
        bytes[at++] = static_cast<std::uint8_t>(value >> 8);
        bytes[at++] = static_cast<std::uint8_t>(value);
        if (colon == std::string_view::npos) {
            break;
        }
        text.remove_prefix(colon + 1);
        if (text.starts_with(':')) {
            if (seen_gap) {
                return false;
            }
            seen_gap = true;
            gap = at;
            text.remove_prefix(1);
        } else if (text.empty()) {
            return false;
        }
    }
    if (!seen_gap) {
        out = bytes;
        return at == 16;
    }
    if (at >= 16) {
        return false;
    }
    out = {};
    for (std::size_t i = 0; i < gap; ++i) {
        out[i] = bytes[i];
    }
    for (std::size_t i = gap; i < at; ++i) {
        out[16 - at + i] = bytes[i];
    }
    return true;
}

constexpr const char* kBrackets = "an IPv6 address stands in brackets: [ADDRESS]:PORT";

// What to write in place of a text that ends in no port.
std::string why_no_port(std::string_view text) {
    const std::string whole(text);
    std::array<std::uint8_t, 16> address{};
    if (text.starts_with('/') || text.starts_with("./")) {
        return "a Unix socket is written unix:" + whole;
    }
    if (parse_ipv6(text, address)) {
        return kBrackets;
    }
    const bool bracketed = text.starts_with('[') && text.ends_with(']');
    if (bracketed ? parse_ipv6(text.substr(1, text.size() - 2), address)
                  : text == "localhost" || parse_ipv4(text, address.data())) {
        return "the port is missing; " + whole + ":8080 has one";
    }
    const std::size_t colon = text.rfind(':');
    const std::string_view port = colon == std::string_view::npos ? text : text.substr(colon + 1);
    if (!port.empty() && port.find_first_not_of("0123456789") == std::string_view::npos) {
        return "a port is at most 65535";
    }
    return "expected HOST:PORT, [IPv6]:PORT, PORT or unix:PATH";
}

std::string why_no_host(std::string_view host) {
    if (host == "*") {
        return "every address is written as the port alone";
    }
    if (host.find("//") != std::string_view::npos) {
        return "expected HOST:PORT, without http://";
    }
    if (host.find(':') != std::string_view::npos) {
        return kBrackets;
    }
    return "the host is not an IPv4 address (names are not looked up)";
}

std::string_view ipv6_text(const std::array<std::uint8_t, 16>& a,
                           Endpoint::HostText& out) noexcept {
    const auto group = [&](std::size_t i) { return unsigned{a[2 * i]} << 8 | a[2 * i + 1]; };
    // The longest run of two or more zero groups is shortened, the first of equally long ones
    // (RFC 5952 section 4.2).
    std::size_t best = 8;
    std::size_t best_length = 1;
    for (std::size_t i = 0; i < 8;) {
        std::size_t j = i;
        while (j < 8 && group(j) == 0) {
            ++j;
        }
        if (j - i > best_length) {
            best = i;
            best_length = j - i;
        }
        i = j > i ? j : i + 1;
    }
    char* end = out.data();
    const auto put = [&end](std::string_view text) { end = std::ranges::copy(text, end).out; };
    bool first = true;  // of its run
    for (std::size_t i = 0; i < 8; ++i) {
        if (i == best) {
            put("::");
            i += best_length - 1;
            first = true;
            continue;
        }
        put(first ? "" : ":");
        first = false;
        end = std::to_chars(end, out.data() + out.size(), group(i), 16).ptr;
    }
    return {out.data(), end};
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view text) {
    Endpoint endpoint;
    if (text.starts_with("unix:")) {
        endpoint.family = Family::unix_path;
        endpoint.path = text.substr(5);
        if (endpoint.path.empty() || endpoint.path.find('\0') != std::string::npos) {
            return invalid(text, "the path after 'unix:' is missing");
        }
        return endpoint;
    }
    const std::size_t colon = text.rfind(':');
    std::string_view host = colon == std::string_view::npos ? "" : text.substr(0, colon);
    const std::string_view port = colon == std::string_view::npos ? text : text.substr(colon + 1);
    if (!parse_port(port, endpoint.port)) {
        return invalid(text, why_no_port(text));
    }
    if (host.empty()) {
        endpoint.family = Family::ipv6;  // "::", which also takes IPv4 when v6_only is off
        endpoint.every_address = true;
        return endpoint;
    }
    if (host.starts_with('[') && host.ends_with(']')) {
        endpoint.family = Family::ipv6;
        if (!parse_ipv6(host.substr(1, host.size() - 2), endpoint.address)) {
            return invalid(text, "the part in brackets is not an IPv6 address");
        }
        return endpoint;
    }
    if (host == "localhost") {
        host = "127.0.0.1";
    }
    endpoint.family = Family::ipv4;
    if (!parse_ipv4(host, endpoint.address.data())) {
        return invalid(text, why_no_host(host));
    }
    return endpoint;
}

bool Endpoint::is_any() const noexcept {
    return (family == Family::ipv4 || family == Family::ipv6) &&
           std::all_of(address.begin(), address.end(), [](std::uint8_t byte) { return byte == 0; });
}

std::string_view Endpoint::host(HostText& out) const noexcept {
    switch (family) {
        case Family::ipv4: {
            char* end = out.data();
            for (std::size_t i = 0; i < 4; ++i) {
                if (i != 0) {
                    *end++ = '.';
                }
                end = std::to_chars(end, out.data() + out.size(), address[i]).ptr;
            }
            return {out.data(), end};
        }
        case Family::ipv6: return ipv6_text(address, out);
        case Family::unix_path: return "unix:";
        case Family::none: break;
    }
    return "-";
}

std::string Endpoint::host() const {
    HostText text;
    return std::string(host(text));
}

std::string Endpoint::to_string() const {
    switch (family) {
        case Family::ipv4: return host() + ":" + std::to_string(port);
        case Family::ipv6: return "[" + host() + "]:" + std::to_string(port);
        case Family::unix_path: return "unix:" + path;
        case Family::none: break;
    }
    return "-";
}

bool wants_v6_only(const Endpoint& listener, const std::vector<Endpoint>& all) {
    return listener.family != Family::ipv6 || !listener.is_any() ||
           std::any_of(all.begin(), all.end(), [&](const Endpoint& other) {
               return other.family == Family::ipv4 && other.port == listener.port;
           });
}

}  // namespace sluice

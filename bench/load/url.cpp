#include "bench/load/url.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace sluice::load {

namespace {

std::unexpected<Error> wrong(std::string_view text, const std::string& why) {
    return fail(Status::address_invalid, "'" + std::string(text) + "': " + why);
}

// Schemes are case-insensitive (RFC 3986 section 3.1).
bool has_scheme(std::string_view text, std::string_view scheme) {
    return text.size() >= scheme.size() &&
           std::ranges::equal(text.substr(0, scheme.size()), scheme, [](char a, char b) {
               return std::tolower(static_cast<unsigned char>(a)) == b;
           });
}

bool is_host(std::string_view host) {
    return !host.empty() && std::all_of(host.begin(), host.end(), [](unsigned char c) {
        return c > ' ' && c < 0x7f && c != '/' && c != '@' && c != '[' && c != ']' && c != '"';
    });
}

Result<void> split_authority(std::string_view text, std::string_view authority, Url& url) {
    if (authority.find('@') != std::string_view::npos) {
        return wrong(text, "a user and password in the URL are not supported; use --header");
    }
    std::string_view port;
    if (authority.starts_with('[')) {
        const std::size_t end = authority.find(']');
        if (end == std::string_view::npos) {
            return wrong(text, "the ']' after the IPv6 address is missing");
        }
        url.host = authority.substr(1, end - 1);
        authority.remove_prefix(end + 1);
        if (!authority.empty() && !authority.starts_with(':')) {
            return wrong(text, "after ']' only a port may follow");
        }
        port = authority.substr(authority.empty() ? 0 : 1);
    } else {
        const std::size_t colon = authority.rfind(':');
        url.host = authority.substr(0, colon);
        port = colon == std::string_view::npos ? "" : authority.substr(colon + 1);
        if (url.host.find(':') != std::string::npos) {
            return wrong(text, "an IPv6 address is written in brackets: http://[::1]:8080/");
        }
    }
    if (!is_host(url.host)) {
        return wrong(text, "there is no host; expected something like http://127.0.0.1:8080/");
    }
    if (!port.empty()) {
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
        if (error != std::errc{} || end != port.data() + port.size() || url.port == 0) {
            return wrong(text, "'" + std::string(port) + "' is no port (1 to 65535)");
        }
    }
    return {};
}

Result<void> set_target(std::string_view text, std::string_view target, Url& url) {
    target = target.substr(0, target.find('#'));  // a fragment stays with the client
    url.target = target.starts_with('/') ? "" : "/";
    url.target += target;
    if (std::any_of(url.target.begin(), url.target.end(),
                    [](unsigned char c) { return c <= ' ' || c >= 0x7f; })) {
        return wrong(text, "spaces and other than ASCII characters must be percent-encoded");
    }
    return {};
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
    Url url;
    if (has_scheme(text, "unix:")) {
        const std::string_view rest = text.substr(5);
        const std::size_t colon = rest.find(":/");
        url.unix_path = rest.substr(0, colon);
        url.authority = "localhost";
        if (url.unix_path.empty()) {
            return wrong(text, "the path after 'unix:' is missing");
        }
        auto set =
            set_target(text, colon == std::string_view::npos ? "" : rest.substr(colon + 1), url);
        return set ? Result<Url>(url) : std::unexpected(set.error());
    }
    if (has_scheme(text, "https:")) {
        return wrong(text, "TLS is not supported yet; measure the plain http:// port");
    }
    const std::size_t scheme_end = text.find("://");
    std::string_view rest = text;
    if (scheme_end != std::string_view::npos) {
        if (!has_scheme(text, "http:")) {
            return wrong(text, "only http:// and unix: can be measured");
        }
        rest = text.substr(scheme_end + 3);
    }
    const std::size_t target_at = std::min(rest.find_first_of("/?#"), rest.size());
    if (auto split = split_authority(text, rest.substr(0, target_at), url); !split) {
        return std::unexpected(split.error());
    }
    if (auto set = set_target(text, rest.substr(target_at), url); !set) {
        return std::unexpected(set.error());
    }
    url.authority = url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
    if (url.port != 80) {
        url.authority += ":" + std::to_string(url.port);
    }
    return url;
}

}  // namespace sluice::load

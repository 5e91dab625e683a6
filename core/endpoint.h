// Endpoint: an address to listen on or to connect to, as a value: IPv4, IPv6 or a Unix path.
// Nothing here touches the network; host names are not resolved.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sluice {

enum class Family : std::uint8_t { none, ipv4, ipv6, unix_path };

struct Endpoint {
    Family family = Family::none;
    std::array<std::uint8_t, 16> address{};  // network order; IPv4 uses the first four bytes
    std::uint16_t port = 0;                  // host order; 0 asks the system for a free one
    std::string path;                        // unix_path only
    // A port alone was asked for: "::" with IPv4, or IPv4 alone on a system without IPv6.
    bool every_address = false;

    // "8080", ":8080" (every IPv4 and IPv6 address), "127.0.0.1:8080", "[::1]:8080",
    // "unix:/run/sluice.sock". Fails with Status::address_invalid and says what is wrong, or what
    // to write instead.
    [[nodiscard]] static Result<Endpoint> parse(std::string_view text);

    // The same forms back: "127.0.0.1:8080", "[::1]:8080", "unix:/run/sluice.sock".
    [[nodiscard]] std::string to_string() const;

    // Every address of the machine: 0.0.0.0 or [::].
    [[nodiscard]] bool is_any() const noexcept;

    // The address alone, as access logs print it: "127.0.0.1", "::1", "unix:".
    [[nodiscard]] std::string host() const;
    // The same where nothing may be allocated; written to `out`, which has room for every address.
    using HostText = std::array<char, 48>;
    [[nodiscard]] std::string_view host(HostText& out) const noexcept;

    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// Whether `listener`, one of `all`, is to be IPv6 only: an IPv6 socket at every address also takes
// IPv4, unless an IPv4 address with its port was asked for beside it.
[[nodiscard]] bool wants_v6_only(const Endpoint& listener, const std::vector<Endpoint>& all);

}  // namespace sluice

// Endpoint: an address to listen on or to connect to, as a value: IPv4, IPv6 or a Unix path.
// Nothing here touches the network; host names are not resolved.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sluice {

enum class Family : std::uint8_t { none, ipv4, ipv6, unix_path };

struct Endpoint {
    Family family = Family::none;
    std::array<std::uint8_t, 16> address{};  // network order; IPv4 uses the first four bytes
    std::uint16_t port = 0;                  // host order; 0 asks the system for a free one
    std::string path;                        // unix_path only

    // "8080", ":8080" (every IPv4 and IPv6 address), "127.0.0.1:8080", "[::1]:8080",
    // "unix:/run/sluice.sock". Fails with Status::address_invalid and says what is wrong.
    [[nodiscard]] static Result<Endpoint> parse(std::string_view text);

    // The same forms back: "127.0.0.1:8080", "[::1]:8080", "unix:/run/sluice.sock".
    [[nodiscard]] std::string to_string() const;

    // The address alone, as access logs print it: "127.0.0.1", "::1", "unix:".
    [[nodiscard]] std::string host() const;

    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

}  // namespace sluice

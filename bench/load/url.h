// Url: what the user typed, parsed (RFC 3986 section 3, http only), and where to connect to.
//
// Also read: unix:/run/sluice.sock (and unix:/run/sluice.sock:/path), for a Unix socket.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/endpoint.h"
#include "core/result.h"

namespace sluice::load {

struct Url {
    std::string host;  // without brackets; empty for a Unix socket
    std::uint16_t port = 80;
    std::string unix_path;
    std::string target;     // path and query, at least "/"
    std::string authority;  // for the Host field: host, and the port unless it is 80

    // Fails with one line that says what is wrong and what would be right.
    [[nodiscard]] static Result<Url> parse(std::string_view text);
    // Whether it is the same server, so that one connection can carry both.
    [[nodiscard]] bool same_server(const Url& other) const {
        return host == other.host && port == other.port && unix_path == other.unix_path;
    }
};

// Resolves the host: all its addresses, at least one, in the system's order (getaddrinfo(3)).
// Blocks: for set-up only.
[[nodiscard]] Result<std::vector<Endpoint>> resolve(const Url& url);

}  // namespace sluice::load

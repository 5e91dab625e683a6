// The address of a server, in the words of the line that it prints. Pure.
#pragma once

#include <string>
#include <vector>

#include "core/endpoint.h"

namespace sluice {

// A URL that a browser on this machine can open, "http://127.0.0.1:8080/", and for a listener on
// every address the words for that; "unix:PATH" for a Unix socket. `all` are the listeners of the
// server: next to one on every IPv4 address, the IPv6 one takes IPv6 alone.
[[nodiscard]] std::string address_text(const Endpoint& listener, const std::vector<Endpoint>& all);

}  // namespace sluice

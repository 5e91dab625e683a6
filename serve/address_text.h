// Where a server can be reached, in the words of the line that it prints. Pure.
#pragma once

#include <string>
#include <vector>

#include "core/endpoint.h"

namespace sluice {

// A URL that a browser on this machine can open, "http://127.0.0.1:8080/", and for a listener at
// every address the words for that; "unix:PATH" for a Unix socket. `all` are the listeners of the
// server: beside one at every address of IPv4, the one of IPv6 takes IPv6 alone.
[[nodiscard]] std::string address_text(const Endpoint& listener, const std::vector<Endpoint>& all);

}  // namespace sluice

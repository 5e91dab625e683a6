// Making requests: from a URL, a method and header fields to bytes (RFC 9112 section 3).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench/load/plan.h"
#include "bench/load/url.h"

namespace sluice::load {

// Each field is "Name: value". A Host field given here replaces ours. Fails on what would corrupt
// the message: a method that is no token, a field without a colon, control characters.
[[nodiscard]] Result<Request> make_request(const Url& url, std::string_view method,
                                           const std::vector<std::string>& fields);

}  // namespace sluice::load

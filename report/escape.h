// Text for HTML and SVG, and bytes for data: URLs. Pure.
#pragma once

#include <string>
#include <string_view>

namespace sluice::report {

[[nodiscard]] std::string html_escape(std::string_view text);
[[nodiscard]] std::string base64(std::string_view bytes);  // RFC 4648 section 4

}  // namespace sluice::report

// MIME: a Content-Type for a path, by its extension. Pure; the results are static storage.
//
// Text types are said to be UTF-8: without a charset, browsers guess from the reader's language.
#pragma once

#include <string_view>

namespace sluice::http {

// By the last extension of the path's last segment, in any case; "application/octet-stream" when
// it is unknown or there is none. A path that ends with a slash has none.
[[nodiscard]] std::string_view content_type_of(std::string_view path) noexcept;

}  // namespace sluice::http

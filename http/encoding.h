// Content negotiation by Accept-Encoding (RFC 9110 section 12.5.3). Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "http/entry.h"

namespace sluice::http {

// Which codings a resource has beside identity, by Coding - 1.
using Variants = std::array<bool, kVariantCodings>;

// The coding to send: of those that exist and that the client does not refuse, the one with the
// highest weight; among equals br, then zstd, then gzip (also spelled x-gzip, section 8.4.1.3),
// then identity. A client that does not mention identity takes it when nothing it mentions exists.
//
// When the client refuses identity and everything else, the answer is identity all the same: the
// section allows a server to disregard the field, and a page is of more use than a 406.
//
// A list element that breaks the grammar counts as absent; of two for one coding the later counts.
// `field` must be present; an empty one gives identity, as does a request without the field.
[[nodiscard]] Coding negotiate(std::string_view field, const Variants& available) noexcept;

}  // namespace sluice::http

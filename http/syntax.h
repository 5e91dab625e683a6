// Syntax: the small grammars of RFC 9110 and RFC 9112 that a request head is made of, as functions
// over bytes. Pure; nothing can fail.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/request.h"

namespace sluice::http {

// token = 1*tchar (RFC 9110 section 5.6.2).
[[nodiscard]] bool is_token(std::string_view text) noexcept;

// Host = uri-host [ ":" port ] (RFC 9112 section 3.2, RFC 3986 section 3.2.2). An empty host is
// well formed: a client sends one when its target has no authority.
[[nodiscard]] bool is_host(std::string_view text) noexcept;

// host ":" port, both present: the target of CONNECT (RFC 9112 section 3.2.3).
[[nodiscard]] bool is_authority_form(std::string_view text) noexcept;

// Methods are case-sensitive (RFC 9110 section 9.1). Known ones are those of the IANA registry.
[[nodiscard]] Method method_of(std::string_view token) noexcept;

// 1*DIGIT without sign, blank or list, and within 63 bits (RFC 9110 section 8.6).
[[nodiscard]] std::optional<std::uint64_t> parse_length(std::string_view text) noexcept;

}  // namespace sluice::http

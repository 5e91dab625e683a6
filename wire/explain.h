// What fields, statuses and flags mean, in English and Chinese: facts of the standards, no figures
// of a capture. Sources: RFC 9110, RFC 9111, RFC 9112, RFC 9293, Fetch and UA-CH of WHATWG and
// WICG.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wire/notes.h"

namespace sluice::wire {

// Empty for an unknown field.
[[nodiscard]] std::string_view field_meaning(std::string_view name, Language language) noexcept;
[[nodiscard]] std::string_view status_meaning(int status, Language language) noexcept;
// The section of RFC 9110 about a status: "15.4.5".
[[nodiscard]] std::string_view status_section(int status) noexcept;

}  // namespace sluice::wire

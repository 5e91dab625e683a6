// How commands end: exit codes, and the lines on standard error that say why.
//
// Any thread. Nothing here ends the program or blocks for long when a stream is closed, full,
// broken or not read.
#pragma once

#include <string_view>

#include "core/result.h"

namespace sluice {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;  // the port is taken, the root is missing ...
inline constexpr int kExitUsage = 2;    // an unknown option, an invalid value

// Writes one line to standard error. `program` is what the user called: "sluice", "sluice bench". A
// line that standard error does not take is lost; the number of lost lines is reported when it
// takes some again.
void say(std::string_view line, std::string_view program = "sluice") noexcept;
// Writes text unchanged, under the same rules.
void say_raw(std::string_view text) noexcept;
// Says what went wrong; returns `code`.
[[nodiscard]] int failed(std::string_view program, const Error& error, int code = kExitFailure);

// Writes a text to standard output. When that fails, says so and returns false.
[[nodiscard]] bool print(std::string_view text) noexcept;

}  // namespace sluice

// How commands end: exit codes, and the lines on standard error that say why.
//
// Any thread. Nothing here ends the program or waits for long because of a stream that is closed,
// full or broken, or that nobody reads.
#pragma once

#include <string_view>

#include "core/result.h"

namespace sluice {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;  // the port is taken, the root is missing ...
inline constexpr int kExitUsage = 2;    // a flag that does not exist, a value that is none

// One line on standard error. `program` is what the user called: "sluice", "sluice bench". A line
// that standard error does not take is lost; how many were is said when it takes some again.
void say(std::string_view line, std::string_view program = "sluice") noexcept;
// Text as it is, under the same rules.
void say_raw(std::string_view text) noexcept;
// Says what went wrong; returns `code`.
[[nodiscard]] int failed(std::string_view program, const Error& error, int code = kExitFailure);

// All of a text on standard output. When that cannot be, it says so and returns false.
[[nodiscard]] bool print(std::string_view text) noexcept;

}  // namespace sluice

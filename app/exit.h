// How commands end: exit codes, and the one line on stderr that says why.
#pragma once

#include <string_view>

#include "core/result.h"

namespace sluice {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;  // the port is taken, the root is missing ...
inline constexpr int kExitUsage = 2;    // a flag that does not exist, a value that is none

// `program` is what the user called: "sluice", "sluice bench".
void say(std::string_view line, std::string_view program = "sluice");
// Says what went wrong; returns `code`.
[[nodiscard]] int failed(std::string_view program, const Error& error, int code = kExitFailure);

}  // namespace sluice

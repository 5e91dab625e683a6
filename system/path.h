// File names for std::filesystem. Inside the program all text is UTF-8. A path made from a plain
// string on Windows would convert its bytes one by one (libstdc++'s constructor uses the codecvt of
// the "C" locale), so that the name of a Chinese user's folder becomes another. In the other
// direction path::string() gives UTF-8 there.
//
// No state; any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace sluice {

// On Windows throws std::filesystem::filesystem_error when the text is not UTF-8.
[[nodiscard]] inline std::filesystem::path to_path(std::string_view utf8) {
    return std::u8string(utf8.begin(), utf8.end());
}

}  // namespace sluice

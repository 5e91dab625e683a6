// How serious a remark is.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::report {

enum class Severity : std::uint8_t { lesson, note, warning, problem };
[[nodiscard]] std::string_view to_string(Severity severity) noexcept;

}  // namespace sluice::report

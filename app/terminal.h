// Whether a progress line can be rewritten, and its width. One implementation for each system.
#pragma once

namespace sluice {

[[nodiscard]] bool stderr_is_terminal() noexcept;
// The terminal's current columns; 80 when unknown.
[[nodiscard]] unsigned stderr_columns() noexcept;

}  // namespace sluice

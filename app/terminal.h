// Whether progress may be drawn over itself, and in which width. One implementation for each
// system.
#pragma once

namespace sluice {

[[nodiscard]] bool stderr_is_terminal() noexcept;
// Columns of the terminal at this moment; 80 where it does not tell.
[[nodiscard]] unsigned stderr_columns() noexcept;

}  // namespace sluice

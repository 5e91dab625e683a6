// Whether progress may be drawn over itself. One implementation for each system.
#pragma once

namespace sluice {

[[nodiscard]] bool stderr_is_terminal() noexcept;

}  // namespace sluice

// For Linux only: what stat(2) and errno mean in our types.
#pragma once

#include <sys/stat.h>

#include "system/file.h"

namespace sluice::fs {

[[nodiscard]] Status status_of(int error) noexcept;
[[nodiscard]] Info to_info(const struct stat& raw) noexcept;

}  // namespace sluice::fs

// For the files for Linux that look at files: what stat(2) and errno say, as it is told further.
#pragma once

#include <sys/stat.h>

#include "system/file.h"

namespace sluice::fs {

[[nodiscard]] Status status_of(int error) noexcept;
[[nodiscard]] Info to_info(const struct stat& raw) noexcept;

}  // namespace sluice::fs

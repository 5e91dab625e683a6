// Files as the simulator needs them: they are real, only the network is not.
#pragma once

#include "core/backend.h"

namespace sluice {

[[nodiscard]] FileStamp sim_stamp_of(std::intptr_t file) noexcept;
// Reads once; 0 at the end of the file and on an error.
[[nodiscard]] std::size_t sim_read_at(std::intptr_t file, std::uint64_t offset, char* out,
                                      std::size_t room) noexcept;

}  // namespace sluice

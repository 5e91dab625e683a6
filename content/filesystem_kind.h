// What a file system is to those who look for changes in it.
#pragma once

#include <cstdint>
#include <string_view>

#include "content/files.h"

namespace sluice::fs {

enum class FilesystemKind : std::uint8_t {
    local,   // every change goes through this system, which tells of it
    remote,  // others change it too: network and user-space file systems, and all that is not known
    pseudo,  // no files but the system's own state: nothing to serve
};

// Asks the file system, which waits if that does.
[[nodiscard]] FilesystemKind filesystem_kind_of(const File& node) noexcept;
// The same by the name of its type in the table of mounts. Asks nobody.
[[nodiscard]] FilesystemKind filesystem_kind_of_type(std::string_view type) noexcept;

}  // namespace sluice::fs

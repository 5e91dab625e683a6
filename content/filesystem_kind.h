// Kinds of file systems, by who may change what lies on them.
#pragma once

#include <cstdint>
#include <string_view>

#include "content/files.h"

namespace sluice::fs {

enum class FilesystemKind : std::uint8_t {
    local,   // every change goes through this system, which reports it
    remote,  // others change it too: network, user-space and unknown file systems
    pseudo,  // the system's own state (/proc, /sys) and no files: nothing to serve
};

// Asks the file system, and waits if that does.
[[nodiscard]] FilesystemKind filesystem_kind_of(const File& node) noexcept;
// The same by the name of its type in the mount table. Asks nobody.
[[nodiscard]] FilesystemKind filesystem_kind_of_type(std::string_view type) noexcept;

}  // namespace sluice::fs

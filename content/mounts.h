// MountTable: what is mounted below the root, from the system's mount table. No watch of a
// directory reports a mount, and what is covered by it keeps its inode numbers.
//
// Nothing here accesses a file system: one that does not answer does no harm.
//
// Loader's thread. Fails silently: without a table there are no mounts.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "content/files.h"
#include "content/filesystem_kind.h"

namespace sluice::http {

struct Mount {
    std::uint64_t id = 0;
    std::string device;  // "8:1"
    std::string root;    // the directory within its file system
    fs::FilesystemKind kind = fs::FilesystemKind::local;

    bool operator==(const Mount&) const = default;
};

// By the path below the root, "/a/b". "" is the mount in which the root itself lies.
using Mounts = std::map<std::string, Mount>;

// The mounts that are visible at and below `root`, a canonical path without a trailing slash, from
// the text of /proc/self/mountinfo. Of several at one path the last is visible.
[[nodiscard]] Mounts parse_mounts(std::string_view text, std::string_view root);

class MountTable {
  public:
    // Whether anything was mounted or unmounted anywhere since the last call.
    [[nodiscard]] bool changed() noexcept;
    // Reads the table. Returns the paths where the mount is another than before.
    [[nodiscard]] std::vector<std::string> read(std::string_view root);
    [[nodiscard]] const Mounts& mounts() const { return mounts_; }

  private:
    fs::File table_ = open_table();
    Mounts mounts_;

    [[nodiscard]] static fs::File open_table() noexcept;
};

}  // namespace sluice::http

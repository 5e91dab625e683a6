// MountTable: what is mounted below the root, as the system tells of it. A mount shows in no
// directory's watch, and what it covers keeps its numbers.
//
// Nothing here asks a file system anything: one that does not answer does no harm.
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
    std::string root;    // which part of its file system
    fs::FilesystemKind kind = fs::FilesystemKind::local;

    bool operator==(const Mount&) const = default;
};

// By the path that is served, "/a/b". "" is what the root itself lies in.
using Mounts = std::map<std::string, Mount>;

// Those that can be seen at and below `root`, a canonical path without a trailing slash, from the
// text of /proc/self/mountinfo: of what is mounted over each other the last.
[[nodiscard]] Mounts parse_mounts(std::string_view text, std::string_view root);

class MountTable {
  public:
    // Whether anything was mounted or unmounted anywhere since the last call.
    [[nodiscard]] bool changed() noexcept;
    // Reads the table. Returns the paths where something else is mounted than before.
    [[nodiscard]] std::vector<std::string> read(std::string_view root);
    [[nodiscard]] const Mounts& mounts() const { return mounts_; }

  private:
    fs::File table_ = open_table();
    Mounts mounts_;

    [[nodiscard]] static fs::File open_table() noexcept;
};

}  // namespace sluice::http

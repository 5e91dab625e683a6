// The file system as the content store needs it: opening what lies below a root safely, listing,
// reading. One implementation for each system (files_*.cpp); no code above this header names a
// system.
//
// SAFETY. Names are single components, opened relative to a directory that is already open, so a
// path that changes meanwhile cannot lead elsewhere. A symbolic link is followed once, and its
// target is checked by its canonical path (Reach). Only the checked target is opened for reading,
// never the name again. Pipes, sockets and devices are not opened.
//
// Loader's thread. Nothing here throws except std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/result.h"
#include "system/file.h"

namespace sluice::fs {

class File;
class RemoteFilesystems;

// A file or directory on a remote mount (remote_mounts.h): other threads access it.
struct RemoteRef {
    // For a directory, which then has no handle: where to ask about it.
    RemoteFilesystems* filesystems = nullptr;
    std::string path;
    // For a file: closes it.
    std::function<void(std::intptr_t handle)> close;
};

// An open file or directory; closes it.
class File {
  public:
    File() = default;
    explicit File(std::intptr_t handle) : handle_(handle) {}
    File(std::intptr_t handle, std::shared_ptr<const RemoteRef> remote)
        : handle_(handle), remote_(std::move(remote)) {}
    File(File&& other) noexcept
        : handle_(std::exchange(other.handle_, -1)), remote_(std::move(other.remote_)) {}
    File& operator=(File&& other) noexcept {
        std::swap(handle_, other.handle_);
        std::swap(remote_, other.remote_);
        return *this;
    }
    ~File();

    [[nodiscard]] std::intptr_t handle() const { return handle_; }
    [[nodiscard]] explicit operator bool() const { return handle_ >= 0; }
    [[nodiscard]] const RemoteRef* remote_ref() const { return remote_.get(); }
    // The same file, to be closed by `close`.
    [[nodiscard]] File closed_by(std::function<void(std::intptr_t)> close) &&;

  private:
    std::intptr_t handle_ = -1;
    std::shared_ptr<const RemoteRef> remote_;
};

// Where the bytes of a file are read from.
enum class Source : std::uint8_t {
    local,   // the file itself
    copy,    // a copy in memory, made when the file had this info
    remote,  // the file itself, which only a thread that may wait reads
};

// Where a link leads.
enum class Reach : std::uint8_t {
    inside,   // below the root, or to nothing
    dotted,   // below the root; each hidden name on the way is that of a directory and begins with
              // two dots, as in volumes of Kubernetes
    hidden,   // below the root, to or through another hidden name: not followed
    outside,  // outside of the root: followed if the options say so
};

// A file or directory, open for reading.
struct Opened {
    File file;
    Info info;
    bool through_link = false;
    Reach reach = Reach::inside;
    Source source = Source::local;
};

// Results of an open call for a file on a remote mount: not known yet; the file system does not
// answer now.
inline constexpr Status kPending = Status::timed_out;
inline constexpr Status kUnresponsive = Status::unreachable;

// Remote mounts as the loader sees them (remote_mounts.h). Paths are canonical.
class RemoteFilesystems {
  public:
    virtual ~RemoteFilesystems() = default;
    [[nodiscard]] virtual bool empty() const noexcept = 0;
    // Whether the root of a remote mount has this name.
    [[nodiscard]] virtual bool may_begin_at(std::string_view name) const = 0;
    [[nodiscard]] virtual bool has(std::string_view path) const = 0;
    [[nodiscard]] virtual std::expected<Info, Status> info(std::string_view path, bool follow) = 0;
    [[nodiscard]] virtual std::expected<Opened, Status> open(std::string_view path) = 0;
    [[nodiscard]] virtual Status list(std::string_view path,
                                      const std::function<void(std::string_view, Kind)>& visit) = 0;
};

// Whether a name may appear in a path that is served. Dotfiles are hidden, except the directory
// ".well-known" (RFC 8615); names with control bytes cannot be requested. All other bytes are
// served as they are, UTF-8 or not.
[[nodiscard]] bool servable_name(std::string_view name) noexcept;
// False for names that the system may interpret as something else than the file's name (on Windows:
// devices, alternate streams, short names, trailing dots and spaces). Linux has none.
[[nodiscard]] bool plain_name(std::string_view name) noexcept;

class Root {
  public:
    // The error is one complete line. `follow_links`: follow links that leave the root, too.
    [[nodiscard]] static Result<Root> open(const std::string& path, bool follow_links);

    [[nodiscard]] const File& directory() const { return directory_; }
    [[nodiscard]] const Info& info() const { return info_; }
    // Opens the same directory again.
    [[nodiscard]] std::expected<File, Status> reopen() const;
    // What the root's path names now; not_found when nothing.
    [[nodiscard]] std::expected<Info, Status> look_again() const;
    // The path by which the system knows it, without links and trailing slash; and whether that
    // is still its path.
    [[nodiscard]] const std::string& canonical() const { return canonical_; }
    [[nodiscard]] bool in_place() const;

    // Opens `name` below `parent` if it is a file or directory that may be served. Errors:
    // not_found, access_denied, not_supported (neither file nor directory, or a link that is not
    // followed), no_fds, no_memory, io_error. A correct `hint` saves a system call; a wrong one
    // does no harm.
    [[nodiscard]] std::expected<Opened, Status> open_below(const File& parent,
                                                           const std::string& name,
                                                           Kind hint) const;
    // Where a link leads that is not followed.
    [[nodiscard]] Reach reach_below(const File& parent, const std::string& name) const;

    // What `name` is; with `follow`, what it leads to. Opens nothing.
    [[nodiscard]] std::expected<Info, Status> info_below(const File& parent,
                                                         const std::string& name,
                                                         bool follow) const;
    // From now on files on these mounts are not accessed directly.
    void set_remote(RemoteFilesystems* filesystems) { remote_ = filesystems; }
    // The path of a name on a remote mount; nothing for any other name.
    [[nodiscard]] std::optional<std::string> remote_path(const File& parent,
                                                         const std::string& name) const;

  private:
    // The path of a link's target on a remote mount; nothing for any other target.
    [[nodiscard]] std::optional<std::string> remote_path_by_link(const File& parent,
                                                                 const std::string& name) const;
    [[nodiscard]] Reach reach_of_path(std::string_view path, Kind kind) const;
    // `below` is a path below the root: "", or names with a separator before each.
    [[nodiscard]] static Reach reach_of(std::string_view below, char separator, Kind kind) noexcept;
    [[nodiscard]] Reach reach_of(const File& node) const;
    [[nodiscard]] bool follows(Reach reach) const {
        return reach == Reach::inside || reach == Reach::dotted ||
               (reach == Reach::outside && follow_links_);
    }

    std::string path_;       // as given
    std::string canonical_;  // "" for the system's root
    bool follow_links_ = false;
    File directory_;
    File descriptors_;  // /proc/self/fd: reopens a checked O_PATH handle for reading
    Info info_;
    RemoteFilesystems* remote_ = nullptr;
};

// The same as for their handles (system/file.h).
[[nodiscard]] inline std::expected<Info, Status> info_of(const File& file) noexcept {
    return info_of(file.handle());
}
[[nodiscard]] inline std::expected<std::size_t, Status> read_at(const File& file,
                                                                std::uint64_t offset, char* out,
                                                                std::size_t room) noexcept {
    return read_at(file.handle(), offset, out, room);
}

// Like Root::info_below, without regard to remote mounts.
[[nodiscard]] std::expected<Info, Status> info_below(const File& parent, const std::string& name,
                                                     bool follow) noexcept;

// The names in a directory, read in batches.
class Listing {
  public:
    explicit Listing(File directory) : directory_(std::move(directory)) {}

    [[nodiscard]] const File& directory() const { return directory_; }
    // Calls `visit` for the next names, without "." and "..". False: there are no more.
    [[nodiscard]] std::expected<bool, Status> next(
        const std::function<void(std::string_view, Kind)>& visit);

  private:
    File directory_;
    File names_;                      // where listing needs a handle of its own
    std::unique_ptr<char[]> buffer_;  // from the first batch on
};

// read_at() for a file that is read once, in the background: pages that were not in the system's
// cache before are not left there.
[[nodiscard]] std::expected<std::size_t, Status> read_once(const File& file, std::uint64_t offset,
                                                           char* out, std::size_t room) noexcept;

// Prepares a file for being sent by a backend: plain blocking semantics.
void prepare_for_sending(const File& file) noexcept;

// How many descriptors the process may open.
[[nodiscard]] std::uint64_t descriptors_max() noexcept;

}  // namespace sluice::fs

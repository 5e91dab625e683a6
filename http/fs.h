// The file system as the content store needs it, and nothing more: opening what lies below a root
// safely, listing, reading. One implementation for each system (fs_linux.cpp); nothing above this
// header names a system.
//
// SAFETY. Names are single components, opened relative to a directory that is already open, so a
// path that changes under way cannot lead elsewhere. A symbolic link is followed once, and what it
// led to is then judged by its canonical path: inside the root, no hidden component. Only what was
// judged is opened for reading, never the name again. Pipes, sockets and devices are not opened.
//
// Loader's thread (or main, before it starts). Nothing here throws but std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "core/backend.h"
#include "core/result.h"

namespace sluice::http::fs {

// An open file or directory; closes it.
class File {
  public:
    File() = default;
    explicit File(std::intptr_t handle) : handle_(handle) {}
    File(File&& other) noexcept : handle_(std::exchange(other.handle_, -1)) {}
    File& operator=(File&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~File();

    [[nodiscard]] std::intptr_t handle() const { return handle_; }
    [[nodiscard]] explicit operator bool() const { return handle_ >= 0; }

  private:
    std::intptr_t handle_ = -1;
};

enum class Kind : std::uint8_t { unknown, file, directory, link, other };

struct Info {
    Kind kind = Kind::unknown;
    std::uint64_t device = 0;
    FileStamp stamp;

    [[nodiscard]] bool same_object(const Info& other) const {
        return device == other.device && stamp.inode == other.stamp.inode;
    }
    [[nodiscard]] bool unchanged(const Info& other) const {
        return kind == other.kind && device == other.device && stamp == other.stamp;
    }
};

// A file or directory, open for reading.
struct Opened {
    File file;
    Info info;
    bool through_link = false;
};

// Whether a name may appear in a path that is served. Hidden are dotfiles, except the directory
// ".well-known" (RFC 8615); names with control bytes cannot be asked for. Any other bytes are
// served as they are, UTF-8 or not.
[[nodiscard]] bool servable_name(std::string_view name) noexcept;
// False for names that the system may read as something else than the file's name (on Windows:
// devices, alternate streams, short names, trailing dots and spaces). Linux has none.
[[nodiscard]] bool plain_name(std::string_view name) noexcept;

class Root {
  public:
    // The error is one complete line.
    [[nodiscard]] static Result<Root> open(const std::string& path);

    [[nodiscard]] const File& directory() const { return directory_; }
    [[nodiscard]] const Info& info() const { return info_; }
    // The same directory, open once more.
    [[nodiscard]] std::expected<File, Status> reopen() const;
    // What the root's path names now; not_found when it is gone.
    [[nodiscard]] std::expected<Info, Status> look_again() const;
    // False where the system does not tell of changes: network and user-space file systems.
    [[nodiscard]] bool watchable() const;

    // Opens `name` below `parent` if it is a file or directory that may be served. Errors:
    // not_found, access_denied, not_supported (neither file nor directory, or a link that leads
    // outside or to something hidden), no_fds, no_memory, io_error. `hint` saves a system call
    // when it is right and does no harm when it is wrong.
    [[nodiscard]] std::expected<Opened, Status> open_below(const File& parent,
                                                           const std::string& name,
                                                           Kind hint) const;

  private:
    [[nodiscard]] bool contains(const File& node) const;

    std::string path_;       // as given
    std::string canonical_;  // without a trailing slash: "" for the system's root
    File directory_;
    File descriptors_;  // /proc/self/fd: turns a judged handle into one for reading
    Info info_;
};

[[nodiscard]] std::expected<Info, Status> info_of(const File& file) noexcept;
// What `name` is, or, with `follow`, what it leads to. Opens nothing.
[[nodiscard]] std::expected<Info, Status> info_below(const File& parent, const std::string& name,
                                                     bool follow) noexcept;

// Calls `visit` for every name but "." and "..".
[[nodiscard]] Status list(const File& directory,
                          const std::function<void(std::string_view, Kind)>& visit);

// Reads once, up to `room` bytes from `offset`; none at the end of the file. Fewer than asked for
// are, on an ordinary file, the last ones: who must be sure compares with the size.
[[nodiscard]] std::expected<std::size_t, Status> read_at(const File& file, std::uint64_t offset,
                                                         char* out, std::size_t room) noexcept;

// Makes a file fit for being sent by a backend: plain blocking semantics.
void prepare_for_sending(const File& file) noexcept;

// How many descriptors the process may have.
[[nodiscard]] std::uint64_t descriptors_max() noexcept;

// Nanoseconds since 1970, by the clock that stamps files.
[[nodiscard]] std::int64_t wall_now_ns() noexcept;

}  // namespace sluice::http::fs

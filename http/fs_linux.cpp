#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <memory>

#include "http/fs.h"

namespace sluice::http::fs {

namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

int fd_of(const File& file) noexcept {
    return static_cast<int>(file.handle());
}

Status status_of(int error) noexcept {
    switch (error) {
        case ENOENT:
        case ENOTDIR: return Status::not_found;
        case EACCES:
        case EPERM: return Status::access_denied;
        case EMFILE:
        case ENFILE: return Status::no_fds;
        case ENOMEM:
        case ENOSPC: return Status::no_memory;
        case ENXIO:  // a socket, or a device without a driver
        case ENODEV:
        case ELOOP: return Status::not_supported;
        default: return Status::io_error;
    }
}

std::unexpected<Status> failed() noexcept {
    return std::unexpected(status_of(errno));
}

std::int64_t nanos(const timespec& time) noexcept {
    return time.tv_sec * kNanosPerSecond + time.tv_nsec;
}

Info to_info(const struct stat& raw) noexcept {
    Info info;
    info.kind = S_ISREG(raw.st_mode)   ? Kind::file
                : S_ISDIR(raw.st_mode) ? Kind::directory
                : S_ISLNK(raw.st_mode) ? Kind::link
                                       : Kind::other;
    info.device = raw.st_dev;
    info.stamp = {raw.st_ino, static_cast<std::uint64_t>(raw.st_size), nanos(raw.st_mtim),
                  nanos(raw.st_ctim)};
    return info;
}

File open_at(const File& parent, const char* name, int flags) noexcept {
    return File(::openat(fd_of(parent), name, flags | O_CLOEXEC));
}

// The name under which /proc/self/fd knows a handle.
std::array<char, 16> number_of(const File& file) noexcept {
    std::array<char, 16> text{};
    std::to_chars(text.data(), text.data() + text.size() - 1, fd_of(file));
    return text;
}

// The canonical path of what a handle refers to; empty when there is none.
std::string canonical_path(const File& descriptors, const File& node) {
    std::string path(PATH_MAX, '\0');
    const ssize_t length =
        ::readlinkat(fd_of(descriptors), number_of(node).data(), path.data(), path.size());
    if (length <= 0 || static_cast<std::size_t>(length) >= path.size() || path.front() != '/') {
        return {};
    }
    path.resize(static_cast<std::size_t>(length));
    return path;
}

}  // namespace

bool plain_name(std::string_view) noexcept {
    return true;
}

File::~File() {
    if (handle_ >= 0) {
        ::close(static_cast<int>(handle_));
    }
}

std::expected<Info, Status> info_of(const File& file) noexcept {
    struct stat raw;
    if (::fstat(fd_of(file), &raw) != 0) {
        return failed();
    }
    return to_info(raw);
}

std::expected<Info, Status> info_below(const File& parent, const std::string& name,
                                       bool follow) noexcept {
    struct stat raw;
    if (::fstatat(fd_of(parent), name.c_str(), &raw, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0) {
        return failed();
    }
    return to_info(raw);
}

Result<Root> Root::open(const std::string& path) {
    const auto error = [&path](const char* why, int code) {
        return fail(status_of(code), "cannot serve '" + path + "': " + why, code);
    };
    Root root;
    root.path_ = path;
    root.directory_ = File(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root.directory_) {
        return error(errno == ENOENT ? "no such directory" : std::strerror(errno), errno);
    }
    const auto info = info_of(root.directory_);
    if (!info) {
        return error("cannot be examined", EIO);
    }
    root.info_ = *info;
    root.descriptors_ = File(::open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC));
    root.canonical_ = canonical_path(root.descriptors_, root.directory_);
    if (!root.descriptors_ || root.canonical_.empty()) {
        return error("/proc is not mounted", ENOENT);
    }
    if (root.canonical_ == "/") {
        root.canonical_.clear();
    }
    return root;
}

std::expected<File, Status> Root::reopen() const {
    File again = open_at(directory_, ".", O_RDONLY | O_DIRECTORY);
    if (!again) {
        return failed();
    }
    return again;
}

std::expected<Info, Status> Root::look_again() const {
    struct stat raw;
    if (::stat(path_.c_str(), &raw) != 0) {
        return failed();
    }
    return to_info(raw);
}

bool Root::watchable() const {
    struct statfs raw;
    if (::fstatfs(fd_of(directory_), &raw) != 0) {
        return true;
    }
    constexpr std::array<std::uint32_t, 6> kRemote = {NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,
                                                      SMB2_SUPER_MAGIC, CIFS_SUPER_MAGIC,
                                                      V9FS_MAGIC,       FUSE_SUPER_MAGIC};
    for (const std::uint32_t magic : kRemote) {
        if (static_cast<std::uint32_t>(raw.f_type) == magic) {
            return false;
        }
    }
    return true;
}

bool Root::contains(const File& node) const {
    const std::string path = canonical_path(descriptors_, node);
    std::string_view rest = path;
    if (!rest.starts_with(canonical_)) {
        return false;
    }
    rest.remove_prefix(canonical_.size());
    if (rest.empty()) {
        return true;  // the root itself
    }
    if (rest.front() != '/') {
        return false;
    }
    while (!rest.empty()) {
        rest.remove_prefix(1);
        const std::string_view name = rest.substr(0, rest.find('/'));
        if (!name.empty() && !servable_name(name)) {
            return false;
        }
        rest.remove_prefix(name.size());
    }
    return true;
}

std::expected<Opened, Status> Root::open_below(const File& parent, const std::string& name,
                                               Kind hint) const {
    Opened result;
    // The listing calls it a file or directory: open it at once. Should it have become something
    // else since, a link is refused, and O_NONBLOCK keeps a pipe from holding us.
    if (hint == Kind::file || hint == Kind::directory) {
        result.file = open_at(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (result.file) {
            const auto info = info_of(result.file);
            if (info && (info->kind == Kind::file || info->kind == Kind::directory)) {
                result.info = *info;
                return result;
            }
            return std::unexpected(Status::not_supported);
        }
        if (errno != ELOOP) {
            return failed();
        }
    }
    // Otherwise take hold of it without opening it, judge, and open what was judged.
    File node = open_at(parent, name.c_str(), O_PATH | O_NOFOLLOW);
    if (!node) {
        return failed();
    }
    auto info = info_of(node);
    if (info && info->kind == Kind::link) {
        result.through_link = true;
        node = open_at(parent, name.c_str(), O_PATH);
        if (!node) {
            return failed();
        }
        if (!contains(node)) {
            return std::unexpected(Status::not_supported);
        }
        info = info_of(node);
    }
    if (!info) {
        return std::unexpected(info.error());
    }
    if (info->kind != Kind::file && info->kind != Kind::directory) {
        return std::unexpected(Status::not_supported);
    }
    result.info = *info;
    result.file = open_at(descriptors_, number_of(node).data(), O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!result.file) {
        return failed();
    }
    return result;
}

Status list(const File& directory, const std::function<void(std::string_view, Kind)>& visit) {
    constexpr std::size_t kListBytes = 64 * 1024;
    const auto buffer = std::make_unique<char[]>(kListBytes);
    if (::lseek(fd_of(directory), 0, SEEK_SET) != 0) {
        return status_of(errno);
    }
    for (;;) {
        const ssize_t filled = ::getdents64(fd_of(directory), buffer.get(), kListBytes);
        if (filled < 0) {
            return status_of(errno);
        }
        if (filled == 0) {
            return Status::ok;
        }
        for (ssize_t at = 0; at < filled;) {
            dirent64 item;
            std::memcpy(&item, buffer.get() + at, offsetof(dirent64, d_name));
            const std::string_view name = buffer.get() + at + offsetof(dirent64, d_name);
            at += item.d_reclen;
            if (name == "." || name == "..") {
                continue;
            }
            const Kind kind = item.d_type == DT_REG       ? Kind::file
                              : item.d_type == DT_DIR     ? Kind::directory
                              : item.d_type == DT_LNK     ? Kind::link
                              : item.d_type == DT_UNKNOWN ? Kind::unknown
                                                          : Kind::other;
            visit(name, kind);
        }
    }
}

std::expected<std::size_t, Status> read_at(const File& file, std::uint64_t offset, char* out,
                                           std::size_t room) noexcept {
    for (;;) {
        const ssize_t got = ::pread(fd_of(file), out, room, static_cast<off_t>(offset));
        if (got >= 0) {
            return static_cast<std::size_t>(got);
        }
        if (errno != EINTR) {
            return failed();
        }
    }
}

void prepare_for_sending(const File& file) noexcept {
    // io_uring takes O_NONBLOCK on a file as a wish to fail rather than to wait for the disk.
    const int flags = ::fcntl(fd_of(file), F_GETFL);
    ::fcntl(fd_of(file), F_SETFL, flags & ~O_NONBLOCK);
}

std::uint64_t descriptors_max() noexcept {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
}

std::int64_t wall_now_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return nanos(now);
}

}  // namespace sluice::http::fs

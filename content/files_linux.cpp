#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstddef>
#include <cstring>
#include <memory>

#include "content/files.h"
#include "system/file_linux.h"

namespace sluice::fs {

namespace {

int fd_of(const File& file) noexcept {
    return static_cast<int>(file.handle());
}

std::unexpected<Status> failed() noexcept {
    return std::unexpected(status_of(errno));
}

File open_at(const File& parent, const char* name, int flags) noexcept {
    return File(::openat(fd_of(parent), name, flags | O_CLOEXEC));
}

// The name of a handle in /proc/self/fd.
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

std::string without_slash(std::string path) {
    if (path == std::string_view("/")) {
        path.clear();
    }
    return path;
}

// Where `name` below `directory` leads by links, if that is on a remote mount. Nothing on the mount
// is touched: links there are not followed.
std::optional<std::string> follow_until(const RemoteFilesystems& filesystems, std::string directory,
                                        const std::string& name) {
    constexpr int kLinksMax = 40;  // path_resolution(7)
    std::string at = without_slash(std::move(directory));
    std::string rest = name;
    std::string target(PATH_MAX, '\0');
    for (int links = 0; !rest.empty() && links <= kLinksMax;) {
        const std::string part = rest.substr(0, rest.find('/'));
        rest.erase(0, part.size() + 1);
        if (part.empty() || part == ".") {
            continue;
        }
        if (part == "..") {
            at.resize(at.empty() ? 0 : at.rfind('/'));
            continue;
        }
        at.append(1, '/').append(part);
        const ssize_t length =
            filesystems.has(at) ? 0 : ::readlink(at.c_str(), target.data(), target.size());
        if (length <= 0) {
            continue;
        }
        ++links;
        if (!rest.empty()) {
            rest.insert(0, 1, '/');
        }
        rest.insert(0, target, 0, static_cast<std::size_t>(length));
        at.resize(rest.front() == '/' ? 0 : at.rfind('/'));
    }
    return filesystems.has(at) ? std::optional(std::move(at)) : std::nullopt;
}

}  // namespace

bool plain_name(std::string_view) noexcept {
    return true;
}

File::~File() {
    if (handle_ >= 0 && remote_ != nullptr) {
        remote_->close(handle_);
    } else if (handle_ >= 0) {
        ::close(static_cast<int>(handle_));
    }
}

std::expected<Info, Status> info_below(const File& parent, const std::string& name,
                                       bool follow) noexcept {
    struct stat raw;
    if (::fstatat(fd_of(parent), name.c_str(), &raw, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0) {
        return failed();
    }
    return to_info(raw);
}

Result<Root> Root::open(const std::string& path, bool follow_links) {
    const auto error = [&path](const char* why, int code) {
        return fail(status_of(code), "cannot serve '" + path + "': " + why, code);
    };
    Root root;
    root.path_ = path;
    root.follow_links_ = follow_links;
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
    const std::string canonical = canonical_path(root.descriptors_, root.directory_);
    if (!root.descriptors_ || canonical.empty()) {
        return error("/proc is not mounted", ENOENT);
    }
    root.canonical_ = without_slash(canonical);
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

bool Root::in_place() const {
    return without_slash(canonical_path(descriptors_, directory_)) == canonical_;
}

Reach Root::reach_of_path(std::string_view rest, Kind kind) const {
    if (!rest.starts_with(canonical_)) {
        return Reach::outside;
    }
    rest.remove_prefix(canonical_.size());
    if (!rest.empty() && rest.front() != '/') {
        return Reach::outside;
    }
    return reach_of(rest, '/', kind);
}

Reach Root::reach_of(const File& node) const {
    const auto info = info_of(node);
    return reach_of_path(canonical_path(descriptors_, node), info ? info->kind : Kind::unknown);
}

Reach Root::reach_below(const File& parent, const std::string& name) const {
    if (parent.remote_ref() != nullptr || remote_path_by_link(parent, name)) {
        return Reach::inside;
    }
    const File node = open_at(parent, name.c_str(), O_PATH);
    return node ? reach_of(node) : Reach::inside;
}

std::optional<std::string> Root::remote_path(const File& parent, const std::string& name) const {
    if (parent.remote_ref() != nullptr) {
        return parent.remote_ref()->path + '/' + name;
    }
    if (remote_ == nullptr || !remote_->may_begin_at(name)) {
        return std::nullopt;
    }
    std::string path = without_slash(canonical_path(descriptors_, parent)) + '/' + name;
    return remote_->has(path) ? std::optional(std::move(path)) : std::nullopt;
}

std::optional<std::string> Root::remote_path_by_link(const File& parent,
                                                     const std::string& name) const {
    if (remote_ == nullptr || remote_->empty() || parent.remote_ref() != nullptr) {
        return std::nullopt;
    }
    return follow_until(*remote_, canonical_path(descriptors_, parent), name);
}

std::expected<Info, Status> Root::info_below(const File& parent, const std::string& name,
                                             bool follow) const {
    if (const auto path = remote_path(parent, name)) {
        return remote_->info(*path, follow);
    }
    if (const auto path = follow ? remote_path_by_link(parent, name) : std::nullopt) {
        return follows(reach_of_path(*path, Kind::unknown))
                   ? remote_->info(*path, true)
                   : std::unexpected(Status::not_supported);
    }
    return fs::info_below(parent, name, follow);
}

std::expected<Opened, Status> Root::open_below(const File& parent, const std::string& name,
                                               Kind hint) const {
    if (const auto path = remote_path(parent, name)) {
        return remote_->open(*path);
    }
    Opened result;
    // The listing calls it a file or directory: open it directly. If it has become something else
    // since, O_NOFOLLOW refuses a link and O_NONBLOCK keeps a pipe from blocking.
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
    // Otherwise get a handle without opening it (O_PATH), check it, and open what was checked.
    File node = open_at(parent, name.c_str(), O_PATH | O_NOFOLLOW);
    if (!node) {
        return failed();
    }
    auto info = info_of(node);
    if (info && info->kind == Kind::link) {
        result.through_link = true;
        if (const auto path = remote_path_by_link(parent, name)) {
            result.reach = reach_of_path(*path, Kind::unknown);
            auto opened = follows(result.reach) ? remote_->open(*path)
                                                : std::unexpected(Status::not_supported);
            if (opened) {
                opened->through_link = true;
                opened->reach = result.reach;
            }
            return opened;
        }
        node = open_at(parent, name.c_str(), O_PATH);
        if (!node) {
            return failed();
        }
        result.reach = reach_of(node);
        if (!follows(result.reach)) {
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

std::expected<bool, Status> Listing::next(
    const std::function<void(std::string_view, Kind)>& visit) {
    constexpr std::size_t kListBytes = 64 * 1024;
    if (const RemoteRef* remote = directory_.remote_ref()) {
        if (buffer_ != nullptr) {
            return false;
        }
        buffer_ = std::make_unique<char[]>(1);
        const Status listed = remote->filesystems->list(remote->path, visit);
        return listed == Status::ok ? std::expected<bool, Status>(true) : std::unexpected(listed);
    }
    if (buffer_ == nullptr) {
        buffer_ = std::make_unique_for_overwrite<char[]>(kListBytes);
        if (::lseek(fd_of(directory_), 0, SEEK_SET) != 0) {
            return failed();
        }
    }
    const ssize_t filled = ::getdents64(fd_of(directory_), buffer_.get(), kListBytes);
    if (filled < 0) {
        return failed();
    }
    for (ssize_t at = 0; at < filled;) {
        dirent64 item;
        std::memcpy(&item, buffer_.get() + at, offsetof(dirent64, d_name));
        const std::string_view name = buffer_.get() + at + offsetof(dirent64, d_name);
        at += item.d_reclen;
        if (name == "." || name == "..") {
            continue;
        }
        visit(name, item.d_type == DT_REG       ? Kind::file
                    : item.d_type == DT_DIR     ? Kind::directory
                    : item.d_type == DT_LNK     ? Kind::link
                    : item.d_type == DT_UNKNOWN ? Kind::unknown
                                                : Kind::other);
    }
    return filled > 0;
}

std::expected<std::size_t, Status> read_once(const File& file, std::uint64_t offset, char* out,
                                             std::size_t room) noexcept {
    const iovec iov{out, room};
    const auto at = static_cast<off_t>(offset);
    // Reads only what is in the page cache; EAGAIN when nothing is.
    ssize_t cached = ::preadv2(fd_of(file), &iov, 1, at, RWF_NOWAIT);
    if (cached == static_cast<ssize_t>(room)) {
        return room;
    }
    const bool can_tell = cached >= 0 || errno == EAGAIN;
    cached = std::max<ssize_t>(cached, 0);
    const auto got = read_at(file, offset, out, room);
    if (can_tell && got && static_cast<ssize_t>(*got) > cached) {
        ::posix_fadvise(fd_of(file), at + cached, static_cast<ssize_t>(*got) - cached,
                        POSIX_FADV_DONTNEED);
    }
    return got;
}

void prepare_for_sending(const File& file) noexcept {
    // io_uring reads O_NONBLOCK on a file as: fail rather than wait for the disk.
    const int flags = ::fcntl(fd_of(file), F_GETFL);
    ::fcntl(fd_of(file), F_SETFL, flags & ~O_NONBLOCK);
}

std::uint64_t descriptors_max() noexcept {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
}

}  // namespace sluice::fs

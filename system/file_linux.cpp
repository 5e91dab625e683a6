#include "system/file_linux.h"

#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace sluice::fs {

namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

std::int64_t nanos(const timespec& time) noexcept {
    return time.tv_sec * kNanosPerSecond + time.tv_nsec;
}

}  // namespace

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

Info to_info(const struct stat& raw) noexcept {
    Info info;
    info.kind = S_ISREG(raw.st_mode)   ? Kind::file
                : S_ISDIR(raw.st_mode) ? Kind::directory
                : S_ISLNK(raw.st_mode) ? Kind::link
                                       : Kind::other;
    info.device = raw.st_dev;
    info.inode = raw.st_ino;
    info.stamp = {static_cast<std::uint64_t>(raw.st_size), nanos(raw.st_mtim), nanos(raw.st_ctim)};
    info.hard_linked = info.kind == Kind::file && raw.st_nlink > 1;
    return info;
}

std::expected<Info, Status> info_of(std::intptr_t handle) noexcept {
    struct stat raw;
    if (::fstat(static_cast<int>(handle), &raw) != 0) {
        return std::unexpected(status_of(errno));
    }
    return to_info(raw);
}

std::expected<std::size_t, Status> read_at(std::intptr_t handle, std::uint64_t offset, char* out,
                                           std::size_t room) noexcept {
    for (;;) {
        const ssize_t got =
            ::pread(static_cast<int>(handle), out, room, static_cast<off_t>(offset));
        if (got >= 0) {
            return static_cast<std::size_t>(got);
        }
        if (errno != EINTR) {
            return std::unexpected(status_of(errno));
        }
    }
}

std::int64_t wall_now_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return nanos(now);
}

}  // namespace sluice::fs

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/check.h"
#include "log/log_file.h"

namespace sluice::http {

namespace {

constexpr std::size_t kPartsMax = 3;

int fd_of(std::intptr_t handle) {
    return static_cast<int>(handle);
}

// For a stream that is shared with others, and so may block.
std::size_t write_max_of(int stream) noexcept {
    struct stat about {};
    return ::fstat(stream, &about) == 0 && S_ISREG(about.st_mode) ? SIZE_MAX : PIPE_BUF;
}

}  // namespace

Result<LogFile> LogFile::open(const std::string& path) {
    if (path == "-") {
        return LogFile(STDOUT_FILENO, write_max_of(STDOUT_FILENO));
    }
    // O_NONBLOCK has no effect on a regular file; fifo(7) says what it does for a named pipe.
    const int file = ::open(
        path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
    if (file < 0) {
        const int code = errno;
        const Status status = code == EACCES || code == EPERM ? Status::access_denied
                              : code == ENOENT                ? Status::not_found
                                                              : Status::io_error;
        const std::string why = code == ENXIO ? "nobody reads this pipe" : text_of(code);
        return fail(status, "cannot open access log " + path + ": " + why, code);
    }
    return LogFile(file, SIZE_MAX);
}

LogFile LogFile::standard_error() noexcept {
    return {STDERR_FILENO, write_max_of(STDERR_FILENO)};
}

LogFile::~LogFile() {
    if (handle_ > STDERR_FILENO) {
        ::close(fd_of(handle_));
    }
}

bool LogFile::has_room(Nanos timeout) const noexcept {
    pollfd asked{fd_of(handle_), POLLOUT, 0};
    return write_max_ == SIZE_MAX ||
           ::poll(&asked, 1, static_cast<int>(timeout / kMillisecond)) > 0;
}

LogFile::Written LogFile::write(std::span<const std::string_view> parts) const noexcept {
    std::array<iovec, kPartsMax> iov{};
    CHECK(parts.size() <= iov.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
        // writev() takes a pointer to non-const and does not write through it.
        iov[i] = {const_cast<char*>(parts[i].data()), parts[i].size()};
    }
    for (;;) {
        const ssize_t result = ::writev(fd_of(handle_), iov.data(), static_cast<int>(parts.size()));
        if (result > 0) {
            return {.bytes = static_cast<std::size_t>(result)};
        }
        if (result < 0 && errno == EINTR) {
            continue;
        }
        if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return {.blocked = true};
        }
        return {.error = errno};
    }
}

std::string LogFile::text_of(int error) {
    return std::strerror(error);
}

}  // namespace sluice::http

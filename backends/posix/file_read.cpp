#include "backends/posix/file_read.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "backends/posix/send_state.h"
#include "backends/posix/socket.h"

namespace sluice::posix {

namespace {

constexpr std::uint64_t kLookEach = 64 * 1024;

ssize_t read_without_waiting(const FileRange& range, char* into, std::size_t bytes) noexcept {
    const iovec memory{into, bytes};
    return ::preadv2(static_cast<int>(range.file), &memory, 1, static_cast<off_t>(range.offset),
                     RWF_NOWAIT);
}

}  // namespace

bool FileRead::took(std::int64_t result) noexcept {
    if (result < 0) {
        if (result == -EINTR || result == -EAGAIN) {
            return false;
        }
        status = status_of(static_cast<int>(-result));
        return true;
    }
    done += static_cast<std::uint64_t>(result);
    into += result;
    range.offset += static_cast<std::uint64_t>(result);
    range.length -= static_cast<std::uint64_t>(result);
    if (result == 0 && range.length > 0) {
        status = Status::changed;  // the file ends before the range does
    }
    return range.length == 0 || status != Status::ok;
}

bool FileRead::try_now() noexcept {
    if (range.remote) {
        return false;
    }
    while (range.length > 0) {
        const ssize_t got = read_without_waiting(range, into, range.length);
        if (got < 0 && errno != EINTR) {
            return false;  // it would wait, or cannot be asked: wait() finds out
        }
        if (took(got < 0 ? -errno : got)) {
            break;
        }
    }
    check_stamp();
    return true;
}

void FileRead::wait() noexcept {
    while (range.length > 0) {
        const ssize_t got = ::pread(static_cast<int>(range.file), into, range.length,
                                    static_cast<off_t>(range.offset));
        if (took(got < 0 ? -errno : got)) {
            break;
        }
    }
    check_stamp();
}

void FileRead::check_stamp() noexcept {
    if (status == Status::ok && range.stamped() &&
        !stamp_matches(static_cast<int>(range.file), *range.stamp)) {
        status = Status::changed;
    }
}

bool in_memory(const FileRange& range) noexcept {
    if (range.remote) {
        return false;
    }
    FileRange look = range;
    const std::uint64_t last = range.offset + range.length - 1;
    for (;;) {
        char byte = 0;
        if (read_without_waiting(look, &byte, 1) < 0 && errno == EAGAIN) {
            return false;
        }
        if (look.offset >= last) {
            return true;
        }
        look.offset = std::min(look.offset + kLookEach, last);
    }
}

}  // namespace sluice::posix

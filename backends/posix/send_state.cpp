#include "backends/posix/send_state.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <cerrno>

#include "backends/posix/socket.h"
#include "core/check.h"

namespace sluice::posix {

bool stamp_matches(int file, const FileStamp& stamp) noexcept {
    struct stat info {};
    return ::fstat(file, &info) == 0 && static_cast<std::uint64_t>(info.st_size) == stamp.size &&
           info.st_mtim.tv_sec * kSecond + info.st_mtim.tv_nsec == stamp.mtime_ns &&
           info.st_ctim.tv_sec * kSecond + info.st_ctim.tv_nsec == stamp.ctime_ns;
}

void SendState::start(Token name, std::span<const Slice> head, const FileRange& range,
                      SendUrgency how_soon) noexcept {
    CHECK(head.size() <= kSlicesMax);
    slice_first = 0;
    slice_count = static_cast<std::uint32_t>(head.size());
    for (std::size_t i = 0; i < head.size(); ++i) {
        slices[i] = {const_cast<char*>(head[i].data), head[i].size};
    }
    file = range;
    sent = 0;
    failure = Status::ok;
    token = name;
    urgency = how_soon;
    advance(0);
}

void SendState::advance(std::size_t bytes) noexcept {
    sent += bytes;
    while (slice_first < slice_count && bytes >= slices[slice_first].iov_len) {
        bytes -= slices[slice_first].iov_len;
        ++slice_first;
    }
    if (bytes > 0) {
        CHECK(slice_first < slice_count);
        iovec& slice = slices[slice_first];
        slice.iov_base = static_cast<char*>(slice.iov_base) + bytes;
        slice.iov_len -= bytes;
    }
}

void SendState::advance_file(std::uint64_t bytes) noexcept {
    file.offset += bytes;
    file.length -= bytes;
    sent += bytes;
}

std::size_t SendState::slice_bytes() const noexcept {
    std::size_t total = 0;
    for (std::uint32_t i = slice_first; i < slice_count; ++i) {
        total += slices[i].iov_len;
    }
    return total;
}

Step SendState::step(int socket) noexcept {
    const Step step = slices_left() ? step_slices(socket) : Step::done;
    return step == Step::done && file.length > 0 ? step_file(socket) : step;
}

Step SendState::step_slices(int socket) noexcept {
    // MSG_MORE keeps the head and the first bytes of the file in one segment (tcp(7), TCP_CORK).
    const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (file.length > 0 ? MSG_MORE : 0);
    while (slices_left()) {
        ssize_t n = 0;
        if (slice_count - slice_first == 1) {
            n = ::send(socket, slices[slice_first].iov_base, slices[slice_first].iov_len, flags);
        } else {
            msghdr message{};
            message.msg_iov = &slices[slice_first];
            message.msg_iovlen = slice_count - slice_first;
            n = ::sendmsg(socket, &message, flags);
        }
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return errno == EAGAIN ? Step::blocked : fail_with(status_of(errno));
        }
        advance(static_cast<std::size_t>(n));
    }
    return Step::done;
}

Step SendState::step_file(int socket) noexcept {
    const int fd = static_cast<int>(file.file);
    while (file.length > 0) {
        auto offset = static_cast<off_t>(file.offset);
        const ssize_t n = ::sendfile(socket, fd, &offset, file.length);
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return errno == EAGAIN ? Step::blocked : fail_with(status_of(errno));
        }
        if (n == 0) {
            return fail_with(Status::changed);  // the file ends before the range does
        }
        advance_file(static_cast<std::uint64_t>(n));
    }
    if (file.stamped() && !stamp_matches(fd, *file.stamp)) {
        return fail_with(Status::changed);
    }
    return Step::done;
}

}  // namespace sluice::posix

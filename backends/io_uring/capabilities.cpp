#include "backends/io_uring/capabilities.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "backends/io_uring/recv_buffers.h"
#include "backends/posix/socket.h"
#include "core/clock.h"

namespace sluice {

namespace {

constexpr std::array<std::pair<const char*, bool UringCapabilities::*>, 6> kNames = {{
    {"defer_taskrun", &UringCapabilities::defer_taskrun},
    {"skip_success", &UringCapabilities::skip_success},
    {"buffer_ring", &UringCapabilities::buffer_ring},
    {"multishot_recv", &UringCapabilities::multishot_recv},
    {"multishot_accept", &UringCapabilities::multishot_accept},
    {"no_iowait", &UringCapabilities::no_iowait},
}};

std::string sysctl_disabled() {
    std::ifstream file("/proc/sys/kernel/io_uring_disabled");
    int value = 0;
    file >> value;
    return value == 0 ? "" : "kernel.io_uring_disabled=" + std::to_string(value);
}

std::unexpected<Error> explain(int error) {
    std::string why = std::strerror(error);
    if (error == EPERM) {
        const std::string disabled = sysctl_disabled();
        why += disabled.empty()
                   ? " (a seccomp filter forbids io_uring, as containers do by default)"
                   : " (" + disabled + ")";
    } else if (error == ENOSYS) {
        why += " (the kernel is built without io_uring, or a seccomp filter hides it)";
    } else if (error == ENOMEM) {
        why += " (the limit on locked memory is too low: ulimit -l)";
    }
    return fail(posix::status_of(error), "io_uring_setup: " + why, error);
}

// Waits at most a quarter of a second for one completion: a probe must not hang on a kernel that
// does something unexpected.
int wait_result(io_uring& ring, unsigned* flags) {
    __kernel_timespec timeout{.tv_sec = 0, .tv_nsec = 250 * kMillisecond};
    io_uring_cqe* cqe = nullptr;
    const int error = io_uring_submit_and_wait_timeout(&ring, &cqe, 1, &timeout, nullptr);
    if (cqe == nullptr) {
        return error < 0 ? error : -ETIME;
    }
    const int result = cqe->res;
    *flags = cqe->flags;
    io_uring_cqe_seen(&ring, cqe);
    return result;
}

struct Descriptors {
    std::array<int, 3> fd{-1, -1, -1};
    ~Descriptors() {
        for (const int one : fd) {
            if (one >= 0) {
                ::close(one);
            }
        }
    }
};

// 0, or a negative errno that says why not.
int try_skip_success(io_uring& ring) {
    if ((ring.features & IORING_FEAT_CQE_SKIP) == 0) {
        return -EOPNOTSUPP;
    }
    Descriptors pair;
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.fd.data()) != 0) {
        return -errno;
    }
    // A send that succeeds leaves no record; the no-op behind it does.
    io_uring_sqe* send = io_uring_get_sqe(&ring);
    io_uring_prep_send(send, pair.fd[0], "x", 1, MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
    send->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(send, 1);
    io_uring_sqe* nop = io_uring_get_sqe(&ring);
    io_uring_prep_nop(nop);
    io_uring_sqe_set_data64(nop, 2);
    __kernel_timespec timeout{.tv_sec = 0, .tv_nsec = 250 * kMillisecond};
    io_uring_cqe* cqe = nullptr;
    if (const int error = io_uring_submit_and_wait_timeout(&ring, &cqe, 1, &timeout, nullptr);
        cqe == nullptr) {
        return error < 0 ? error : -ETIME;
    }
    const bool skipped = io_uring_cqe_get_data64(cqe) == 2;
    const int result = cqe->res;
    io_uring_cqe_seen(&ring, cqe);
    return skipped ? 0 : (result < 0 ? result : -EOPNOTSUPP);
}

// Receives one byte with a buffer that the kernel picks from group 0.
int try_recv_into_ring(io_uring& ring, bool multishot) {
    Descriptors pair;
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.fd.data()) != 0) {
        return -errno;
    }
    io_uring_sqe* sqe = io_uring_get_sqe(&ring);
    if (multishot) {
        io_uring_prep_recv_multishot(sqe, pair.fd[0], nullptr, 0, 0);
    } else {
        io_uring_prep_recv(sqe, pair.fd[0], nullptr, 0, 0);
    }
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
    sqe->buf_group = 0;
    io_uring_submit(&ring);
    (void)!::write(pair.fd[1], "x", 1);
    unsigned flags = 0;
    const int result = wait_result(ring, &flags);
    if (result < 0 || !multishot) {
        return std::min(result, 0);
    }
    if ((flags & IORING_CQE_F_MORE) == 0) {
        return -EOPNOTSUPP;
    }
    ::shutdown(pair.fd[1], SHUT_RDWR);  // ends the stream: one more record
    (void)wait_result(ring, &flags);
    return 0;
}

int try_recv(io_uring& ring, bool multishot) {
    RecvBuffers buffers(4, 64);
    if (const int error = buffers.provide_to(ring); error != 0) {
        return error;
    }
    const int result = try_recv_into_ring(ring, multishot);
    io_uring_unregister_buf_ring(&ring, 0);
    return result;
}

int try_multishot_accept(io_uring& ring) {
    Descriptors fds;
    fds.fd[0] = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fds.fd[1] = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // A name of the kernel's choice in the abstract name space (unix(7), autobind).
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    socklen_t size = sizeof(sa_family_t);
    if (::bind(fds.fd[0], reinterpret_cast<sockaddr*>(&name), size) != 0 ||
        ::listen(fds.fd[0], 1) != 0) {
        return -errno;
    }
    size = sizeof name;
    ::getsockname(fds.fd[0], reinterpret_cast<sockaddr*>(&name), &size);
    io_uring_sqe* sqe = io_uring_get_sqe(&ring);
    io_uring_prep_multishot_accept(sqe, fds.fd[0], nullptr, nullptr, SOCK_CLOEXEC);
    io_uring_submit(&ring);
    if (::connect(fds.fd[1], reinterpret_cast<sockaddr*>(&name), size) != 0) {
        return -errno;
    }
    unsigned flags = 0;
    const int result = wait_result(ring, &flags);
    if (result < 0) {
        return result;
    }
    fds.fd[2] = result;
    return (flags & IORING_CQE_F_MORE) != 0 ? 0 : -EOPNOTSUPP;
}

}  // namespace

UringCapabilities UringCapabilities::masked_by(const UringCapabilities& allowed) const {
    UringCapabilities result;
    for (const auto& [name, member] : kNames) {
        result.*member = this->*member && allowed.*member;
    }
    result.multishot_recv = result.multishot_recv && result.buffer_ring;
    return result;
}

std::string UringCapabilities::to_string() const {
    std::string text;
    for (const auto& [name, member] : kNames) {
        text += std::string(text.empty() ? "" : " ") + (this->*member ? "" : "-") + name;
    }
    return text;
}

Result<void> make_ring(io_uring& ring, unsigned entries, unsigned completions,
                       UringCapabilities& capabilities) {
    constexpr unsigned kAlways = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    std::vector<unsigned> ladder;
    if (capabilities.defer_taskrun) {
        ladder.push_back(kAlways | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
                         IORING_SETUP_DEFER_TASKRUN);
    }
    ladder.push_back(kAlways | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN);
    ladder.push_back(kAlways);
    int error = 0;
    for (const unsigned flags : ladder) {
        io_uring_params params{};
        params.flags = flags;
        params.cq_entries = completions;
        error = -io_uring_queue_init_params(entries, &ring, &params);
        if (error == 0) {
            capabilities.defer_taskrun = (flags & IORING_SETUP_DEFER_TASKRUN) != 0;
            return {};
        }
        if (error != EINVAL) {
            break;  // not about the flags
        }
    }
    return explain(error);
}

Result<UringProbe> probe_io_uring() {
    UringProbe probe;
    const auto remark = [&](bool& capability, const char* name, int error) {
        if (error != 0) {
            capability = false;
            probe.remarks.push_back(std::string(name) + ": " + std::strerror(-error));
        }
    };
    io_uring ring{};
    if (auto made = make_ring(ring, 8, 32, probe.found); !made) {
        return std::unexpected(made.error());
    }
    if (!probe.found.defer_taskrun) {
        probe.remarks.emplace_back("defer_taskrun: the kernel refused the set-up flags");
    }
    remark(probe.found.skip_success, "skip_success", try_skip_success(ring));
    remark(probe.found.buffer_ring, "buffer_ring", try_recv(ring, false));
    remark(probe.found.multishot_recv, "multishot_recv",
           probe.found.buffer_ring ? try_recv(ring, true) : -EOPNOTSUPP);
    remark(probe.found.multishot_accept, "multishot_accept", try_multishot_accept(ring));
    remark(probe.found.no_iowait, "no_iowait",
           (ring.features & kFeatureNoIowait) != 0 ? 0 : -EOPNOTSUPP);
    io_uring_queue_exit(&ring);
    return probe;
}

}  // namespace sluice

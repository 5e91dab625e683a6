#include "backends/io_uring/io_uring_backend.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "backends/posix/socket.h"

namespace sluice {

using posix::status_of;
using posix::Step;

namespace {

constexpr unsigned kSubmissions = 512;   // more are submitted in between
constexpr unsigned kRecordsMin = 4096;   // an overflow loses nothing but costs a call
constexpr Nanos kTeardownMax = kSecond;  // waiting for cancelled requests when the ring goes

// Kinds of requests that the caller never sees.
constexpr OpKind kRecvPoll = static_cast<OpKind>(0x81);
constexpr OpKind kSendPoll = static_cast<OpKind>(0x82);
constexpr OpKind kWakePoll = static_cast<OpKind>(0x83);
constexpr OpKind kCancel = static_cast<OpKind>(0x84);
constexpr OpKind kCancelAccept = static_cast<OpKind>(0x85);
// The token of a read has its place in the pool instead of a slot.
constexpr OpKind kRead = static_cast<OpKind>(0x86);
constexpr OpKind kCancelRead = static_cast<OpKind>(0x87);

// The most that one request reads.
constexpr std::uint64_t kReadStep = std::uint64_t{1} << 30;

FileStamp stamp_of(const struct statx& look) {
    return {look.stx_size, look.stx_mtime.tv_sec * kSecond + look.stx_mtime.tv_nsec,
            look.stx_ctime.tv_sec * kSecond + look.stx_ctime.tv_nsec};
}

__kernel_timespec timespec_of(Nanos duration) {
    return {.tv_sec = duration / kSecond, .tv_nsec = duration % kSecond};
}

}  // namespace

Result<std::unique_ptr<Backend>> UringBackend::create(const BackendLimits& limits,
                                                      const UringCapabilities& capabilities) {
    std::unique_ptr<UringBackend> backend(new UringBackend(limits, capabilities));
    auto made = make_ring(backend->ring_, kSubmissions, kRecordsMin, backend->capabilities_);
    if (!made) {
        return std::unexpected(made.error());
    }
    backend->ring_made_ = true;
    // Saves the look-up of the ring's descriptor at each entry; refused only by old kernels.
    (void)io_uring_register_ring_fd(&backend->ring_);
    if (capabilities.buffer_ring) {
        if (const int error = backend->buffers_.provide_to(backend->ring_); error != 0) {
            return fail(status_of(-error),
                        std::string("io_uring: register_buf_ring: ") + std::strerror(-error),
                        -error);
        }
    }
    if (auto opened = backend->open_event(); !opened) {
        return std::unexpected(opened.error());
    }
    backend->poll_fd(backend->event_, POLLIN, Token{0, 0, kWakePoll});
    return backend;
}

UringBackend::UringBackend(const BackendLimits& limits, const UringCapabilities& capabilities)
    : SocketBackend(limits),
      capabilities_(capabilities),
      buffers_(limits.recv_buffers, limits.recv_buffer_bytes),
      sockets_(new Socket_[limits.slots]),
      sends_(limits.slots),
      reads_(limits.slots) {
    for (auto* list : {&to_arm_, &starved_, &tried_, &closed_}) {
        list->reserve(limits.slots);
    }
}

// Requests hold references to their sockets. A ring that goes with requests in it gives those up
// some time later, on a kernel thread, and a listening port stays taken until then: cancel and wait
// first.
UringBackend::~UringBackend() {
    if (ring_made_) {
        for (Slot slot = 0; slot < limits_.slots; ++slot) {
            Socket_& socket = sockets_[slot];
            if (socket.open && !socket.closing) {
                close(Token{slot, socket.generation, OpKind::close});
            }
        }
        for (ListenerId id = 0; id < listeners_.size(); ++id) {
            accept_stop(id);
        }
        cancel(Token{0, 0, kWakePoll});
        const Nanos give_up = posix::monotonic_now() + kTeardownMax;
        while ((with_kernel_ > 0 || io_uring_sq_ready(&ring_) > 0) &&
               posix::monotonic_now() < give_up) {
            for (const Completion& completion : poll(now() + 10 * kMillisecond)) {
                if (completion.token.kind() == OpKind::accept && completion.more) {
                    discard(completion.socket);
                }
            }
        }
        io_uring_queue_exit(&ring_);
    }
    for (Slot slot = 0; slot < limits_.slots; ++slot) {
        if (sockets_[slot].fd >= 0 && !sockets_[slot].close_queued) {
            ::close(sockets_[slot].fd);
        }
    }
}

UringBackend::Socket_& UringBackend::at(Slot slot) noexcept {
    CHECK(slot < limits_.slots && sockets_[slot].open);
    return sockets_[slot];
}

UringBackend::Socket_& UringBackend::at(Token token) noexcept {
    Socket_& socket = at(token.slot());
    CHECK(socket.generation == token.generation() && !socket.closing);
    return socket;
}

// ---- requests --------------------------------------------------------------------------------

// The caller prepares the entry and then sets its user data (io_uring_prep_*() clears it).
io_uring_sqe* UringBackend::sqe() noexcept {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    while (entry == nullptr) {
        io_uring_submit(&ring_);
        entry = io_uring_get_sqe(&ring_);
    }
    return entry;
}

void UringBackend::cancel(Token target) noexcept {
    io_uring_sqe* entry = sqe();
    io_uring_prep_cancel64(entry, target.value, 0);
    const OpKind kind = target.kind() == OpKind::accept ? kCancelAccept
                        : target.kind() == kRead        ? kCancelRead
                                                        : kCancel;
    io_uring_sqe_set_data64(entry, target.with(kind).value);
    if (capabilities_.skip_success) {
        entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    }
}

void UringBackend::poll_fd(int fd, unsigned events, Token user_data) noexcept {
    io_uring_sqe* entry = sqe();
    io_uring_prep_poll_add(entry, fd, events);
    io_uring_sqe_set_data64(entry, user_data.value);
    ++with_kernel_;
}

// ---- listeners -------------------------------------------------------------------------------

void UringBackend::accept_start(ListenerId id, Token token) noexcept {
    arm_accept(begin_accept(id, token));
}

void UringBackend::arm_accept(Listener& listener) noexcept {
    constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    io_uring_sqe* entry = sqe();
    // A multishot accept keeps its place in the socket's queue, and the first one there is woken
    // for every connection: nobody else who shares the socket would get any.
    if (capabilities_.multishot_accept && !listener.shared) {
        io_uring_prep_multishot_accept(entry, listener.fd, nullptr, nullptr, kFlags);
    } else {
        io_uring_prep_accept(entry, listener.fd, nullptr, nullptr, kFlags);
    }
    io_uring_sqe_set_data64(entry, listener.token.value);
    ++with_kernel_;
}

void UringBackend::accept_stop(ListenerId id) noexcept {
    CHECK(id < listeners_.size());
    Listener& listener = listeners_[id];
    if (listener.accepting && !listener.stopping) {
        listener.stopping = true;
        cancel(listener.token);
    }
}

void UringBackend::on_accept(Token token, int result, unsigned flags) noexcept {
    Listener& listener = listeners_[token.slot()];
    if (result >= 0) {
        accepted(listener, result);
    }
    if ((flags & IORING_CQE_F_MORE) != 0) {
        return;
    }
    --with_kernel_;
    if (listener.stopping || result == -ECANCELED) {
        end_accept(listener, Status::cancelled);
    } else if (result >= 0 || posix::concerns_one_connection(-result)) {
        arm_accept(listener);
    } else {
        end_accept(listener, status_of(-result));
    }
}

// ---- sockets ---------------------------------------------------------------------------------

void UringBackend::bind(Slot slot, Generation generation, int fd) noexcept {
    CHECK(slot < limits_.slots && !sockets_[slot].open);
    Socket_& socket = sockets_[slot];
    const bool listed = socket.recv_listed;  // an entry of an earlier life may still be listed
    socket = Socket_{};
    socket.recv_listed = listed;
    socket.fd = fd;
    socket.generation = generation;
    socket.open = true;
}

void UringBackend::adopt(Slot slot, Generation generation, Socket socket) noexcept {
    bind(slot, generation, static_cast<int>(socket));
}

void UringBackend::connect(Token token, const Endpoint& peer) noexcept {
    CHECK(token.kind() == OpKind::connect);
    const posix::Connecting begun = posix::begin_connect(peer);
    bind(token.slot(), token.generation(), begun.fd);
    if (begun.pending) {
        sockets_[token.slot()].connect_armed = true;
        poll_fd(begun.fd, POLLOUT, token);
    } else {
        outbox_.add(token, begun.status);
    }
}

Socket UringBackend::native(Slot slot) const noexcept {
    CHECK(slot < limits_.slots);
    return sockets_[slot].open ? sockets_[slot].fd : kNoSocket;
}

// ---- receiving -------------------------------------------------------------------------------

void UringBackend::recv_start(Token token) noexcept {
    Socket_& socket = at(token);
    CHECK(token.kind() == OpKind::recv && !socket.receiving);
    socket.receiving = true;
    socket.recv_stopping = false;
    list_recv(token.slot(), socket);
}

void UringBackend::list_recv(Slot slot, Socket_& socket) noexcept {
    if (!socket.recv_listed) {
        socket.recv_listed = true;
        to_arm_.push_back(slot);
    }
}

void UringBackend::recv_stop(Slot slot) noexcept {
    Socket_& socket = at(slot);
    if (!socket.receiving || socket.recv_stopping) {
        return;
    }
    const Token token{slot, socket.generation, OpKind::recv};
    if (!socket.recv_armed) {
        end_recv(token, socket, Status::cancelled);
        return;
    }
    socket.recv_stopping = true;
    cancel(capabilities_.buffer_ring ? token : token.with(kRecvPoll));
}

void UringBackend::release(BufferId buffer) noexcept {
    buffers_.put_back(buffer);
}

void UringBackend::arm_receives() noexcept {
    if (!starved_.empty() && buffers_.lent() < buffers_.count()) {
        to_arm_.insert(to_arm_.end(), starved_.begin(), starved_.end());
        starved_.clear();
    }
    for (const Slot slot : to_arm_) {
        Socket_& socket = sockets_[slot];
        socket.recv_listed = false;
        if (socket.open && socket.receiving && !socket.recv_armed && !socket.closing) {
            arm_recv(slot, socket);
        }
    }
    to_arm_.clear();
}

void UringBackend::arm_recv(Slot slot, Socket_& socket) noexcept {
    socket.recv_armed = true;
    const Token token{slot, socket.generation, OpKind::recv};
    if (!capabilities_.buffer_ring) {
        poll_fd(socket.fd, POLLIN | POLLRDHUP, token.with(kRecvPoll));
        return;
    }
    io_uring_sqe* entry = sqe();
    if (capabilities_.multishot_recv && socket.recv_again) {
        io_uring_prep_recv_multishot(entry, socket.fd, nullptr, 0, 0);
    } else {
        io_uring_prep_recv(entry, socket.fd, nullptr, 0, 0);
    }
    // Data is seldom there yet: wait for it at once instead of trying first.
    entry->ioprio |= IORING_RECVSEND_POLL_FIRST;
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = 0;
    io_uring_sqe_set_data64(entry, token.value);
    ++with_kernel_;
}

void UringBackend::deliver(Token token, BufferId buffer, std::uint32_t size) noexcept {
    Completion& completion = outbox_.add(token, Status::ok);
    completion.more = true;
    completion.buffer = buffer;
    completion.size = size;
    completion.data = buffers_.data(buffer);
}

void UringBackend::end_recv(Token token, Socket_& socket, Status status) noexcept {
    socket.receiving = false;
    socket.recv_stopping = false;
    outbox_.add(token, status);
}

void UringBackend::on_recv(Token token, Socket_& socket, int result, unsigned flags) noexcept {
    if ((flags & IORING_CQE_F_BUFFER) != 0) {
        const BufferId buffer = flags >> IORING_CQE_BUFFER_SHIFT;
        buffers_.mark_lent(buffer);
        if (result > 0 && !socket.closing) {
            deliver(token, buffer, static_cast<std::uint32_t>(result));
            socket.recv_again = true;
        } else {
            buffers_.put_back(buffer);
        }
    }
    if ((flags & IORING_CQE_F_MORE) != 0) {
        return;
    }
    socket.recv_armed = false;
    --with_kernel_;
    if (socket.closing) {
        end_recv(token, socket, Status::cancelled);
        try_finish_close(token.slot(), socket);
    } else if (result == 0) {
        end_recv(token, socket, posix::end_of_stream(socket.fd, socket.finishing));
    } else if (result < 0 && result != -ECANCELED && result != -ENOBUFS && result != -EINTR &&
               result != -EAGAIN) {
        end_recv(token, socket, status_of(-result));
    } else if (socket.recv_stopping) {
        end_recv(token, socket, Status::cancelled);
    } else if (result == -ENOBUFS) {
        // Buffers are scarce: take one and let the others have theirs. A multishot would take all
        // that come back, and a torrent would starve the rest.
        socket.recv_again = false;
        socket.recv_listed = true;
        starved_.push_back(token.slot());
    } else {
        list_recv(token.slot(), socket);
    }
}

// Without a buffer ring: the socket became readable, now find a buffer and read.
void UringBackend::on_recv_ready(Token token, Socket_& socket) noexcept {
    token = token.with(OpKind::recv);
    socket.recv_armed = false;
    --with_kernel_;
    if (socket.closing || socket.recv_stopping) {
        end_recv(token, socket, Status::cancelled);
        if (socket.closing) {
            try_finish_close(token.slot(), socket);
        }
        return;
    }
    const BufferId buffer = buffers_.take();
    if (buffer == kNoBuffer) {
        socket.recv_listed = true;
        starved_.push_back(token.slot());
        return;
    }
    const ssize_t n = ::recv(socket.fd, buffers_.data(buffer), buffers_.bytes_each(), MSG_DONTWAIT);
    if (n > 0) {
        deliver(token, buffer, static_cast<std::uint32_t>(n));
        list_recv(token.slot(), socket);
        return;
    }
    const int error = errno;
    buffers_.put_back(buffer);
    if (n == 0) {
        end_recv(token, socket, posix::end_of_stream(socket.fd, socket.finishing));
    } else if (error == EAGAIN || error == EINTR) {
        list_recv(token.slot(), socket);
    } else {
        end_recv(token, socket, status_of(error));
    }
}

// ---- sending ---------------------------------------------------------------------------------

UringBackend::RingSend& UringBackend::new_send(Token token, std::span<const Slice> slices,
                                               const FileRange& range,
                                               SendUrgency urgency) noexcept {
    Socket_& socket = at(token);
    CHECK(token.kind() == OpKind::send && socket.send == kNoSend);
    socket.send = sends_.acquire();
    CHECK(socket.send != kNoSend);
    RingSend& send = sends_[socket.send];
    send.state.start(token, slices, range, urgency);
    return send;
}

void UringBackend::send(Token token, std::span<const Slice> slices, SendUrgency urgency) noexcept {
    RingSend& send = new_send(token, slices, FileRange{}, urgency);
    Socket_& socket = sockets_[token.slot()];
    if (!send.state.slices_left()) {
        end_send(token.slot(), socket, Status::ok);
        return;
    }
    send.phase = SendPhase::trying;
    queue_send(socket, send);
    if (capabilities_.skip_success) {
        tried_.push_back(token.slot());
        eager_tried_ += urgency == SendUrgency::eager ? 1 : 0;
    } else {
        ++with_kernel_;
    }
}

// Queues what is left of the memory slices, as an attempt or as a send that waits for room.
void UringBackend::queue_send(Socket_& socket, RingSend& send) noexcept {
    const bool trying = send.phase == SendPhase::trying;
    // MSG_WAITALL: no record, where success leaves none, means all of it and never "some of it"
    // (io_uring_enter(2)). A send that waits leaves a record for each part that found room, so that
    // its progress is known.
    const int flags = MSG_NOSIGNAL | (trying ? MSG_WAITALL | MSG_DONTWAIT : 0);
    posix::SendState& state = send.state;
    io_uring_sqe* entry = sqe();
    if (state.slice_count - state.slice_first == 1) {
        const iovec& slice = state.slices[state.slice_first];
        io_uring_prep_send(entry, socket.fd, slice.iov_base, slice.iov_len, flags);
    } else {
        send.message = msghdr{};
        send.message.msg_iov = &state.slices[state.slice_first];
        send.message.msg_iovlen = state.slice_count - state.slice_first;
        io_uring_prep_sendmsg(entry, socket.fd, &send.message, static_cast<unsigned>(flags));
    }
    io_uring_sqe_set_data64(entry, state.token.value);
    if (trying && capabilities_.skip_success) {
        entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    }
}

void UringBackend::send_file(Token token, std::span<const Slice> head, const FileRange& range,
                             SendUrgency urgency) noexcept {
    (void)new_send(token, head, range, urgency);
    step_file(token.slot(), sockets_[token.slot()]);
}

void UringBackend::step_file(Slot slot, Socket_& socket) noexcept {
    RingSend& send = sends_[socket.send];
    const Step step = send.state.step(socket.fd);
    if (step == Step::blocked) {
        send.phase = SendPhase::polling;
        poll_fd(socket.fd, POLLOUT, send.state.token.with(kSendPoll));
        return;
    }
    end_send(slot, socket, step == Step::done ? Status::ok : send.state.failure);
}

// The record of a memory send: it failed, fell short, or had to wait and is done.
void UringBackend::on_send(Slot slot, Socket_& socket, int result) noexcept {
    RingSend& send = sends_[socket.send];
    if (send.phase == SendPhase::waiting || !capabilities_.skip_success) {
        --with_kernel_;
    }
    if (result > 0) {
        send.state.advance(static_cast<std::size_t>(result));
    }
    if (!send.state.slices_left()) {
        end_send(slot, socket, Status::ok);
    } else if (socket.closing) {
        end_send(slot, socket, Status::cancelled);
    } else if (result < 0 && result != -EAGAIN && result != -EINTR) {
        end_send(slot, socket, status_of(-result));
    } else {
        send.phase = SendPhase::waiting;
        queue_send(socket, send);
        ++with_kernel_;
    }
}

void UringBackend::end_send(Slot slot, Socket_& socket, Status status) noexcept {
    const posix::SendState& state = sends_[socket.send].state;
    outbox_.add_send(state.token, status, state.sent, state.urgency);
    sends_.release(socket.send);
    socket.send = kNoSend;
    if (socket.finishing && status == Status::ok) {
        ::shutdown(socket.fd, SHUT_WR);
    }
    if (socket.closing) {
        try_finish_close(slot, socket);
    }
}

std::uint64_t UringBackend::unacknowledged(Slot slot) const noexcept {
    CHECK(slot < limits_.slots && sockets_[slot].open);
    const Socket_& socket = sockets_[slot];
    return posix::queued_bytes(socket.fd) +
           (socket.send == kNoSend ? 0 : sends_[socket.send].state.left());
}

// ---- reading files ---------------------------------------------------------------------------

void UringBackend::read(Token token, const FileRange& range, char* into) noexcept {
    Socket_& socket = at(token);
    CHECK(token.kind() == OpKind::read && !socket.reading);
    posix::FileRead read{.token = token, .range = range, .into = into};
    socket.reading = true;
    if (read.try_now()) {
        end_read(read);
        return;
    }
    const std::uint32_t index = reads_.acquire();
    CHECK(index != Pool<RingRead>::kNone);
    reads_[index].read = read;
    reads_[index].active = true;
    reads_[index].looking = false;
    queue_read(index);
}

void UringBackend::queue_read(std::uint32_t index) noexcept {
    RingRead& ring_read = reads_[index];
    const FileRange& range = ring_read.read.range;
    const int fd = static_cast<int>(range.file);
    io_uring_sqe* entry = sqe();
    if (ring_read.looking) {
        io_uring_prep_statx(entry, fd, "", AT_EMPTY_PATH, STATX_SIZE | STATX_MTIME | STATX_CTIME,
                            &ring_read.look);
    } else {
        const auto bytes = static_cast<unsigned>(std::min<std::uint64_t>(range.length, kReadStep));
        io_uring_prep_read(entry, fd, ring_read.read.into, bytes, range.offset);
    }
    io_uring_sqe_set_data64(entry, Token{index, 0, kRead}.value);
    if (range.remote) {
        entry->flags |= IOSQE_ASYNC;  // FUSE may wait even where it was told not to
    }
    ++with_kernel_;
}

void UringBackend::on_read(std::uint32_t index, int result) noexcept {
    --with_kernel_;
    RingRead& ring_read = reads_[index];
    posix::FileRead& read = ring_read.read;
    const Socket_& socket = sockets_[read.token.slot()];
    if (ring_read.looking) {
        read.status = result == 0 && stamp_of(ring_read.look) == *read.range.stamp
                          ? Status::ok
                          : Status::changed;
    } else {
        const bool over = read.took(result);
        // fstat(2) might wait for an answer.
        const bool look =
            over && read.status == Status::ok && read.range.stamped() && read.range.remote;
        if (over && !look) {
            read.check_stamp();
        } else if (!socket.closing) {
            ring_read.looking = look;
            queue_read(index);
            return;
        } else {
            read.status = Status::cancelled;
        }
    }
    const posix::FileRead done = read;
    ring_read.active = false;
    reads_.release(index);
    end_read(done);
}

void UringBackend::end_read(const posix::FileRead& read) noexcept {
    const Slot slot = read.token.slot();
    Socket_& socket = sockets_[slot];
    socket.reading = false;
    outbox_.add(read.token, read.status).bytes = read.done;
    if (socket.closing) {
        try_finish_close(slot, socket);
    }
}

// A read that waits for a disk cannot be cut short; one from a file system in user space can.
void UringBackend::cancel_read(Slot slot) noexcept {
    for (std::uint32_t index = 0; index < reads_.made(); ++index) {
        if (reads_[index].active && reads_[index].read.token.slot() == slot) {
            cancel(Token{index, 0, kRead});
            return;
        }
    }
}

// ---- the rest of the verbs -------------------------------------------------------------------

void UringBackend::shutdown_send(Slot slot) noexcept {
    Socket_& socket = at(slot);
    socket.finishing = true;
    if (socket.send == kNoSend) {
        ::shutdown(socket.fd, SHUT_WR);  // else it follows the send in flight
    }
}

void UringBackend::close(Token token) noexcept {
    CHECK(token.kind() == OpKind::close);
    const Slot slot = token.slot();
    Socket_& socket = at(token);
    socket.closing = true;
    if (socket.connect_armed || socket.recv_armed ||
        (socket.send != kNoSend && sends_[socket.send].phase != SendPhase::trying)) {
        // A cancel misses a request that is just being retried (it answers ENOENT). With both
        // directions shut down the retry ends by itself.
        ::shutdown(socket.fd, SHUT_RDWR);
    }
    if (socket.connect_armed) {
        cancel(token.with(OpKind::connect));
    }
    if (socket.send != kNoSend) {
        const SendPhase phase = sends_[socket.send].phase;
        if (phase != SendPhase::trying) {
            cancel(token.with(phase == SendPhase::waiting ? OpKind::send : kSendPoll));
        }
    }
    if (socket.reading) {
        cancel_read(slot);
    }
    if (socket.recv_armed) {
        cancel(token.with(capabilities_.buffer_ring ? OpKind::recv : kRecvPoll));
    } else if (socket.receiving) {
        end_recv(token.with(OpKind::recv), socket, Status::cancelled);
    }
    try_finish_close(slot, socket);
}

void UringBackend::try_finish_close(Slot slot, Socket_& socket) noexcept {
    if (socket.recv_armed || socket.send != kNoSend || socket.connect_armed || socket.reading ||
        socket.close_queued) {
        return;
    }
    if (socket.fd < 0) {
        end_close(slot);
        return;
    }
    socket.close_queued = true;
    io_uring_sqe* entry = sqe();
    io_uring_prep_close(entry, socket.fd);
    io_uring_sqe_set_data64(entry, Token{slot, socket.generation, OpKind::close}.value);
    if (capabilities_.skip_success) {
        entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
        closed_.push_back(slot);
    } else {
        ++with_kernel_;
    }
}

void UringBackend::end_close(Slot slot) noexcept {
    Socket_& socket = sockets_[slot];
    outbox_.add(Token{slot, socket.generation, OpKind::close}, Status::ok);
    const bool listed = socket.recv_listed;
    socket = Socket_{};
    socket.recv_listed = listed;
}

// ---- the loop --------------------------------------------------------------------------------

void UringBackend::on_record(const io_uring_cqe& record) noexcept {
    const Token token{record.user_data};
    if (token.kind() == OpKind::accept) {
        on_accept(token, record.res, record.flags);
        return;
    }
    if (token.kind() == kWakePoll) {
        --with_kernel_;
        if (record.res != -ECANCELED) {
            on_wake();
        }
        return;
    }
    if (token.kind() == kRead) {
        on_read(token.slot(), record.res);
        return;
    }
    if (token.kind() == kCancelRead) {
        return;
    }
    if (token.kind() == kCancel || token.kind() == kCancelAccept) {
        on_cancel_missed(token, record.res);
        return;
    }
    // Every request of a socket leaves its record before close() completes, so a record always
    // finds its socket.
    Socket_& socket = sockets_[token.slot()];
    CHECK(socket.open && socket.generation == token.generation());
    if (token.kind() == kRecvPoll) {
        on_recv_ready(token, socket);
        return;
    }
    if (token.kind() == kSendPoll) {
        --with_kernel_;
        if (socket.closing) {
            end_send(token.slot(), socket, Status::cancelled);
        } else {
            step_file(token.slot(), socket);
        }
        return;
    }
    switch (token.kind()) {
        case OpKind::recv: on_recv(token, socket, record.res, record.flags); return;
        case OpKind::send: on_send(token.slot(), socket, record.res); return;
        case OpKind::connect:
            --with_kernel_;
            socket.connect_armed = false;
            outbox_.add(token, socket.closing ? Status::cancelled : posix::end_connect(socket.fd));
            break;
        case OpKind::close:
            if (!capabilities_.skip_success) {
                --with_kernel_;
            }
            end_close(token.slot());
            return;
        default: CHECK(false);
    }
    if (socket.closing) {
        try_finish_close(token.slot(), socket);
    }
}

// A cancel found nothing: the request had ended, or was just being retried and is still there.
void UringBackend::on_cancel_missed(Token token, int result) noexcept {
    if (result >= 0) {
        return;
    }
    if (token.kind() == kCancelAccept) {
        const Listener& listener = listeners_[token.slot()];
        if (listener.accepting && listener.stopping) {
            cancel(listener.token);
        }
        return;
    }
    const Socket_& socket = sockets_[token.slot()];
    if (socket.open && socket.generation == token.generation() && socket.recv_armed &&
        socket.recv_stopping) {
        cancel(token.with(capabilities_.buffer_ring ? OpKind::recv : kRecvPoll));
    }
}

void UringBackend::on_wake() noexcept {
    take_wake();
    poll_fd(event_, POLLIN, Token{0, 0, kWakePoll});
}

void UringBackend::enter(Nanos deadline) noexcept {
    const bool waits = !outbox_.urgent() && eager_tried_ == 0 && closed_.empty();
    const Nanos left = waits ? left_until(deadline) : 0;
    if (left == 0) {
        io_uring_submit_and_get_events(&ring_);
    } else {
        __kernel_timespec timeout = timespec_of(left);
        __kernel_timespec* const limit = left == kNever ? nullptr : &timeout;
        if (capabilities_.no_iowait) {
            submit_and_wait(limit);
        } else {
            io_uring_cqe* unused = nullptr;
            io_uring_submit_and_wait_timeout(&ring_, &unused, 1, limit, nullptr);
        }
    }
    read_clocks();
}

// What io_uring_submit_and_wait_timeout(3) does, with a flag that liburing cannot be given before
// its version 2.10. Why it returned shows in the completion queue.
void UringBackend::submit_and_wait(__kernel_timespec* limit) noexcept {
    io_uring_sq& queue = ring_.sq;
    queue.sqe_head = queue.sqe_tail;
    io_uring_smp_store_release(queue.ktail, queue.sqe_tail);
    const unsigned entries = queue.sqe_tail - io_uring_smp_load_acquire(queue.khead);
    io_uring_getevents_arg how{};
    how.ts = reinterpret_cast<std::uint64_t>(limit);
    const unsigned flags =
        IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | kEnterNoIowait |
        (ring_.enter_ring_fd != ring_.ring_fd ? IORING_ENTER_REGISTERED_RING : 0);
    (void)io_uring_enter2(static_cast<unsigned>(ring_.enter_ring_fd), entries, 1, flags,
                          reinterpret_cast<sigset_t*>(&how), sizeof how);
}

// Records of sends come first. A send that was tried and succeeded leaves no record; so when those
// of the failed ones are in, the others are complete, and that is told before what their peers
// answered to them (else every such answer would seem to come while the send is under way).
void UringBackend::harvest(bool all_submitted) noexcept {
    const auto is_send = [](const io_uring_cqe& record) {
        return Token{record.user_data}.kind() == OpKind::send;
    };
    bool overflow = false;
    do {
        overflow = io_uring_cq_has_overflow(&ring_);
        const bool tried = !tried_.empty();
        // Handling a record may let the kernel add some; both passes see the same ones.
        const unsigned count = io_uring_cq_ready(&ring_);
        unsigned head = 0;
        unsigned seen = 0;
        const io_uring_cqe* record = nullptr;
        if (tried) {
            io_uring_for_each_cqe(&ring_, head, record) {
                if (seen++ == count) {
                    break;
                }
                if (is_send(*record)) {
                    on_record(*record);
                }
            }
            if (all_submitted && !overflow) {
                settle_tried();
            }
        }
        seen = 0;
        io_uring_for_each_cqe(&ring_, head, record) {
            if (seen++ == count) {
                break;
            }
            if (!tried || !is_send(*record)) {
                on_record(*record);
            }
        }
        io_uring_cq_advance(&ring_, count);
        if (overflow) {
            io_uring_get_events(&ring_);  // the kernel moves what it kept aside into the ring
        }
    } while (overflow || io_uring_cq_ready(&ring_) > 0);
}

std::span<const Completion> UringBackend::poll(Nanos deadline) noexcept {
    if (outbox_has_turn()) {
        return outbox_.hand_over();
    }
    arm_receives();
    const std::size_t closes = closed_.size();
    enter(deadline);
    const bool all_submitted = io_uring_sq_ready(&ring_) == 0;
    harvest(all_submitted);
    if (all_submitted) {
        for (std::size_t i = 0; i < closes; ++i) {
            if (sockets_[closed_[i]].close_queued) {
                end_close(closed_[i]);
            }
        }
        closed_.erase(closed_.begin(), closed_.begin() + static_cast<std::ptrdiff_t>(closes));
    }
    return outbox_.hand_over();
}

// No record after the entry that submitted them: these sends are complete.
void UringBackend::settle_tried() noexcept {
    for (const Slot slot : tried_) {
        Socket_& socket = sockets_[slot];
        if (socket.send == kNoSend || sends_[socket.send].phase != SendPhase::trying) {
            continue;
        }
        posix::SendState& state = sends_[socket.send].state;
        state.advance(state.slice_bytes());
        end_send(slot, socket, Status::ok);
    }
    tried_.clear();
    eager_tried_ = 0;
}

}  // namespace sluice

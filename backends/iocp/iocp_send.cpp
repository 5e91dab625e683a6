// The sending half of the IOCP backend.
#include <algorithm>

#include "backends/iocp/iocp_backend.h"
#include "core/check.h"

namespace sluice {

using iocp::Begun;
using iocp::Message;
using iocp::SendState;

namespace {

constexpr int kInlineMax = 8;  // steps in a row that may be complete at once
constexpr Nanos kStalledLook = 250 * kMillisecond;

}  // namespace

void IocpBackend::send(Token token, std::span<const Slice> slices, SendUrgency urgency) noexcept {
    begin_send(token, slices, FileRange{}, urgency);
}

void IocpBackend::send_file(Token token, std::span<const Slice> head, const FileRange& range,
                            SendUrgency urgency) noexcept {
    begin_send(token, head, range, urgency);
}

void IocpBackend::begin_send(Token token, std::span<const Slice> head, const FileRange& range,
                             SendUrgency urgency) noexcept {
    Socket_& socket = at(token);
    CHECK(token.kind() == OpKind::send && socket.send == kNoSend);
    socket.send = sends_.acquire();
    CHECK(socket.send != kNoSend);
    sends_[socket.send].start(token, head, range, urgency, capabilities_.transmit_file);
    go_on_sending(socket);
}

// Takes steps until one is under way or the send is over.
void IocpBackend::go_on_sending(Socket_& socket) noexcept {
    SendState& send = sends_[socket.send];
    for (int complete_at_once = 0; send.left() > 0 && send.failure == Status::ok;) {
        const Begun begun = send.begin_step(system_, socket.socket, file_buffers_, on_read, this);
        if (expect_packet(send.operation, begun)) {
            note_begun(send);
            return;
        }
        if (!begun.done()) {
            send.step_failed(begun.error, 0);
        } else if (++complete_at_once < kInlineMax) {
            send.step_done(begun.bytes);
        } else {
            // Others have their turn: what is done is told by a packet of our own.
            send.operation.Internal = 0;
            send.operation.pending = true;
            ++pending_;
            note_begun(send);
            CHECK(::PostQueuedCompletionStatus(port_, begun.bytes,
                                               static_cast<ULONG_PTR>(Message::operation),
                                               &send.operation) != 0);
            return;
        }
    }
    finish_send(socket);
}

// Counts what wants to be looked after while it is under way.
void IocpBackend::note_begun(const SendState& send) noexcept {
    if (send.step == SendState::Step::transmit && transmits_++ == 0) {
        stalled_look_at_ = now_ + kStalledLook;
    }
    reads_ += send.step == SendState::Step::read ? 1 : 0;
}

// The end of a read, told from within an alertable wait of this thread (wait(), drain_port()).
void IocpBackend::on_read(DWORD error, DWORD bytes, OVERLAPPED* operation) noexcept {
    auto& backend = *static_cast<IocpBackend*>(operation->hEvent);
    backend.on_ended(static_cast<iocp::Operation&>(*operation), error, bytes);
}

void IocpBackend::on_sent(Socket_& socket, DWORD error, std::uint32_t bytes) noexcept {
    SendState& send = sends_[socket.send];
    transmits_ -= send.step == SendState::Step::transmit ? 1 : 0;
    reads_ -= send.step == SendState::Step::read ? 1 : 0;
    if (error != 0) {
        send.step_failed(error, bytes);
    } else {
        send.step_done(bytes);
    }
    if (socket.closing) {
        if (send.left() > 0 && send.failure == Status::ok) {
            send.failure = Status::cancelled;
        }
        finish_send(socket);
        return;
    }
    if (send.failure == Status::cancelled) {
        send.failure = Status::reset;  // withdrawn by look_at_stalled()
    }
    go_on_sending(socket);
}

void IocpBackend::finish_send(Socket_& socket) noexcept {
    SendState& send = sends_[socket.send];
    if (send.failure == Status::ok && socket.finishing) {
        ::shutdown(socket.socket, SD_SEND);
    }
    if (send.failure == Status::reset || send.failure == Status::timed_out) {
        socket.broken = send.failure;
    }
    outbox_.add_send(send.token, send.failure, send.sent, send.urgency);
    file_buffers_.give_back(std::move(send.buffer));
    send.active = false;
    sends_.release(socket.send);
    socket.send = kNoSend;
}

std::uint64_t IocpBackend::unacknowledged(Slot slot) const noexcept {
    CHECK(slot < limits_.slots && sockets_[slot].open);
    const std::uint32_t send = sockets_[slot].send;
    return send == kNoSend ? 0 : sends_[send].left();
}

// A TransmitFile to a peer that is gone may never complete (under Wine); the socket knows.
void IocpBackend::look_at_stalled() noexcept {
    stalled_look_at_ = now_ + kStalledLook;
    for (std::uint32_t i = 0; i < sends_.made(); ++i) {
        SendState& send = sends_[i];
        if (!send.active || send.step != SendState::Step::transmit || !send.operation.pending) {
            continue;
        }
        Socket_& socket = sockets_[send.token.slot()];
        WSAPOLLFD asked{socket.socket, POLLWRNORM, 0};
        if (!socket.closing && ::WSAPoll(&asked, 1, 0) == 1 && (asked.revents & POLLERR) != 0) {
            send.cancel(socket.socket);
        }
    }
}

}  // namespace sluice

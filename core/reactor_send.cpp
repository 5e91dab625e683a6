// The reactor's sending: pieces of sessions, and those whose file is read into memory first.
#include <algorithm>
#include <utility>

#include "core/reactor.h"

namespace sluice {

// Sends what the session has next; false when it has nothing.
bool Reactor::start_piece(Slot slot, Connection& connection, bool input_left) noexcept {
    Session& session = *connection.exchange->session;
    const Piece piece = session.next();
    if (piece.empty()) {
        return false;
    }
    if (session.state() == SessionState::close) {
        stop_receiving(slot, connection);  // nothing more is expected
    }
    connection.sending = true;
    if (piece.file.length > 0 &&
        (piece.copy || (piece.file.stamp != nullptr && !backend_.in_memory(piece.file)))) {
        start_copy(slot, connection, piece);
    } else {
        hand_over(slot, connection, piece, piece.last, input_left);
    }
    return true;
}

void Reactor::hand_over(Slot slot, Connection& connection, const Piece& piece, bool last,
                        bool input_left) noexcept {
    Exchange& exchange = *connection.exchange;
    // Quiet only when the next step is the peer's: it is listened to, and neither more input nor
    // the end of the connection waits for this send.
    const SessionState after = exchange.session->state();
    const bool over = after == SessionState::close || after == SessionState::linger;
    const SendUrgency urgency = last && !over && !input_left && connection.receiving
                                    ? SendUrgency::quiet
                                    : SendUrgency::eager;
    exchange.piece_bytes = piece.bytes();
    exchange.begun_bytes += exchange.piece_bytes;
    connection.sending_quietly = urgency == SendUrgency::quiet;
    quiet_sends_ += connection.sending_quietly ? 1 : 0;
    const std::span<const Slice> slices{piece.slices.data(), piece.slice_count};
    const Token name = token(slot, connection, OpKind::send);
    if (piece.file.length > 0) {
        backend_.send_file(name, slices, piece.file, urgency);
    } else {
        backend_.send(name, slices, urgency);
    }
}

void Reactor::on_send(Slot slot, Connection& connection, const Completion& completion) noexcept {
    CHECK(connection.sending && connection.exchange != nullptr);
    quiet_sends_ -= connection.sending_quietly ? 1 : 0;
    connection.sending_quietly = false;
    Exchange& exchange = *connection.exchange;
    if (exchange.copied.active()) {
        on_part_sent(slot, connection, completion);
    } else if (completion.status == Status::ok) {
        piece_sent(slot, connection);
    } else if (completion.status == Status::changed &&
               connection.state != ConnectionState::closing &&
               exchange.session->changed(completion.bytes)) {
        connection.sending = false;
        exchange.begun_bytes -= exchange.piece_bytes - completion.bytes;  // these never leave
        advance(slot, connection, {});
    } else {
        piece_failed(slot, connection, completion.bytes);
    }
}

void Reactor::piece_sent(Slot slot, Connection& connection) noexcept {
    connection.sending = false;
    connection.exchange->session->sent();
    if (connection.state != ConnectionState::closing) {
        advance(slot, connection, {});
    }
}

// So many of its bytes have left.
void Reactor::piece_failed(Slot slot, Connection& connection, std::uint64_t bytes) noexcept {
    connection.sending = false;
    connection.exchange->session->aborted(bytes);
    if (connection.state != ConnectionState::closing) {
        ++counters_.broken;
        begin_close(slot, connection);
    }
}

// ---- files that are read first ---------------------------------------------------------------

void Reactor::start_copy(Slot slot, Connection& connection, const Piece& piece) noexcept {
    CopiedPiece& copied = connection.exchange->copied;
    copied.buffer = file_buffers_.acquire();
    if (copied.buffer == nullptr) {
        ++counters_.refused;
        connection.sending = false;
        begin_close(slot, connection);
        return;
    }
    CHECK(piece.slice_count < kSlicesMax);
    copied.rest = piece;
    copied.left = 0;
    copied.failure = Status::ok;
    read_part(slot, connection);
}

void Reactor::read_part(Slot slot, Connection& connection) noexcept {
    CopiedPiece& copied = connection.exchange->copied;
    FileRange part = copied.rest.file;
    part.length = std::min<std::uint64_t>(part.length, kFilePartBytes);
    backend_.read(token(slot, connection, OpKind::read), part, copied.buffer);
}

void Reactor::on_read(Slot slot, Connection& connection, const Completion& completion) noexcept {
    CHECK(connection.sending && connection.exchange != nullptr);
    Exchange& exchange = *connection.exchange;
    CopiedPiece& copied = exchange.copied;
    copied.failure = completion.status;
    Piece part = copied.rest;
    part.file = {};
    if (completion.status == Status::ok) {
        part.slices[part.slice_count++] = {copied.buffer,
                                           static_cast<std::size_t>(completion.bytes)};
        copied.rest.file.offset += completion.bytes;
        copied.rest.file.length -= completion.bytes;
    }
    if (part.slice_count == 0 || connection.state == ConnectionState::closing) {
        end_copy(slot, connection);
        return;
    }
    copied.rest.slice_count = 0;  // what is before the file leaves, whatever became of that
    const bool last = copied.rest.last && copied.rest.file.length == 0;
    hand_over(slot, connection, part, last, !exchange.pending_input().empty());
}

void Reactor::on_part_sent(Slot slot, Connection& connection,
                           const Completion& completion) noexcept {
    CopiedPiece& copied = connection.exchange->copied;
    copied.left += completion.bytes;
    if (completion.status != Status::ok) {
        copied.failure = completion.status;
    }
    if (copied.failure == Status::ok && copied.rest.file.length > 0 &&
        connection.state != ConnectionState::closing) {
        read_part(slot, connection);
    } else {
        end_copy(slot, connection);
    }
}

void Reactor::end_copy(Slot slot, Connection& connection) noexcept {
    Exchange& exchange = *connection.exchange;
    const CopiedPiece copied = exchange.copied;
    return_copy_buffer(exchange);
    const bool whole = copied.rest.slice_count == 0 && copied.rest.file.length == 0;
    if (copied.failure == Status::ok && whole) {
        piece_sent(slot, connection);
    } else if (copied.failure == Status::changed && connection.state != ConnectionState::closing &&
               exchange.session->changed(copied.left)) {
        connection.sending = false;
        advance(slot, connection, {});
    } else {
        piece_failed(slot, connection, copied.left);
    }
}

void Reactor::return_copy_buffer(Exchange& exchange) noexcept {
    if (exchange.copied.active()) {
        file_buffers_.release(std::exchange(exchange.copied.buffer, nullptr));
    }
}

}  // namespace sluice

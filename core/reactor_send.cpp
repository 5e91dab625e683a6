// The reactor's sending: what sessions have next, whole, or in parts where a file is read into
// memory first.
#include <algorithm>
#include <utility>

#include "core/reactor.h"

namespace sluice {

namespace {

bool is_open(SessionState state) {
    return state != SessionState::close && state != SessionState::linger;
}

}  // namespace

// Sends what there is next; false when there is nothing.
bool Reactor::start_piece(Slot slot, Connection& connection, bool input_left) noexcept {
    if (connection.channel != nullptr) {
        return start_sealed(slot, connection);
    }
    RequestContext& request = *connection.request;
    const Piece piece = request.session->next();
    if (piece.empty()) {
        return false;
    }
    const SessionState after = request.session->state();
    if (after == SessionState::close) {
        stop_receiving(slot, connection);  // nothing more is expected
    }
    connection.sending = true;
    if (piece.file.length > 0 &&
        (piece.copy || (piece.file.stamped() && !backend_.in_memory(piece.file)))) {
        request.parts.begin(piece);
        read_part(slot, connection);
    } else {
        const bool quiet = piece.last && !input_left && is_open(after);
        hand_over(slot, connection, piece, quiet);
    }
    return true;
}

// `quiet`: nothing follows it, neither more input nor the end of the connection waits for it.
inline void Reactor::hand_over(Slot slot, Connection& connection, const Piece& piece,
                               bool quiet) noexcept {
    const SendUrgency urgency = note_send(connection, piece.bytes(), quiet);
    const std::span<const Slice> slices{piece.slices.data(), piece.slice_count};
    const Token name = token(slot, connection, OpKind::send);
    if (piece.file.length > 0) {
        backend_.send_file(name, slices, piece.file, urgency);
    } else {
        backend_.send(name, slices, urgency);
    }
}

// Quiet only when the next step is the peer's, and we are receiving.
inline SendUrgency Reactor::note_send(Connection& connection, std::uint64_t bytes,
                                      bool quiet) noexcept {
    RequestContext& request = *connection.request;
    request.piece_bytes = bytes;
    request.begun_bytes += bytes;
    quiet = quiet && connection.receiving;
    connection.sending_quietly = quiet;
    quiet_sends_ += quiet ? 1 : 0;
    return quiet ? SendUrgency::quiet : SendUrgency::eager;
}

// Nothing of the piece in parts follows, and nothing waits for it.
bool Reactor::is_last_part(const RequestContext& request) noexcept {
    const PieceInParts& parts = request.parts;
    return parts.active && parts.rest.last && parts.handed_over() && parts.failure == Status::ok &&
           request.pending_input().empty() && is_open(request.session->state());
}

void Reactor::on_send(Slot slot, Connection& connection, const Completion& completion) noexcept {
    CHECK(connection.sending && connection.request != nullptr);
    quiet_sends_ -= connection.sending_quietly ? 1 : 0;
    connection.sending_quietly = false;
    RequestContext& request = *connection.request;
    if (connection.channel != nullptr) {
        on_wire_sent(slot, connection, completion);
    } else if (request.parts.active) {
        on_part_sent(slot, connection, completion);
    } else {
        request.begun_bytes -= request.piece_bytes - completion.bytes;  // these never leave
        end_piece(slot, connection, completion.status, completion.bytes);
    }
}

// The piece has left, or `bytes` of it and no others will.
void Reactor::end_piece(Slot slot, Connection& connection, Status status,
                        std::uint64_t bytes) noexcept {
    connection.sending = false;
    Session& session = *connection.request->session;
    const bool closing = connection.state == ConnectionState::closing;
    if (status == Status::ok) {
        session.sent();
    } else if (status != Status::changed || closing || !session.changed(bytes)) {
        session.aborted(bytes);
        if (!closing) {
            ++counters_.broken;
            begin_close(slot, connection);
        }
        return;
    }
    if (!closing) {
        advance(slot, connection, {});
    }
}

// Nothing of the connection is under way, and there is no memory for what it needs.
void Reactor::refuse_for_memory(Slot slot, Connection& connection) noexcept {
    ++counters_.refused;
    connection.sending = false;
    begin_close(slot, connection);
}

// ---- in parts --------------------------------------------------------------------------------

// The next part of the piece's file.
void Reactor::read_part(Slot slot, Connection& connection) noexcept {
    PieceInParts& parts = connection.request->parts;
    if (parts.buffer == nullptr) {
        parts.buffer = file_buffers_.acquire();
    }
    if (parts.buffer == nullptr) {
        refuse_for_memory(slot, connection);
        return;
    }
    CHECK(parts.rest.slice_count < kSlicesMax);
    FileRange part = parts.rest.file;
    part.length = std::min<std::uint64_t>(part.length, kFilePartBytes);
    backend_.read(token(slot, connection, OpKind::read), part, parts.buffer);
}

void Reactor::on_read(Slot slot, Connection& connection, const Completion& completion) noexcept {
    CHECK(connection.sending && connection.request != nullptr);
    PieceInParts& parts = connection.request->parts;
    parts.failure = completion.status;
    if (completion.status == Status::ok) {
        parts.file_part_read(completion.bytes);
    }
    // What comes before the file is sent, even if the read failed.
    const bool closing = connection.state == ConnectionState::closing;
    if (!closing && connection.channel == nullptr && parts.rest.slice_count > 0) {
        send_part(slot, connection);
    } else if (closing || connection.channel == nullptr || !send_sealed(slot, connection)) {
        end_parts(slot, connection);
    }
}

void Reactor::send_part(Slot slot, Connection& connection) noexcept {
    RequestContext& request = *connection.request;
    Piece part = request.parts.rest;
    part.file = {};
    request.parts.rest.slice_count = 0;
    hand_over(slot, connection, part, is_last_part(request));
}

void Reactor::on_part_sent(Slot slot, Connection& connection,
                           const Completion& completion) noexcept {
    PieceInParts& parts = connection.request->parts;
    parts.left += completion.bytes;
    if (completion.status != Status::ok) {
        parts.failure = completion.status;
    }
    if (parts.failure == Status::ok && !parts.handed_over() &&
        connection.state != ConnectionState::closing) {
        read_part(slot, connection);
    } else {
        end_parts(slot, connection);
    }
}

void Reactor::end_parts(Slot slot, Connection& connection) noexcept {
    RequestContext& request = *connection.request;
    PieceInParts& parts = request.parts;
    if (parts.failure == Status::ok && !parts.handed_over()) {
        parts.failure =
            Status::reset;  // its connection is being closed, or its transport has failed
    }
    return_part_buffer(request);
    end_piece(slot, connection, parts.failure, parts.left);
}

void Reactor::return_part_buffer(RequestContext& request) noexcept {
    request.parts.active = false;
    if (request.parts.buffer != nullptr) {
        file_buffers_.release(std::exchange(request.parts.buffer, nullptr));
    }
}

}  // namespace sluice

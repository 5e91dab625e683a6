// Connections with a transport: what arrives is opened before a session sees it, and what sessions
// send is sealed into a buffer that is lent until it has left.
#include <algorithm>
#include <new>
#include <utility>

#include "core/reactor.h"

namespace sluice {

bool Reactor::open_channel(Connection& connection, TransportFactory& transports) noexcept {
    std::unique_ptr<Transport> transport = transports.make();
    Channel* channel = transport == nullptr ? nullptr : new (std::nothrow) Channel;
    if (channel == nullptr) {
        return false;
    }
    channel->transport = std::move(transport);
    channel->head_until = context_.now + limits_.head_timeout;
    connection.channel = channel;
    return true;
}

void Reactor::close_channel(Connection& connection) noexcept {
    if (Channel* channel = std::exchange(connection.channel, nullptr)) {
        return_wire_buffer(*channel);
        delete channel;
    }
}

void Reactor::return_wire_buffer(Channel& channel) noexcept {
    channel.used = 0;
    channel.sealed = 0;
    if (channel.wire != nullptr) {
        wire_buffers_.release(std::exchange(channel.wire, nullptr));
    }
}

// ---- receiving -------------------------------------------------------------------------------

void Reactor::receive_sealed(Slot slot, Connection& connection, std::string_view wire) noexcept {
    Transport& transport = *connection.channel->transport;
    while (!wire.empty() && connection.state != ConnectionState::closing &&
           connection.state != ConnectionState::linger) {
        const Transport::Progress progress = transport.open(wire, opened_);
        wire.remove_prefix(progress.taken);
        connection.peer_done =
            connection.peer_done || transport.state() == TransportState::finished;
        if (progress.written > 0) {
            receive(slot, connection, {opened_.data(), progress.written});
        }
        if (progress.taken == 0 && progress.written == 0) {
            break;
        }
    }
    if (connection.state != ConnectionState::closing &&
        connection.state != ConnectionState::linger &&
        (!connection.sending ||
         (connection.request != nullptr && connection.request->full_duplex))) {
        advance_channel(slot, connection);
    }
}

// Moves on what has not reached a session, or does not concern one.
void Reactor::advance_channel(Slot slot, Connection& connection) noexcept {
    if (!open_request(slot, connection)) {
        return;
    }
    const RequestContext& request = *connection.request;
    if (request.session != nullptr || !request.pending_input().empty()) {
        if (open_session(slot, connection)) {
            advance(slot, connection, {});
        }
        return;
    }
    (void)start_sealed(slot, connection);
    if (connection.state != ConnectionState::closing) {
        settle_channel(slot, connection);
    }
}

// As settle(), without a session.
void Reactor::settle_channel(Slot slot, Connection& connection) noexcept {
    const Channel& channel = *connection.channel;
    const TransportState state = channel.transport->state();
    if (!connection.sending && (state == TransportState::failed || channel.farewell_said ||
                                connection.peer_done || context_.draining)) {
        leave(slot, connection, true);
        return;
    }
    if (!channel.spoken && !channel.farewell_said) {
        connection.state = ConnectionState::head;
        arm(slot, connection, channel.head_until);
    } else if (connection.sending) {
        enter(slot, connection, ConnectionState::respond);
    } else {
        close_request(connection);
        enter(slot, connection, ConnectionState::idle);
    }
    start_receiving(slot, connection);
}

// ---- sending ---------------------------------------------------------------------------------

bool Reactor::start_sealed(Slot slot, Connection& connection) noexcept {
    RequestContext& request = *connection.request;
    if (request.session != nullptr) {
        const Piece piece = request.session->next();
        if (!piece.empty()) {
            request.parts.begin(piece);
        }
    }
    return send_sealed(slot, connection);
}

// Sends as much as the buffer holds, or reads the part of a file that comes next. False: there is
// nothing to send, or the transport has failed.
bool Reactor::send_sealed(Slot slot, Connection& connection) noexcept {
    Channel& channel = *connection.channel;
    PieceInParts& parts = connection.request->parts;
    if (channel.wire == nullptr) {
        channel.wire = wire_buffers_.acquire();
    }
    if (channel.wire == nullptr) {
        refuse_for_memory(slot, connection);
        return true;
    }
    seal_what_fits(channel, parts);
    const bool file_next = parts.active && parts.failure == Status::ok &&
                           parts.rest.slice_count == 0 && parts.rest.file.length > 0 &&
                           channel.transport->state() != TransportState::failed;
    if (file_next && channel.used < Channel::kWireBytes / 2) {
        connection.sending = true;
        read_part(slot, connection);
        return true;
    }
    if (channel.used == 0) {
        return_wire_buffer(channel);
        return false;
    }
    connection.sending = true;
    hand_over_wire(slot, connection);
    return true;
}

// What the transport has to say itself goes first.
void Reactor::seal_what_fits(Channel& channel, PieceInParts& parts) noexcept {
    Transport& transport = *channel.transport;
    while (Channel::kWireBytes - channel.used >= Transport::kRecordMax) {
        const std::span<char> room{channel.wire + channel.used, Channel::kWireBytes - channel.used};
        if (const std::size_t own = transport.own_output(room); own > 0) {
            channel.used += own;
            continue;
        }
        if (!parts.active || parts.rest.slice_count == 0) {
            return;
        }
        const Transport::Progress progress =
            transport.seal({parts.rest.slices.data(), parts.rest.slice_count}, room);
        channel.used += progress.written;
        channel.sealed += progress.taken;
        parts.sealed(progress.taken);
        if (progress.taken == 0) {
            return;
        }
    }
}

void Reactor::hand_over_wire(Slot slot, Connection& connection) noexcept {
    const Channel& channel = *connection.channel;
    const SendUrgency urgency =
        note_send(connection, channel.used, is_last_part(*connection.request));
    const Slice wire{channel.wire, channel.used};
    backend_.send(token(slot, connection, OpKind::send), {&wire, 1}, urgency);
}

void Reactor::on_wire_sent(Slot slot, Connection& connection,
                           const Completion& completion) noexcept {
    Channel& channel = *connection.channel;
    PieceInParts& parts = connection.request->parts;
    const bool sent = completion.status == Status::ok;
    // Sealed bytes are more than plain ones, so this is never too few.
    parts.left += std::min(channel.sealed, completion.bytes);
    return_wire_buffer(channel);
    if (!parts.active) {
        connection.sending = false;
        if (connection.state == ConnectionState::closing) {
            return;
        }
        if (sent) {
            advance_channel(slot, connection);
        } else {
            ++counters_.broken;
            begin_close(slot, connection);
        }
        return;
    }
    if (!sent) {
        parts.failure = completion.status;
    }
    const bool over = parts.failure != Status::ok || parts.handed_over() ||
                      connection.state == ConnectionState::closing;
    if (over || !send_sealed(slot, connection)) {
        end_parts(slot, connection);
    }
}

}  // namespace sluice

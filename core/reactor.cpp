#include "core/reactor.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/reserve.h"

namespace sluice {

namespace {

constexpr Nanos kWaitingMax = 5 * kSecond;  // for content to be loaded
// The wheel looks at a connection at least this often (more often when idle connections last less
// long); a deadline that only moves later costs one store until then.
constexpr Nanos kTimerLook = 5 * kSecond;
// How often in a write timeout the reactor looks at what a slow peer has acknowledged.
constexpr Nanos kWriteLooks = 4;
// When nothing else happens: how long a finished response keeps its buffer and its log line.
constexpr Nanos kQuietMax = 50 * kMillisecond;

// The state of a connection whose session waits for something that has a deadline.
std::optional<ConnectionState> waiting_state(SessionState state) {
    switch (state) {
        case SessionState::head: return ConnectionState::head;
        case SessionState::body: return ConnectionState::body;
        case SessionState::waiting: return ConnectionState::waiting;
        case SessionState::window: return ConnectionState::window;
        default: return std::nullopt;
    }
}

}  // namespace

const Endpoint& RequestContext::peer_endpoint() noexcept {
    if (peer.family == Family::none) {
        Connection& connection = reactor->connections_[slot];
        reactor->find_peer(slot, connection);
        peer.family = connection.peer_family;
        peer.port = connection.peer_port;
        peer.address = connection.peer_address;
    }
    return peer;
}

void Reactor::find_peer(Slot slot, Connection& connection) const noexcept {
    if (connection.peer_family == Family::none && connection.state != ConnectionState::closing) {
        const Endpoint found = backend_.peer(slot);
        connection.peer_family = found.family;
        connection.peer_port = found.port;
        connection.peer_address = found.address;
    }
}

Nanos RequestContext::take_accept_wait() noexcept {
    const std::int32_t wait = std::exchange(reactor->connections_[slot].accept_wait_ms, -1);
    return wait < 0 ? -1 : wait * kMillisecond;
}

std::string_view RequestContext::protocol() noexcept {
    const Channel* channel = reactor->connections_[slot].channel;
    return channel == nullptr ? std::string_view{} : channel->transport->protocol();
}

unsigned RequestContext::listener() noexcept {
    return reactor->connections_[slot].listener;
}

ReactorCounters& ReactorCounters::operator+=(const ReactorCounters& other) noexcept {
    accepted += other.accepted;
    refused += other.refused;
    closed += other.closed;
    gave_way += other.gave_way;
    over_client_bound += other.over_client_bound;
    accept_pauses += other.accept_pauses;
    stale_completions += other.stale_completions;
    broken += other.broken;
    timed_out_head += other.timed_out_head;
    timed_out_idle += other.timed_out_idle;
    timed_out_write += other.timed_out_write;
    return *this;
}

Reactor::Reactor(Backend& backend, SessionFactory& sessions, const Limits& limits,
                 ClientBound* clients)
    : backend_(backend),
      sessions_(sessions),
      clients_(clients),
      limits_(limits),
      timer_look_ns_(std::min(kTimerLook, limits.idle_timeout)),
      measure_accept_wait_(sessions.wants_accept_wait()),
      connections_(slots(limits)),
      requests_(sessions.session_bytes()),
      file_buffers_(kFilePartBytes),
      wire_buffers_(Channel::kWireBytes),
      timers_(slots(limits), backend.now()) {
    context_.now = backend.now();
    context_.wall_seconds = backend.wall_seconds();
    idlers_.reserve(idlers_max(connections_.capacity()));
}

Reactor::~Reactor() {
    for (Slot slot = 0; slot < connections_.made(); ++slot) {
        close_request(connections_[slot]);
        close_channel(connections_[slot]);
    }
}

std::uint32_t Reactor::slots(const Limits& limits) noexcept {
    return limits.connections_per_worker + kLeavingMax;
}

// ---- the loop --------------------------------------------------------------------------------

void Reactor::run() noexcept {
    while (!finished()) {
        turn(kNever);
    }
}

void Reactor::turn(Nanos deadline) noexcept {
    const std::span<const Completion> completions =
        backend_.poll(std::min(deadline, next_deadline()));
    context_.now = backend_.now();
    context_.wall_seconds = backend_.wall_seconds();
    const bool content_changed = sessions_.turn(context_);
    queues_emptied_ = true;
    send_wanted_ = false;
    mailbox_.run(*this);
    for (const Completion& completion : completions) {
        dispatch(completion);
    }
    if (content_changed) {
        resume_sessions();
    }
    timers_.expire(context_.now, [this](Slot slot) { on_deadline(slot); });
    manage_listeners();
    requests_.trim(context_.now);
    follow_stop_request();
    open_connections_.store(connections_.used(), std::memory_order_relaxed);
    if (finished()) {
        mailbox_.close();
    }
}

bool Reactor::post(Mailbox::Message message) {
    const bool posted = mailbox_.post(std::move(message));
    if (posted) {
        backend_.wake();
    }
    return posted;
}

Nanos Reactor::next_deadline() const noexcept {
    const bool last_accepts = stop_followed_ == Stop::drain && !last_accepts_done_;
    if (last_accepts && !accepting_paused()) {
        return 0;  // one more look at the listeners' queues
    }
    if (send_wanted_) {
        return 0;  // whatever has left is told then
    }
    Nanos next = std::min({timers_.next_deadline(), drain_deadline_, requests_.trim_at()});
    if (last_accepts) {
        next = std::min(next, last_accepts_until_);
    }
    if (quiet_sends_ > 0) {
        next = std::min(next, context_.now + kQuietMax);
    }
    for (const ListenerSlot& listener : listeners_) {
        next = std::min(next, listener.retry_at);
    }
    return next;
}

bool Reactor::finished() const noexcept {
    return stop_followed_ != Stop::none && connections_.used() == 0 &&
           std::all_of(listeners_.begin(), listeners_.end(),
                       [](const ListenerSlot& listener) { return listener.closed; });
}

void Reactor::dispatch(const Completion& completion) noexcept {
    const Token token = completion.token;
    if (token.kind() == OpKind::accept) {
        on_accept(completion);
        return;
    }
    const Slot slot = token.slot();
    CHECK(slot < connections_.made());
    Connection& connection = connections_[slot];
    if (connection.generation != token.generation() || connection.state == ConnectionState::free) {
        ++counters_.stale_completions;
        if (completion.buffer != kNoBuffer) {
            backend_.release(completion.buffer);
        }
        return;
    }
    switch (token.kind()) {
        case OpKind::recv: on_recv(slot, connection, completion); return;
        case OpKind::send: on_send(slot, connection, completion); return;
        case OpKind::read: on_read(slot, connection, completion); return;
        case OpKind::close: on_closed(slot, connection); return;
        case OpKind::accept:
        case OpKind::connect:
        case OpKind::none:
        case OpKind::internal: CHECK(false);  // never asked for
    }
}

// ---- receiving -------------------------------------------------------------------------------

void Reactor::start_receiving(Slot slot, Connection& connection) noexcept {
    if (!connection.receiving && !connection.peer_done) {
        connection.receiving = true;
        connection.stopping = false;
        backend_.recv_start(token(slot, connection, OpKind::recv));
    }
}

void Reactor::stop_receiving(Slot slot, Connection& connection) noexcept {
    if (connection.receiving && !connection.stopping) {
        connection.stopping = true;
        backend_.recv_stop(slot);
    }
}

inline void Reactor::take_in(Slot slot, Connection& connection, std::string_view bytes) noexcept {
    const RequestContext* request = connection.request;
    const bool busy = connection.sending || connection.state == ConnectionState::waiting;
    if (request != nullptr &&
        ((busy && !request->full_duplex) || !request->pending_input().empty())) {
        (void)keep_input(slot, connection, bytes);
    } else if (open_session(slot, connection)) {
        advance(slot, connection, bytes);
    }
}

void Reactor::on_recv(Slot slot, Connection& connection, const Completion& completion) noexcept {
    if (completion.buffer != kNoBuffer) {
        const std::string_view bytes{completion.data, completion.size};
        if (connection.state == ConnectionState::linger) {
            connection.lingered_bytes += completion.size;
            if (connection.lingered_bytes > limits_.linger_bytes) {
                begin_close(slot, connection);
            }
        } else if (connection.state != ConnectionState::closing) {
            if (connection.channel != nullptr) {
                receive_sealed(slot, connection, bytes);
            } else {
                take_in(slot, connection, bytes);
            }
        }
        backend_.release(completion.buffer);
    }
    if (!completion.more) {
        on_recv_end(slot, connection, completion.status);
    }
}

// For what a transport has opened: take_in() itself stays inline on the way of plain bytes.
void Reactor::receive(Slot slot, Connection& connection, std::string_view bytes) noexcept {
    take_in(slot, connection, bytes);
}

void Reactor::on_recv_end(Slot slot, Connection& connection, Status status) noexcept {
    connection.receiving = false;
    connection.stopping = false;
    if (connection.state == ConnectionState::closing) {
        return;
    }
    const RequestContext* request = connection.request;
    const Session* session = request == nullptr ? nullptr : request->session;
    switch (status) {
        case Status::cancelled:  // we asked for it; the input may have been used up meanwhile
            if (request == nullptr ||
                (request->pending_input().empty() &&
                 (session == nullptr || session->state() != SessionState::close))) {
                start_receiving(slot, connection);
            }
            return;
        case Status::eof:
            connection.peer_done = true;
            if (connection.state == ConnectionState::linger || request == nullptr ||
                (session == nullptr && request->pending_input().empty())) {
                begin_close(slot, connection);
            } else if (connection.sending && !request->full_duplex) {
                send_wanted_ = true;  // it may be quiet, and nothing else will come
            } else if (open_session(slot, connection)) {
                advance(slot, connection, {});
            }
            return;
        default:
            ++counters_.broken;
            begin_close(slot, connection);
            return;
    }
}

// Bytes that the session could not take yet. They are copied, so that lent buffers never wait for a
// slow peer, and the stream is asked to stop until they are used. False: there is no memory for
// them, and the connection is being closed.
bool Reactor::keep_input(Slot slot, Connection& connection, std::string_view bytes) noexcept {
    RequestContext& request = *connection.request;
    if (!reserve_more(request.input, bytes.size())) {
        ++counters_.refused;
        begin_close(slot, connection);
        return false;
    }
    request.input.insert(request.input.end(), bytes.begin(), bytes.end());
    stop_receiving(slot, connection);
    return true;
}

// ---- moving on -------------------------------------------------------------------------------

bool Reactor::open_request(Slot slot, Connection& connection) noexcept {
    if (connection.request != nullptr) {
        return true;
    }
    RequestContext* request = requests_.acquire();
    if (request == nullptr) {
        ++counters_.refused;
        begin_close(slot, connection);
        return false;
    }
    request->reactor = this;
    request->slot = slot;
    connection.request = request;
    return true;
}

bool Reactor::open_session(Slot slot, Connection& connection) noexcept {
    if (!open_request(slot, connection)) {
        return false;
    }
    RequestContext& request = *connection.request;
    if (request.session == nullptr) {
        request.session = sessions_.create(RequestContextPool::session_storage(&request), request);
        request.full_duplex = request.session->full_duplex();
        if (connection.channel != nullptr) {
            connection.channel->spoken = true;
        }
    }
    return true;
}

void Reactor::close_request(Connection& connection) noexcept {
    if (RequestContext* request = connection.request) {
        if (request->parts.active) {
            return_part_buffer(*request);
        }
        if (request->session != nullptr) {
            request->session->~Session();
            request->session = nullptr;
        }
        connection.request = nullptr;
        requests_.release(request);
    }
}

void Reactor::advance(Slot slot, Connection& connection, std::string_view bytes) noexcept {
    RequestContext& request = *connection.request;
    Session& session = *request.session;
    // What a transport says itself is no piece of the session.
    DCHECK(!connection.sending || request.full_duplex ||
           (connection.channel != nullptr && !request.parts.active));
    const bool kept = bytes.empty() && !request.pending_input().empty();
    if (kept) {
        bytes = request.pending_input();
    }
    bool stuck = false;
    do {
        const std::size_t taken = bytes.empty() ? 0 : session.feed(bytes);
        bytes.remove_prefix(taken);
        stuck = taken == 0;
        if (connection.peer_done && bytes.empty() && !connection.eof_told) {
            connection.eof_told = true;
            session.on_eof();
        }
        if (!connection.sending && start_piece(slot, connection, !bytes.empty()) &&
            !request.full_duplex) {
            break;
        }
    } while (!bytes.empty() && !stuck);
    if (connection.state == ConnectionState::closing) {
        return;  // out of memory
    }

    if (kept) {
        request.input_taken = request.input.size() - bytes.size();
        if (bytes.empty()) {
            request.input.clear();
            request.input_taken = 0;
        }
    } else if (!bytes.empty() && !keep_input(slot, connection, bytes)) {
        return;
    }
    settle(slot, connection);
}

// The states that every request goes through.
inline void Reactor::enter_respond(Slot slot, Connection& connection) noexcept {
    connection.state = ConnectionState::respond;
    arm(slot, connection, context_.now + limits_.write_timeout / kWriteLooks);
    if (connection.request->full_duplex) {
        arm(slot, connection, std::min(connection.deadline, wait_deadline(*connection.request)));
    }
}

inline void Reactor::enter_idle(Slot slot, Connection& connection) noexcept {
    connection.state = ConnectionState::idle;
    arm(slot, connection, context_.now + limits_.idle_timeout);
}

// The connection's state follows from its session's.
void Reactor::settle(Slot slot, Connection& connection) noexcept {
    RequestContext& request = *connection.request;
    if (connection.sending) {
        if (connection.channel == nullptr || request.parts.active ||
            !settle_wait(slot, connection)) {
            enter_respond(slot, connection);
        }
        return;
    }
    const SessionState state = request.session->state();
    switch (state) {
        case SessionState::idle:
        case SessionState::kept:
            if (connection.peer_done || context_.draining) {
                // Where its answer did not announce the close, more requests may be on the way.
                leave(slot, connection, true);
                return;
            }
            if (state == SessionState::idle && request.pending_input().empty()) {
                close_request(connection);
            }
            enter_idle(slot, connection);
            break;
        case SessionState::head:
        case SessionState::body:
        case SessionState::waiting:
        case SessionState::window: (void)settle_wait(slot, connection); break;
        case SessionState::respond:  // must have had a piece to send
            begin_close(slot, connection);
            return;
        case SessionState::close:
            // The peer's transport may have a last word, and unread input would reset the
            // connection.
            leave(slot, connection, connection.channel != nullptr);
            return;
        case SessionState::linger: leave(slot, connection, true); return;
    }
    if (connection.request == nullptr || connection.request->pending_input().empty()) {
        start_receiving(slot, connection);
    }
}

// False: the session waits for nothing that has a deadline.
bool Reactor::settle_wait(Slot slot, Connection& connection) noexcept {
    const auto state = waiting_state(connection.request->session->state());
    if (state) {
        enter(slot, connection, *state);
    }
    return state.has_value();
}

// A transport says its farewell first; when that has left, this is called again.
void Reactor::leave(Slot slot, Connection& connection, bool linger) noexcept {
    note_leaving(connection);
    if (Channel* channel = connection.channel; channel != nullptr && !channel->farewell_said) {
        channel->farewell_said = true;
        channel->transport->finish();
        if (send_sealed(slot, connection)) {
            if (connection.state != ConnectionState::closing) {
                enter(slot, connection, ConnectionState::respond);
            }
            return;
        }
    }
    if (linger && !connection.peer_done) {
        begin_linger(slot, connection);
        start_receiving(slot, connection);
    } else {
        begin_close(slot, connection);
    }
}

void Reactor::resume_sessions() noexcept {
    requests_.for_each_in_use([this](RequestContext& request) {
        Connection& connection = connections_[request.slot];
        if (connection.state == ConnectionState::closing) {
            return;
        }
        request.session->resume();
        if (connection.state == ConnectionState::waiting || request.full_duplex) {
            advance(request.slot, connection, {});
        }
    });
}

// ---- states and deadlines --------------------------------------------------------------------

void Reactor::enter(Slot slot, Connection& connection, ConnectionState state) noexcept {
    const ConnectionState before = connection.state;
    const bool again = before == state;
    connection.state = state;
    const Nanos now = context_.now;
    switch (state) {
        case ConnectionState::head:
        case ConnectionState::body:
        case ConnectionState::waiting:
        case ConnectionState::window: arm_wait(slot, connection, again); return;
        case ConnectionState::linger:
            if (!again) {
                note_leaving(connection);
                arm(slot, connection, now + limits_.linger_timeout);
            }
            return;
        case ConnectionState::respond: enter_respond(slot, connection); return;
        case ConnectionState::idle: enter_idle(slot, connection); return;
        case ConnectionState::closing:
        case ConnectionState::free:
            note_leaving(connection);
            connection.deadline = kNever;
            connection.look_tick = Connection::kNoLook;
            timers_.cancel(slot);
            return;
    }
}

void Reactor::note_leaving(Connection& connection) noexcept {
    leaving_ += connection.leaving ? 0 : 1;
    connection.leaving = true;
}

// Each deadline is for the whole wait: more bytes do not extend it. A full duplex session knows
// since when it waits.
void Reactor::arm_wait(Slot slot, Connection& connection, bool again) noexcept {
    if (connection.request != nullptr && connection.request->full_duplex) {
        arm(slot, connection, wait_deadline(*connection.request));
    } else if (!again) {
        arm(slot, connection, context_.now + wait_limit(connection.state));
    }
}

// How long a connection may be in a state in which it waits for one thing.
Nanos Reactor::wait_limit(ConnectionState state) const noexcept {
    switch (state) {
        case ConnectionState::head: return limits_.head_timeout;
        case ConnectionState::body: return limits_.body_timeout;
        case ConnectionState::window: return limits_.write_timeout;
        default: return kWaitingMax;
    }
}

// The deadline of a full duplex session's wait, whether or not something is being sent.
Nanos Reactor::wait_deadline(const RequestContext& request) const noexcept {
    if (!request.full_duplex) {
        return kNever;
    }
    const auto state = waiting_state(request.session->state());
    return state ? request.session->since() + wait_limit(*state) : kNever;
}

void Reactor::on_deadline(Slot slot) noexcept {
    Connection& connection = connections_[slot];
    connection.look_tick = Connection::kNoLook;
    if (connection.deadline > context_.now) {
        arm(slot, connection, connection.deadline);
        return;
    }
    switch (connection.state) {
        case ConnectionState::head:
        case ConnectionState::body:
        case ConnectionState::waiting:
        case ConnectionState::window: on_wait_over(slot, connection); return;
        case ConnectionState::idle:
            ++counters_.timed_out_idle;
            if (connection.request == nullptr && connection.channel == nullptr) {
                begin_close(slot, connection);
            } else {
                end_idle(slot, connection);
            }
            return;
        case ConnectionState::respond:
            if (peer_is_stuck(slot, *connection.request)) {
                ++counters_.timed_out_write;
                begin_close(slot, connection);
            } else if (wait_deadline(*connection.request) <= context_.now) {
                on_wait_over(slot, connection);
            } else {
                enter(slot, connection, ConnectionState::respond);
            }
            return;
        case ConnectionState::linger: begin_close(slot, connection); return;
        case ConnectionState::closing:
        case ConnectionState::free: return;
    }
}

void Reactor::on_wait_over(Slot slot, Connection& connection) noexcept {
    ++(connection.state == ConnectionState::window ? counters_.timed_out_write
                                                   : counters_.timed_out_head);
    const RequestContext* request = connection.request;
    if (request == nullptr || request->session == nullptr ||
        (connection.sending && !request->full_duplex)) {
        begin_close(slot, connection);  // no byte of a message came, or no answer can leave
        return;
    }
    connection.request->session->on_timeout();
    advance(slot, connection, {});
}

// The kernel is asked only when a send takes long. That a send completes proves nothing: it found
// room in a buffer.
bool Reactor::peer_is_stuck(Slot slot, RequestContext& request) const noexcept {
    const std::uint64_t acknowledged = request.begun_bytes - backend_.unacknowledged(slot);
    if (request.acknowledged != acknowledged) {
        request.acknowledged = acknowledged;
        request.acknowledged_at = context_.now;
    }
    return context_.now - request.acknowledged_at >= limits_.write_timeout;
}

// Finishes our direction; the peer's is read and dropped until it ends, for a while.
void Reactor::begin_linger(Slot slot, Connection& connection) noexcept {
    close_request(connection);
    backend_.shutdown_send(slot);
    enter(slot, connection, ConnectionState::linger);
}

void Reactor::begin_close(Slot slot, Connection& connection) noexcept {
    if (connection.state == ConnectionState::closing) {
        return;
    }
    if (connection.request != nullptr) {
        // Once the socket is closed nobody can tell; the session's last log line may want it.
        (void)connection.request->peer_endpoint();
    }
    enter(slot, connection, ConnectionState::closing);
    if (connection.request != nullptr && !connection.sending) {
        if (connection.request->session != nullptr) {
            connection.request->session->aborted(0);
        }
        close_request(connection);
    }
    backend_.close(token(slot, connection, OpKind::close));
}

void Reactor::on_closed(Slot slot, Connection& connection) noexcept {
    CHECK(connection.state == ConnectionState::closing && !connection.sending);
    if (connection.request != nullptr && connection.request->session != nullptr &&
        connection.request->session->state() == SessionState::respond) {
        connection.request->session->aborted(0);  // its last piece left, but not its response
    }
    close_request(connection);
    close_channel(connection);
    if (connection.counted) {
        clients_->leave(connection.peer_family, connection.peer_address);
    }
    --listeners_[connection.listener].connections;
    const Generation next = (connection.generation + 1) & kGenerationMask;
    connection = Connection{};
    connection.generation = next;
    connections_.release(slot);
    --leaving_;
    ++counters_.closed;
}

// ---- the end ---------------------------------------------------------------------------------

void Reactor::drain() noexcept {
    Stop expected = Stop::none;
    stop_requested_.compare_exchange_strong(expected, Stop::drain);
    backend_.wake();
}

void Reactor::stop() noexcept {
    stop_requested_.store(Stop::now);
    backend_.wake();
}

void Reactor::follow_stop_request() noexcept {
    const Stop requested = stop_requested_.load(std::memory_order_acquire);
    if (requested == Stop::none || stop_followed_ == Stop::now) {
        return;
    }
    if (stop_followed_ == Stop::none) {
        stop_followed_ = Stop::drain;
        begin_drain();
        if (requested == Stop::drain) {
            return;
        }
    }
    if (requested == Stop::now || context_.now >= drain_deadline_) {
        stop_followed_ = Stop::now;
        drain_deadline_ = kNever;
        stop_accepting();
        close_all();
    } else if ((queues_emptied_ && !accepting_paused()) || context_.now >= last_accepts_until_) {
        stop_accepting();
    }
}

void Reactor::stop_accepting() noexcept {
    if (last_accepts_done_) {
        return;
    }
    last_accepts_done_ = true;
    for (const ListenerSlot& listener : listeners_) {
        if (listener.accepting) {
            backend_.accept_stop(listener.id);
        }
    }
    manage_listeners();  // those that are paused have nothing to wait for
}

void Reactor::begin_drain() noexcept {
    context_.draining = true;
    if (sessions_.turn(context_)) {
        resume_sessions();
    }
    drain_deadline_ = context_.now + limits_.drain_timeout;
    last_accepts_until_ = context_.now + kFirstRequestGrace;
    for (ListenerSlot& listener : listeners_) {
        if (!listener.accepting) {
            listener.retry_at = std::min(listener.retry_at, context_.now + accept_retry());
        }
    }
    for (Slot slot = 0; slot < connections_.made(); ++slot) {
        Connection& connection = connections_[slot];
        if (connection.state == ConnectionState::idle) {
            end_idle(slot, connection);
        } else if (connection.state == ConnectionState::head && connection.request == nullptr) {
            arm(slot, connection, std::min(connection.deadline, context_.now + kFirstRequestGrace));
        }
    }
    requests_.for_each_in_use([this](RequestContext& request) {
        Connection& connection = connections_[request.slot];
        if (request.full_duplex && !connection.leaving) {  // those have said it, or cannot
            request.session->farewell();
            advance(request.slot, connection, {});
        }
    });
}

// The next request may be on its way. If it found the socket closed, a reset would answer it and
// destroy what the peer has not yet read of the last response (RFC 9112 section 9.6).
void Reactor::end_idle(Slot slot, Connection& connection) noexcept {
    note_leaving(connection);
    if (connection.request != nullptr) {  // its session stays: it says farewell, and is over
        connection.request->session->farewell();
        advance(slot, connection, {});
        if (connection.state == ConnectionState::idle) {
            leave(slot, connection, true);
        }
    } else if (connection.channel != nullptr) {
        if (open_request(slot, connection)) {
            leave(slot, connection, true);
        }
    } else if (backend_.unacknowledged(slot) != 0) {
        begin_linger(slot, connection);
    } else {
        begin_close(slot, connection);
    }
}

void Reactor::close_all() noexcept {
    for (Slot slot = 0; slot < connections_.made(); ++slot) {
        Connection& connection = connections_[slot];
        if (connection.state != ConnectionState::free) {
            begin_close(slot, connection);
        }
    }
}

}  // namespace sluice

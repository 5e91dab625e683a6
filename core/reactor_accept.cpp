// The reactor's accepting: listeners, the limit of connections, and who gives way at it.
#include <algorithm>
#include <utility>

#include "core/reactor.h"

namespace sluice {

namespace {

constexpr std::size_t kListenerNumbers = 256;          // a connection has a byte for their number
constexpr Nanos kAcceptRetry = 100 * kMillisecond;     // after "no descriptors"
constexpr Nanos kLastAcceptRetry = 10 * kMillisecond;  // while draining: there is little time left
// One look finds at most kIdlersMin idle connections, or one in kIdlersPart of all if that is more.
// If it found fewer, the next look comes after kIdleLook, or after kIdleLookEach for each
// connection that was looked at if that is longer: when the whole table is busy, looking costs at
// most a hundredth of the time.
constexpr std::size_t kIdlersMin = 64;
constexpr std::uint32_t kIdlersPart = 64;
constexpr Nanos kIdleLook = 10 * kMillisecond;
constexpr Nanos kIdleLookEach = kMicrosecond;

}  // namespace

Result<Reactor::Listening> Reactor::listen(const Endpoint& endpoint, const ListenOptions& options,
                                           TransportFactory* transports) {
    if (stop_followed_ != Stop::none) {
        return fail(Status::cancelled, endpoint.to_string() + ": the server is stopping");
    }
    // Connections know their listener by its number.
    auto place = std::ranges::find_if(listeners_, [](const ListenerSlot& listener) {
        return listener.closed && listener.connections == 0;
    });
    if (place == listeners_.end() && listeners_.size() == kListenerNumbers) {
        return fail(Status::no_memory, endpoint.to_string() + ": too many listeners");
    }
    auto id = backend_.listen(endpoint, options);
    if (!id) {
        return std::unexpected(id.error());
    }
    auto local = backend_.local(*id);
    if (!local) {
        backend_.close_listener(*id);
        return std::unexpected(local.error());
    }
    if (place == listeners_.end()) {
        place = listeners_.emplace(place);
    }
    *place = ListenerSlot{};
    place->id = *id;
    place->transports = transports;
    if (transports != nullptr) {
        opened_.resize(Channel::kWireBytes);
    }
    start_accepting(*place);
    return Listening{static_cast<unsigned>(place - listeners_.begin()), std::move(*local),
                     backend_.listening(*id)};
}

void Reactor::stop_listening(unsigned number) noexcept {
    CHECK(number < listeners_.size());
    ListenerSlot& listener = listeners_[number];
    listener.ending = true;
    if (listener.accepting && !listener.stopping) {
        listener.stopping = true;
        backend_.accept_stop(listener.id);
    }
}

void Reactor::start_accepting(ListenerSlot& listener) noexcept {
    listener.accepting = true;
    listener.stopping = false;
    listener.starved = false;
    listener.retry_at = kNever;
    queues_emptied_ = false;
    backend_.accept_start(listener.id, Token{listener.id, 0, OpKind::accept});
}

void Reactor::on_accept(const Completion& completion) noexcept {
    if (!completion.more) {
        on_accept_end(listeners_[listener_of(completion.token)], completion.status);
        return;
    }
    queues_emptied_ = false;
    const Slot slot = stop_followed_ == Stop::now ? kNoSlot : connections_.acquire();
    if (slot == Pool<Connection>::kNone) {
        ++counters_.refused;
        backend_.discard(completion.socket);
        return;
    }
    ++counters_.accepted;
    Connection& connection = connections_[slot];
    connection.listener = listener_of(completion.token);
    ++listeners_[connection.listener].connections;
    backend_.adopt(slot, connection.generation, completion.socket);
    if (clients_ != nullptr && !count_client(slot, connection)) {
        ++counters_.over_client_bound;
        begin_close(slot, connection);
        return;
    }
    if (measure_accept_wait_) {
        const Nanos wait = backend_.since_last_send(slot) / kMillisecond;
        connection.accept_wait_ms = static_cast<std::int32_t>(std::min<Nanos>(wait, INT32_MAX));
    }
    if (TransportFactory* transports = listeners_[connection.listener].transports;
        transports != nullptr && !open_channel(connection, *transports)) {
        refuse_for_memory(slot, connection);
        return;
    }
    enter(slot, connection, ConnectionState::head);
    if (stop_followed_ == Stop::drain) {
        arm(slot, connection, context_.now + kFirstRequestGrace);
    }
    start_receiving(slot, connection);
}

// Its place among the listeners.
std::uint8_t Reactor::listener_of(Token token) const noexcept {
    const auto found = std::ranges::find_if(listeners_, [token](const ListenerSlot& listener) {
        return !listener.closed && listener.id == token.slot();
    });
    CHECK(found != listeners_.end());
    return static_cast<std::uint8_t>(found - listeners_.begin());
}

void Reactor::on_accept_end(ListenerSlot& listener, Status status) noexcept {
    listener.accepting = false;
    if (status != Status::cancelled) {
        // Descriptors are a limit of connections as well.
        (void)give_way();
        ++counters_.accept_pauses;
        listener.starved = true;
        listener.retry_at = context_.now + accept_retry();
    }
}

// Counts one more connection of its client; false when there are too many.
bool Reactor::count_client(Slot slot, Connection& connection) noexcept {
    find_peer(slot, connection);
    connection.counted =
        clients_->enter(connection.peer_family, connection.peer_address, context_.now);
    return connection.counted;
}

// Lets idle connections go while there are too many, pauses accepting while nobody is idle, and
// starts again as soon as there is room. When the last connections are accepted, the listeners go.
void Reactor::manage_listeners() noexcept {
    while (places_taken() > limits_.connections_per_worker && give_way()) {
    }
    const bool room = has_room();
    const bool freed = counters_.closed != closed_before_;
    closed_before_ = counters_.closed;
    for (ListenerSlot& listener : listeners_) {
        if (last_accepts_done_ || listener.ending) {
            if (!listener.accepting && !listener.closed) {
                backend_.close_listener(listener.id);
                listener.closed = true;
                listener.retry_at = kNever;
            }
        } else if (listener.accepting) {
            if (!room && !listener.stopping) {
                ++counters_.accept_pauses;
                listener.stopping = true;
                backend_.accept_stop(listener.id);
                listener.retry_at = next_look(listener);
            }
        } else if (room && (!listener.starved || freed || listener.retry_at <= context_.now)) {
            start_accepting(listener);
        } else if (listener.retry_at <= context_.now) {
            listener.retry_at = next_look(listener);
        }
    }
}

// When a paused listener is looked at again if nothing happens before.
Nanos Reactor::next_look(const ListenerSlot& listener) const noexcept {
    return listener.starved ? context_.now + accept_retry()
                            : std::max(idle_look_at_, context_.now + kIdleLook);
}

bool Reactor::accepting_paused() const noexcept {
    return std::any_of(listeners_.begin(), listeners_.end(), [](const ListenerSlot& listener) {
        return !listener.closed && (!listener.accepting || listener.stopping);
    });
}

Nanos Reactor::accept_retry() const noexcept {
    return context_.draining ? kLastAcceptRetry : kAcceptRetry;
}

// ---- who gives way ---------------------------------------------------------------------------

// A place is free, or somebody could give it up.
bool Reactor::has_room() noexcept {
    return connections_.used() < connections_.capacity() &&
           (places_taken() < limits_.connections_per_worker || longest_idle() != kNoSlot);
}

bool Reactor::give_way() noexcept {
    const Slot slot = longest_idle();
    if (slot == kNoSlot) {
        return false;
    }
    ++counters_.gave_way;
    end_idle(slot, connections_[slot]);
    return true;
}

// Since when nothing is under way on the connection; kNever when something is. A connection on
// which nothing has come yet is idle as well, once its first request has had time to arrive. The
// deadlines tell since when: each is armed once, when the state begins.
Nanos Reactor::idle_since(const Connection& connection) const noexcept {
    if (connection.state == ConnectionState::idle) {
        return connection.deadline - limits_.idle_timeout;
    }
    if (connection.state == ConnectionState::head && connection.request == nullptr) {
        const Nanos since = connection.deadline - limits_.head_timeout;
        return since + kFirstRequestGrace <= context_.now ? since : kNever;
    }
    return kNever;
}

Slot Reactor::longest_idle() noexcept {
    for (;;) {
        while (!idlers_.empty()) {
            const Idler& longest = idlers_.back();
            const Connection& connection = connections_[longest.slot];
            if (connection.generation == longest.generation &&
                idle_since(connection) == longest.since) {
                return longest.slot;
            }
            idlers_.pop_back();  // it has been busy since, or is gone
        }
        if (context_.now < idle_look_at_) {
            return kNoSlot;
        }
        look_for_idlers();
        if (idlers_.empty()) {
            return kNoSlot;
        }
    }
}

std::size_t Reactor::idlers_max(std::uint32_t connections) noexcept {
    return std::max<std::size_t>(kIdlersMin, connections / kIdlersPart);
}

// Finds those that have been idle longest, a part of all. Whoever becomes idle later has been idle
// for less time than any of them, so they give way in the right order, and a look pays for many.
void Reactor::look_for_idlers() noexcept {
    const std::uint32_t made = connections_.made();
    const std::size_t most = idlers_max(made);
    const auto longer = [](const Idler& a, const Idler& b) { return a.since < b.since; };
    for (Slot slot = 0; slot < made; ++slot) {
        const Connection& connection = connections_[slot];
        const Idler idler{idle_since(connection), slot, connection.generation};
        if (idler.since == kNever) {
            continue;
        }
        if (idlers_.size() ==
            most) {  // a heap, with the one that was idle for the shortest time on top
            if (!longer(idler, idlers_.front())) {
                continue;
            }
            std::ranges::pop_heap(idlers_, longer);
            idlers_.pop_back();
        }
        idlers_.push_back(idler);
        std::ranges::push_heap(idlers_, longer);
    }
    std::ranges::sort(idlers_, [&longer](const Idler& a, const Idler& b) { return longer(b, a); });
    if (idlers_.size() < most) {
        idle_look_at_ = context_.now + std::max(kIdleLook, made * kIdleLookEach);
    }
}

}  // namespace sluice

// Reactor: one loop on one thread: poll, dispatch, timers. It turns completions into steps of
// connections, and knows neither a backend by name nor a protocol.
//
// Created and run on its thread. drain(), stop(), post() and connections() may be called from any
// thread.
// Everything on the loop is noexcept; connections that cannot go on are closed, the loop always
// goes on.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "core/backend.h"
#include "core/client_bound.h"
#include "core/connection.h"
#include "core/lent_buffers.h"
#include "core/limits.h"
#include "core/mailbox.h"
#include "core/pool.h"
#include "core/session.h"
#include "core/timer_wheel.h"

namespace sluice {

// Written by the reactor's thread alone; others may read it when the thread has ended.
struct ReactorCounters {
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;  // no slot or no memory
    std::uint64_t closed = 0;
    std::uint64_t gave_way = 0;           // idle connections, to new ones
    std::uint64_t over_client_bound = 0;  // Limits::connections_per_client
    std::uint64_t accept_pauses = 0;      // no descriptors, or all busy at the limit
    std::uint64_t stale_completions = 0;  // named a generation that is gone
    std::uint64_t broken = 0;             // reset or failed by the peer or the system
    std::uint64_t timed_out_head = 0;
    std::uint64_t timed_out_idle = 0;
    std::uint64_t timed_out_write = 0;

    ReactorCounters& operator+=(const ReactorCounters& other) noexcept;
};

class Reactor {
  public:
    // `clients`, if any, is shared with other reactors and lives longer. The backend has
    // slots(limits).
    Reactor(Backend& backend, SessionFactory& sessions, const Limits& limits,
            ClientBound* clients = nullptr);
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;
    ~Reactor();

    // What the backend needs of BackendLimits::slots: a place for each connection within the limit,
    // and for those that are on their way out of it.
    [[nodiscard]] static std::uint32_t slots(const Limits& limits) noexcept;

    struct Listening {
        unsigned listener = 0;  // its number; reused after the listener's end
        Endpoint local;
        Socket socket = kNoSocket;  // what other reactors may inherit
    };
    // Opens a listener and starts accepting from it, before run() or in a message. With
    // `transports`, which outlives the reactor, each of its connections gets one.
    [[nodiscard]] Result<Listening> listen(const Endpoint& endpoint, const ListenOptions& options,
                                           TransportFactory* transports = nullptr);

    // In a message: ends a listener. Its connections go on; whoever still waits to be accepted is
    // reset.
    void stop_listening(unsigned listener) noexcept;

    // Until drained or stopped.
    void run() noexcept;
    // One turn of the loop, waiting at most until `deadline`. For tests that own the time.
    void turn(Nanos deadline) noexcept;
    [[nodiscard]] bool finished() const noexcept;

    // Any thread. drain(): close idle connections, accept what is queued, stop accepting, let the
    // busy ones finish within Limits::drain_timeout. Where accepting is paused because connections
    // or descriptors ran out, those that come free within a quarter of a second still serve the
    // queue; whoever still waits in it then is reset with the listener. stop(): close everything
    // now.
    void drain() noexcept;
    void stop() noexcept;
    // Any thread: makes the loop turn, so that it sees new content.
    void wake() noexcept { backend_.wake(); }
    // Any thread: runs the message on the reactor's, at the beginning of a turn. False: too many
    // wait, or the loop has ended. Those that wait when it ends are dropped.
    [[nodiscard]] bool post(Mailbox::Message message);

    [[nodiscard]] const ReactorCounters& counters() const { return counters_; }
    // Any thread: as of the end of the last turn.
    [[nodiscard]] std::uint32_t connections() const {
        return open_connections_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::size_t requests_in_use() const { return requests_.in_use(); }
    [[nodiscard]] std::uint32_t timers_scheduled() const { return timers_.scheduled(); }

  private:
    friend struct RequestContext;
    enum class Stop : std::uint8_t { none, drain, now };
    struct ListenerSlot {
        ListenerId id = 0;
        TransportFactory* transports = nullptr;
        std::uint32_t connections = 0;
        bool accepting = false;
        bool stopping = false;  // the stream; it may be started again
        bool ending = false;
        bool closed = false;
        bool starved = false;     // paused because the system had no descriptor or no memory
        Nanos retry_at = kNever;  // after a pause
    };
    struct Idler {
        Nanos since;
        Slot slot;
        Generation generation;
    };
    // Places for connections on their way out (lingering, closing), which take none of the limited
    // ones: as many as one poll() can bring in their stead.
    static constexpr std::uint32_t kLeavingMax = 512;
    // A file that is read into memory before it leaves is read in parts of this size.
    static constexpr std::size_t kFilePartBytes = std::size_t{64} * 1024;
    // A connection on which nothing has come yet: its first request may be on the way, so it gets
    // this long before it gives way to another or to the end of a drain.
    static constexpr Nanos kFirstRequestGrace = 250 * kMillisecond;

    void dispatch(const Completion& completion) noexcept;
    void on_accept(const Completion& completion) noexcept;
    [[nodiscard]] std::uint8_t listener_of(Token token) const noexcept;
    void on_accept_end(ListenerSlot& listener, Status status) noexcept;
    [[nodiscard]] bool count_client(Slot slot, Connection& connection) noexcept;
    void find_peer(Slot slot, Connection& connection) const noexcept;
    void on_recv(Slot slot, Connection& connection, const Completion& completion) noexcept;
    void on_send(Slot slot, Connection& connection, const Completion& completion) noexcept;
    void on_read(Slot slot, Connection& connection, const Completion& completion) noexcept;
    void on_closed(Slot slot, Connection& connection) noexcept;
    void on_deadline(Slot slot) noexcept;

    // Feeds, sends, and settles the state: the one path on which a connection moves on.
    void advance(Slot slot, Connection& connection, std::string_view bytes) noexcept;
    [[nodiscard]] bool start_piece(Slot slot, Connection& connection, bool input_left) noexcept;
    void hand_over(Slot slot, Connection& connection, const Piece& piece, bool quiet) noexcept;
    [[nodiscard]] SendUrgency note_send(Connection& connection, std::uint64_t bytes,
                                        bool quiet) noexcept;
    [[nodiscard]] static bool is_last_part(const RequestContext& request) noexcept;
    void end_piece(Slot slot, Connection& connection, Status status, std::uint64_t bytes) noexcept;
    void read_part(Slot slot, Connection& connection) noexcept;
    void send_part(Slot slot, Connection& connection) noexcept;
    void on_part_sent(Slot slot, Connection& connection, const Completion& completion) noexcept;
    void end_parts(Slot slot, Connection& connection) noexcept;
    void return_part_buffer(RequestContext& request) noexcept;
    void refuse_for_memory(Slot slot, Connection& connection) noexcept;

    // Connections with a transport (reactor_channel.cpp).
    [[nodiscard]] bool open_channel(Connection& connection, TransportFactory& transports) noexcept;
    void close_channel(Connection& connection) noexcept;
    void receive_sealed(Slot slot, Connection& connection, std::string_view wire) noexcept;
    void advance_channel(Slot slot, Connection& connection) noexcept;
    void settle_channel(Slot slot, Connection& connection) noexcept;
    [[nodiscard]] bool start_sealed(Slot slot, Connection& connection) noexcept;
    [[nodiscard]] bool send_sealed(Slot slot, Connection& connection) noexcept;
    void seal_what_fits(Channel& channel, PieceInParts& parts) noexcept;
    void hand_over_wire(Slot slot, Connection& connection) noexcept;
    void return_wire_buffer(Channel& channel) noexcept;
    void on_wire_sent(Slot slot, Connection& connection, const Completion& completion) noexcept;
    void settle(Slot slot, Connection& connection) noexcept;
    [[nodiscard]] bool settle_wait(Slot slot, Connection& connection) noexcept;
    [[nodiscard]] bool keep_input(Slot slot, Connection& connection,
                                  std::string_view bytes) noexcept;
    void take_in(Slot slot, Connection& connection, std::string_view bytes) noexcept;
    void receive(Slot slot, Connection& connection, std::string_view bytes) noexcept;
    void on_recv_end(Slot slot, Connection& connection, Status status) noexcept;
    [[nodiscard]] bool open_request(Slot slot, Connection& connection) noexcept;
    [[nodiscard]] bool open_session(Slot slot, Connection& connection) noexcept;
    void close_request(Connection& connection) noexcept;
    void start_receiving(Slot slot, Connection& connection) noexcept;
    void stop_receiving(Slot slot, Connection& connection) noexcept;
    void enter(Slot slot, Connection& connection, ConnectionState state) noexcept;
    void enter_respond(Slot slot, Connection& connection) noexcept;
    void enter_idle(Slot slot, Connection& connection) noexcept;
    void arm(Slot slot, Connection& connection, Nanos deadline) noexcept;
    void arm_wait(Slot slot, Connection& connection, bool again) noexcept;
    [[nodiscard]] Nanos wait_limit(ConnectionState state) const noexcept;
    [[nodiscard]] Nanos wait_deadline(const RequestContext& request) const noexcept;
    void on_wait_over(Slot slot, Connection& connection) noexcept;
    // Ends the connection: its session is over, or the reactor wants it.
    void leave(Slot slot, Connection& connection, bool linger) noexcept;
    [[nodiscard]] bool peer_is_stuck(Slot slot, RequestContext& request) const noexcept;
    void begin_linger(Slot slot, Connection& connection) noexcept;
    void begin_close(Slot slot, Connection& connection) noexcept;
    void end_idle(Slot slot, Connection& connection) noexcept;
    void note_leaving(Connection& connection) noexcept;

    void start_accepting(ListenerSlot& listener) noexcept;
    void manage_listeners() noexcept;
    [[nodiscard]] bool accepting_paused() const noexcept;
    [[nodiscard]] Nanos accept_retry() const noexcept;
    [[nodiscard]] Nanos next_look(const ListenerSlot& listener) const noexcept;
    [[nodiscard]] std::uint32_t places_taken() const { return connections_.used() - leaving_; }
    [[nodiscard]] bool has_room() noexcept;
    bool give_way() noexcept;
    [[nodiscard]] Nanos idle_since(const Connection& connection) const noexcept;
    [[nodiscard]] Slot longest_idle() noexcept;
    // How many a look for idle connections finds.
    [[nodiscard]] static std::size_t idlers_max(std::uint32_t connections) noexcept;
    void look_for_idlers() noexcept;
    void resume_sessions() noexcept;
    void follow_stop_request() noexcept;
    void begin_drain() noexcept;
    void stop_accepting() noexcept;
    void close_all() noexcept;
    [[nodiscard]] Nanos next_deadline() const noexcept;
    [[nodiscard]] Token token(Slot slot, const Connection& connection, OpKind kind) const noexcept {
        return Token{slot, connection.generation, kind};
    }

    Backend& backend_;
    SessionFactory& sessions_;
    ClientBound* const clients_;
    const Limits limits_;
    const Nanos timer_look_ns_;
    const bool measure_accept_wait_;
    Pool<Connection> connections_;
    RequestContextPool requests_;
    LentBuffers file_buffers_;
    LentBuffers wire_buffers_;
    std::vector<char> opened_;  // plain bytes of one open(); made for the first transport
    TimerWheel timers_;
    SessionContext context_;
    std::vector<ListenerSlot> listeners_;
    ReactorCounters counters_;
    Mailbox mailbox_;
    std::uint32_t leaving_ = 0;        // connections that say farewell, linger or close
    std::uint64_t closed_before_ = 0;  // as of the last manage_listeners()
    std::vector<Idler> idlers_;  // found at the last look; the one that is idle longest at the end
    Nanos idle_look_at_ = 0;     // no look before this
    std::atomic<std::uint32_t> open_connections_{0};
    std::atomic<Stop> stop_requested_{Stop::none};
    Stop stop_followed_ = Stop::none;
    std::uint32_t quiet_sends_ = 0;
    bool queues_emptied_ = false;     // in this turn: nobody was accepted, and no listener started
    bool send_wanted_ = false;        // the completion of a quiet send matters after all
    bool last_accepts_done_ = false;  // draining: the queue of the listeners has been emptied
    Nanos last_accepts_until_ = kNever;
    Nanos drain_deadline_ = kNever;
};

inline void Reactor::arm(Slot slot, Connection& connection, Nanos deadline) noexcept {
    connection.deadline = deadline;
    if (TimerWheel::tick_of(deadline) < connection.look_tick) {
        const Nanos look = std::min(deadline, context_.now + timer_look_ns_);
        connection.look_tick = TimerWheel::tick_of(look);
        timers_.schedule(slot, look);
    }
}

}  // namespace sluice

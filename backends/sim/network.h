// SimNetwork: a network in memory, with a clock that jumps from event to event. Backends
// (backends/sim/backend.h) and test clients (backends/sim/peer.h) are its two kinds of users; both
// hold sockets of it.
//
// WHAT IT MODELS. Streams of bytes cut into segments, each with a latency, in order; a window for
// each direction, opened by the receiver's reading; FIN after the data; a reset that overtakes data
// and may destroy what was unread; reset as the answer to data for a closed socket, and as the
// result of closing with unread input; listeners with a backlog, shared ports, Unix paths.
//
// DETERMINISM. What happens depends on the seed, the options and the calls, nothing else: the same
// seed gives the same run, which digest() proves.
//
// OWNERSHIP AND THREADS. The test owns it and destroys all users before it. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "backends/sim/random.h"
#include "core/backend.h"

namespace sluice {

// Probabilities between 0 and 1. None of them breaks the backend contract.
struct SimFaults {
    double short_recv = 0;       // a chunk ends before the data or the buffer does
    double pause_recv = 0;       // a stream pauses as if no receive buffer were free
    double reset = 0;            // each segment: the connection breaks in both directions instead
    double time_out = 0;         // each segment: the same, found out by a timeout
    double accept_no_fds = 0;    // each accept: the stream ends with no_fds
    double connect_refused = 0;  // each connect
    double file_changed = 0;     // each piece of a stamped file sent or read: its stamp moved
    double file_cold = 0;        // each look of in_memory(): it would have to wait
    double spurious_return = 0;  // poll() returns none before its deadline
};

struct SimOptions {
    std::uint64_t seed = 1;
    Nanos latency_min = 10 * kMicrosecond;
    Nanos latency_max = 200 * kMicrosecond;
    std::size_t segment_bytes_max = 64 * 1024;  // segments are cut at random up to this size
    std::size_t window_bytes_min = 64 * 1024;   // each direction of a connection draws its window
    std::size_t window_bytes_max = 256 * 1024;
    Nanos disk_latency_max = 10 * kMillisecond;  // of each read
    SimFaults faults;
};

// Whoever holds sockets. Calls come while the network runs an event, never from inside the owner's
// own calls.
class SimOwner {
  public:
    // Something changed on a socket: connected, bytes, FIN, window, broken.
    virtual void on_socket(Socket socket, std::uint32_t tag) = 0;
    // A connection waits in the backlog.
    virtual void on_backlog(std::uint32_t tag) = 0;

  protected:
    ~SimOwner() = default;
};

// Bytes that have arrived and are unread. Taking from the front moves nothing.
class SimInbox {
  public:
    [[nodiscard]] bool empty() const { return size() == 0; }
    [[nodiscard]] std::size_t size() const { return bytes_.size() - begin_; }
    void append(std::string_view bytes) { bytes_ += bytes; }
    void clear() {
        bytes_.clear();
        begin_ = 0;
    }
    std::size_t take(char* to, std::size_t bytes_max) {
        const std::size_t taken = bytes_.copy(to, bytes_max, begin_);
        begin_ += taken;
        if (begin_ > bytes_.size() / 2) {
            bytes_.erase(0, begin_);
            begin_ = 0;
        }
        return taken;
    }

  private:
    std::string bytes_;
    std::size_t begin_ = 0;
};

// One end of a connection.
struct SimSocket {
    Socket id = kNoSocket;
    Socket other = kNoSocket;
    SimOwner* owner = nullptr;
    std::uint32_t tag = 0;  // the owner's name for it
    Endpoint local;
    Endpoint remote;
    SimInbox inbox;
    std::size_t window = 0;
    std::size_t outstanding = 0;  // sent, not yet read by the other end
    Nanos last_arrival = 0;       // of what was sent last: segments keep their order
    Status broken = Status::ok;   // reset, timed_out, refused: nothing works any more
    bool connecting = false;
    bool fin_sent = false;
    bool fin_arrived = false;

    [[nodiscard]] bool readable() const {
        return !inbox.empty() || fin_arrived || broken != Status::ok;
    }
    [[nodiscard]] std::size_t room() const {
        return window > outstanding ? window - outstanding : 0;
    }
};

class SimNetwork {
  public:
    // Virtual time starts at this second of the wall clock: a Friday, so that dates in responses
    // are fixed.
    static constexpr std::int64_t kWallOrigin = 1'700'179'200;

    explicit SimNetwork(const SimOptions& options);
    SimNetwork(const SimNetwork&) = delete;
    SimNetwork& operator=(const SimNetwork&) = delete;
    ~SimNetwork();

    [[nodiscard]] Nanos now() const noexcept { return now_; }
    [[nodiscard]] std::int64_t wall_nanos() const noexcept;
    [[nodiscard]] std::int64_t wall_seconds() const noexcept { return wall_nanos() / kSecond; }
    // Somebody sets the wall clock: `seconds` ahead or back.
    void step_wall_clock(std::int64_t seconds);
    // Whether the wall clock showed that second at some instant from `first` to `last`.
    [[nodiscard]] bool wall_showed(std::int64_t second, Nanos first, Nanos last) const noexcept;
    [[nodiscard]] SimRandom& random() noexcept { return random_; }
    // May be changed while the network runs.
    [[nodiscard]] SimOptions& options() noexcept { return options_; }
    [[nodiscard]] SimFaults& faults() noexcept { return options_.faults; }
    // A hash over everything that happened: equal for equal runs.
    [[nodiscard]] std::uint64_t digest() const noexcept { return digest_; }
    [[nodiscard]] std::size_t sockets_open() const noexcept { return sockets_.size(); }

    // Runs the action at that distance from now, as an event of the network.
    void after(Nanos delay, std::function<void()> action);
    // Runs the next event if it is due at `until` or before; the clock moves to it.
    bool step(Nanos until);
    // Runs all events due until then and moves the clock there: time passes without a backend.
    void run_until(Nanos instant);
    // Moves the clock; events that became due run in the next step().
    void advance_to(Nanos instant) noexcept;

    // What the system calls are to a real backend.
    [[nodiscard]] Result<std::uint32_t> listen(SimOwner* owner, std::uint32_t tag,
                                               const Endpoint& endpoint,
                                               const ListenOptions& options);
    [[nodiscard]] const Endpoint& bound(std::uint32_t listener) const;
    [[nodiscard]] bool backlog_empty(std::uint32_t listener) const;
    // Takes the oldest connection of the backlog.
    [[nodiscard]] Socket accept(std::uint32_t listener, SimOwner* owner, std::uint32_t tag);
    void close_listener(std::uint32_t listener);

    [[nodiscard]] Socket connect(SimOwner* owner, std::uint32_t tag, const Endpoint& target);
    [[nodiscard]] SimSocket* find(Socket socket);
    // Takes as much as the window has room for; returns how much.
    std::size_t write(Socket socket, std::string_view bytes);
    std::size_t read(Socket socket, char* to, std::size_t bytes_max);
    void shutdown_write(Socket socket);
    void close(Socket socket);
    void reset(Socket socket);

  private:
    struct Listener {
        SimOwner* owner;
        std::uint32_t tag;
        Endpoint bound;
        ListenOptions options;
        std::deque<Socket> backlog;
    };
    struct Event {
        Nanos at;
        std::uint64_t sequence;
        std::function<void()> action;
    };
    struct Later {
        bool operator()(const Event& a, const Event& b) const {
            return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
        }
    };

    Nanos latency();
    SimSocket& make_socket();
    void at(Nanos instant, std::function<void()> action);
    void notify(SimSocket& socket);
    void on_syn(Socket client);
    void on_segment(Socket to, Socket from, const std::string& bytes);
    void break_socket(Socket socket, Status status);
    void send_reset(Socket to);
    [[nodiscard]] Listener* route(const Endpoint& target);
    void mix(std::uint64_t value) noexcept;

    struct WallStep {
        Nanos at;
        std::int64_t ahead;  // of the unset clock, from then on
    };

    SimOptions options_;
    SimRandom random_;
    Nanos now_ = 0;
    std::vector<WallStep> wall_steps_ = {{0, 0}};
    std::uint64_t sequence_ = 0;
    std::uint64_t digest_ = 0;
    Socket next_socket_ = 1000;
    std::uint32_t next_listener_ = 1;
    std::uint16_t next_port_ = 40000;
    std::priority_queue<Event, std::vector<Event>, Later> events_;
    std::unordered_map<Socket, SimSocket> sockets_;  // never iterated
    std::map<std::uint32_t, Listener> listeners_;
};

}  // namespace sluice

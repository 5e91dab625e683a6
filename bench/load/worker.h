// Worker: one thread of the generator: its share of the connections, on a backend of its own.
//
// CLOCKS. Two readings of the monotonic clock matter. `now_` is read once after each poll(): every
// byte of that batch had arrived by then, so an end taken from it may be late by the batch but
// never early. Each send has a reading of its own just before the call, so a start is never late.
// The generator's own work can therefore lengthen a latency, but never shorten it; how much it did
// is measured (lateness, pauses, CPU, waiting for a CPU) and decides whether the run is valid.
//
// PLANNED INSTANTS. Open loop: those of the plan. Closed loop: when the place became free, that is
// when the answer before was complete, or when connecting began for a connection's first request.
//
// THREADS AND MEMORY. Made, run and destroyed on its own thread. Nothing on the path of a request
// allocates. When the worker gives up, report().failure says why.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "bench/load/body_hash.h"
#include "bench/load/channel.h"
#include "bench/load/pauses.h"
#include "bench/load/plan.h"
#include "bench/load/response_reader.h"
#include "core/backend.h"

namespace sluice::load {

class Worker {
  public:
    Worker(const Plan& plan, Channel& channel, unsigned number);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // All that the thread does.
    void run() noexcept;

    // Instead of run(): in slices (slices.h), on the calling thread. Open once, then run slices,
    // each until nothing is in flight. Closed loop only.
    [[nodiscard]] bool open();
    void slice(Nanos duration);
    [[nodiscard]] const Tally& tally() const { return *tally_; }
    // What was measured since the last call.
    [[nodiscard]] std::unique_ptr<Tally> take_tally() {
        return std::exchange(tally_, channel_.blank());
    }
    void close() { finish(); }

    [[nodiscard]] const ThreadReport& report() const { return report_; }

  private:
    enum class State : std::uint8_t { closed, connecting, open, finishing, closing };
    static constexpr std::uint32_t kNoSample = ~std::uint32_t{0};
    struct InFlight {
        Nanos planned;
        Nanos sent;
        std::uint32_t request;
        std::uint64_t position;  // bytes sent on the connection before it
    };
    struct Connection {
        State state = State::closed;
        bool sending = false;
        bool listed = false;    // in available_
        bool refused = false;   // failed early: sweep() opens the next one
        bool assigned = false;  // a planned request waits for the handshake (open loop, churn)
        Generation generation = 0;
        std::uint32_t next_request = 0;     // which one was planned, where the plan says
        std::uint32_t first_in_flight = 0;  // ring of plan.pipeline places
        std::uint32_t in_flight = 0;        // requests that await an answer
        std::uint64_t sent = 0;             // on this connection
        std::uint64_t answered = 0;
        std::uint64_t sent_bytes = 0;
        std::uint64_t received_bytes = 0;
        Nanos since = 0;        // of the state
        Nanos free_since = 0;   // when it could take the next request
        Nanos ready_since = 0;  // when its handshake was done
        Nanos planned = 0;      // of the assigned request
        Nanos first_byte = 0;   // of the answer being read
        Nanos send_began = 0;
        std::uint32_t sample = kNoSample;  // in report_.wire.handshakes
        std::uint64_t send_poll = 0;       // number of the poll after which the send was begun
        ResponseReader reader;
    };

    // worker.cpp: what the thread does.
    [[nodiscard]] bool prepare();
    void open_connections();
    void wait_for_start();
    void measure();
    void send_the_rest();
    void drain();
    void poll_once(Nanos deadline) noexcept;
    void pass_time_to(Nanos stamp) noexcept;
    void note_pause(Nanos from, Nanos to) noexcept;
    void end_request(const InFlight& request) noexcept;
    [[nodiscard]] Nanos measured_within(Nanos from, Nanos to) const noexcept;
    void end_interval() noexcept;
    void finish();
    void sweep() noexcept;
    void dispatch_due() noexcept;
    void give_up(std::string why) noexcept;
    [[nodiscard]] bool stopping() const noexcept;
    [[nodiscard]] bool may_wait() noexcept;
    [[nodiscard]] bool wants_connection(const Connection& connection) const noexcept;
    [[nodiscard]] Nanos next_event() const noexcept;

    // worker_connection.cpp: what a connection does.
    void on_completion(const Completion& completion) noexcept;
    void on_connect(Slot slot, Connection& connection, Status status) noexcept;
    void on_send(Slot slot, Connection& connection, Status status) noexcept;
    void on_bytes(Slot slot, Connection& connection, std::string_view bytes) noexcept;
    void on_end(Slot slot, Connection& connection, Status status) noexcept;
    void on_closed(Slot slot, Connection& connection) noexcept;
    void on_answer(Slot slot, Connection& connection) noexcept;
    void sample_handshake(Slot slot, Connection& connection, Nanos kernel_rtt) noexcept;
    void sample_answer(const Connection& connection, const InFlight& done) noexcept;
    void verify(Slot slot, const Connection& connection, std::uint32_t request) noexcept;
    void connect(Slot slot) noexcept;
    void close(Slot slot, Close how) noexcept;
    void lose(Slot slot, Failure why, Close how) noexcept;
    void fill(Slot slot) noexcept;
    void send(Slot slot, Connection& connection, std::uint32_t count, Nanos planned) noexcept;
    [[nodiscard]] std::uint32_t room(const Connection& connection) const noexcept;
    void offer(Slot slot) noexcept;
    void assign(Slot slot, Nanos planned) noexcept;
    [[nodiscard]] std::uint32_t pick_request(const Connection& connection) noexcept;
    [[nodiscard]] Token token(Slot slot, OpKind kind) const noexcept;
    [[nodiscard]] InFlight& in_flight_at(Slot slot, std::uint32_t number) noexcept;
    void count(Failure why, std::uint64_t times = 1) noexcept;

    const Plan& plan_;
    Channel& channel_;
    const unsigned number_;
    ThreadReport report_;
    std::unique_ptr<Backend> backend_;
    std::unique_ptr<Tally> tally_;
    std::unique_ptr<Arrivals> arrivals_;
    Random random_;

    std::unique_ptr<Connection[]> connections_;
    std::unique_ptr<BodyHash[]> hashes_;  // one for each connection, when bodies are verified
    std::uint32_t slots_ = 0;
    std::vector<InFlight> in_flight_requests_;
    std::vector<char> batches_;  // several requests in a row, for pipelining
    std::size_t batch_bytes_ = 0;
    std::vector<double> weights_;  // cumulative
    std::vector<Slot> available_;  // ring: connections that can take a planned request
    std::uint32_t available_first_ = 0;
    std::uint32_t available_count_ = 0;

    Intervals intervals_{0, 0, 0};
    Nanos now_ = 0;
    Nanos last_stamp_ = 0;  // the latest reading of the clock
    Nanos interval_end_ = 0;
    Nanos next_sweep_ = 0;
    Nanos end_ = 0;
    Nanos stopped_at_ = 0;  // by a signal; 0: not
    std::uint32_t interval_ = 0;
    std::uint64_t polls_ = 0;
    std::size_t batch_ = 0;  // completions of the last poll
    Nanos active_at_ = 0;    // the last event, or send
    Pauses pauses_;
    std::uint64_t requests_left_ = ~std::uint64_t{0};
    std::uint32_t in_flight_ = 0;
    std::uint32_t assigned_ = 0;  // connections with a planned request
    std::uint32_t open_ = 0;      // handshake done, not closing
    std::uint32_t connecting_ = 0;
    Nanos alive_at_ = 0;  // when the server last showed that it is alive
    Status last_refusal_ = Status::ok;
    ThreadClocks clocks_at_start_;
    bool running_ = false;  // requests may be sent
    bool over_ = false;     // gave up
};

}  // namespace sluice::load

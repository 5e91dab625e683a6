#include "bench/load/worker.h"

#include <algorithm>
#include <cstring>

#include "bench/load/system.h"
#include "system/cpu.h"

namespace sluice::load {

namespace {

constexpr Nanos kSweepEvery = 100 * kMillisecond;  // the precision of timeouts
constexpr Nanos kSilenceMax = kSecond;       // without any connection: then the server is gone
constexpr Nanos kStopTimeout = 2 * kSecond;  // after a signal, for what is in flight
// Handshakes in progress at once while connections are opened: few, so that they do not measure how
// many we began together; more with many connections, so that it ends.
constexpr std::uint32_t kHandshakesMax = 64;
constexpr std::uint32_t kConnectionsPerHandshake = 64;
// An odd number of cache lines: with a power of two the beginnings of all buffers, where small
// answers lie, would share a few cache sets.
constexpr std::uint32_t kRecvBufferBytes = 16 * 1024 + 5 * 64;
constexpr std::uint32_t kRecvBuffers = 512;

}  // namespace

Worker::Worker(const Plan& plan, Channel& channel, unsigned number)
    : plan_(plan), channel_(channel), number_(number), random_(plan.seed, 1000 + number) {}

Worker::~Worker() = default;

void Worker::run() noexcept {
    if (prepare()) {
        open_connections();
    }
    channel_.ready.fetch_add(1);
    wait_for_start();
    if (!over_) {
        measure();
        drain();
    }
    finish();
}

bool Worker::prepare() {
    name_this_thread(("bench-" + std::to_string(number_)).c_str());
    const std::vector<int> cpus = usable_cpus();
    if (plan_.pin && plan_.threads <= cpus.size()) {
        // From the last CPU down: servers begin with the first.
        pin_this_thread(cpus[cpus.size() - 1 - number_]);
    }
    precise_timers();
    tally_ = channel_.blank();

    slots_ =
        plan_.connections / plan_.threads + (number_ < plan_.connections % plan_.threads ? 1 : 0);
    BackendLimits limits;
    limits.slots = slots_;
    limits.listeners = 0;
    limits.recv_buffers = kRecvBuffers;
    limits.recv_buffer_bytes = kRecvBufferBytes;
    auto backend = plan_.backends->create(limits);
    if (!backend) {
        give_up(backend.error().what);
        return false;
    }
    backend_ = std::move(*backend);
    report_.backend = backend_->name();

    connections_ = std::make_unique<Connection[]>(slots_);
    if (plan_.verify) {
        hashes_ = std::make_unique<BodyHash[]>(slots_);
    }
    if (plan_.tap != nullptr) {
        report_.wire.handshakes.reserve(WireStamps::kHandshakesMax);
        report_.wire.requests.reserve(WireStamps::kRequestsMax);
    }
    in_flight_requests_.resize(std::size_t{slots_} * plan_.pipeline);
    available_.resize(slots_);
    for (const Request& request : plan_.requests) {
        batch_bytes_ = std::max({batch_bytes_, request.bytes.size(), request.last_bytes.size()});
        weights_.push_back(request.weight + (weights_.empty() ? 0 : weights_.back()));
    }
    batch_bytes_ *= plan_.pipeline;
    if (plan_.pipeline > 1) {
        batches_.resize(slots_ * batch_bytes_);
    }
    if (!plan_.replay.empty()) {
        std::vector<Arrivals::Planned> own;
        for (std::size_t i = number_; i < plan_.replay.size(); i += plan_.threads) {
            own.push_back(plan_.replay[i]);
        }
        arrivals_ = std::make_unique<Arrivals>(std::move(own));
    } else if (plan_.open_loop()) {
        arrivals_ = std::make_unique<Arrivals>(plan_.arrivals, plan_.rate, plan_.seed, number_,
                                               plan_.threads);
    } else if (plan_.requests_max > 0) {
        requests_left_ = plan_.requests_max / plan_.threads +
                         (number_ < plan_.requests_max % plan_.threads ? 1 : 0);
    }
    now_ = last_stamp_ = alive_at_ = monotonic_now();
    return true;
}

// Persistent connections are opened before the clock starts: their handshakes are measured, but do
// not fill the first second.
void Worker::open_connections() {
    if (plan_.churn > 0) {
        return;
    }
    const Nanos give_up_at = now_ + plan_.connect_timeout;
    const std::uint32_t at_once = std::clamp(slots_ / kConnectionsPerHandshake, 1U, kHandshakesMax);
    Slot next = 0;
    while (!over_ && !stopping() && now_ < give_up_at &&
           (next < slots_ || connecting_ > 0 || open_ < slots_)) {
        while (next < slots_ && connecting_ < at_once) {
            connect(next++);
        }
        poll_once(std::min(next_sweep_, give_up_at));
    }
}

void Worker::wait_for_start() {
    Nanos start = channel_.start_at.load();
    while (start == 0 || last_stamp_ < start) {
        if (backend_ == nullptr) {
            return;
        }
        poll_once(std::min(start == 0 ? kNever : start, now_ + kMillisecond));
        start = channel_.start_at.load();
    }
    // Handshakes of the set-up always count, also with a warm-up; so they belong to no interval.
    channel_.deliver({0, false, std::exchange(tally_, channel_.blank())});
    intervals_ = Intervals(start, plan_.warmup, plan_.duration);
    interval_ = 1;
    interval_end_ = intervals_.next(start);
    end_ = intervals_.end();
    alive_at_ = now_;
}

void Worker::measure() {
    running_ = true;
    clocks_at_start_ = thread_clocks();
    for (Slot slot = 0; slot < slots_; ++slot) {
        Connection& connection = connections_[slot];
        connection.free_since = intervals_.start();
        if (plan_.open_loop()) {
            offer(slot);
        } else if (connection.state == State::closed && requests_left_ > connecting_) {
            connect(slot);
        } else {
            fill(slot);
        }
    }
    while (!over_ && !stopping() && now_ < end_ && (requests_left_ > 0 || in_flight_ > 0)) {
        if (plan_.open_loop()) {
            dispatch_due();
        }
        poll_once(next_event());
    }
    end_ = report_.ended_at = std::min(end_, last_stamp_);
    const ThreadClocks clocks = thread_clocks();
    report_.cpu = clocks.cpu - clocks_at_start_.cpu;
    report_.waited = clocks.waited - clocks_at_start_.waited;
    report_.wall = now_ - (now_ < intervals_.measured() ? intervals_.start()  // in the warm-up
                                                        : intervals_.measured());
    if (plan_.open_loop()) {
        send_the_rest();
    }
    running_ = false;
}

// Requests planned before the end for which no connection was free: only sending them tells how
// late they are.
void Worker::send_the_rest() {
    const Nanos left = end_ - intervals_.start();
    const Nanos give_up_at = end_ + plan_.timeout;
    while (!over_ && may_wait() && now_ < give_up_at &&
           (arrivals_->peek() < left || assigned_ > 0)) {
        dispatch_due();
        poll_once(std::min(next_sweep_, give_up_at));
    }
    const std::uint64_t unsent = arrivals_->skip(left);
    report_.planned += unsent;
    count(Failure::never_sent, unsent + assigned_);
}

// Waits for what is in flight at the end: the slowest answers come last, and cutting them off would
// flatter the server.
void Worker::drain() {
    while (in_flight_ > 0 && !over_ && may_wait()) {
        poll_once(next_sweep_);
    }
}

bool Worker::open() {
    if (prepare()) {
        open_connections();
    }
    return !over_;
}

// At the end nothing is in flight: no request, no handshake, no close that was not submitted.
void Worker::slice(Nanos duration) {
    const Nanos start = monotonic_now();
    now_ = last_stamp_ = alive_at_ = start;
    intervals_ = Intervals(start, 0, duration);
    interval_end_ = end_ = intervals_.end();
    measure();
    drain();
    while (connecting_ > 0 && !over_ && !stopping()) {
        poll_once(next_sweep_);
    }
    poll_once(last_stamp_);
}

void Worker::finish() {
    if (backend_ != nullptr) {
        for (Slot slot = 0; slot < slots_; ++slot) {
            Connection& connection = connections_[slot];
            if (connection.state == State::open || connection.state == State::finishing) {
                tally_->closes[static_cast<std::size_t>(Close::by_us)]++;
                count(Failure::timed_out, connection.in_flight);
            }
        }
        backend_.reset();
    }
    if (tally_ == nullptr) {
        tally_ = channel_.blank();
    }
    channel_.deliver({std::max(interval_, 1U), true, std::move(tally_)});
}

bool Worker::stopping() const noexcept {
    return plan_.stop != nullptr && plan_.stop->load(std::memory_order_relaxed);
}

// Whoever sent the signal waits for the report, but not for long.
bool Worker::may_wait() noexcept {
    if (stopping() && stopped_at_ == 0) {
        stopped_at_ = now_;
    }
    return stopped_at_ == 0 || now_ - stopped_at_ < kStopTimeout;
}

void Worker::give_up(std::string why) noexcept {
    report_.failure = std::move(why);
    over_ = true;
}

Nanos Worker::next_event() const noexcept {
    Nanos when = std::min({next_sweep_, interval_end_, end_});
    if (arrivals_ != nullptr && available_count_ > 0 && arrivals_->peek() != kNever) {
        when = std::min(when, intervals_.start() + arrivals_->peek());
    }
    return when;
}

void Worker::poll_once(Nanos deadline) noexcept {
    if (in_flight_ > 0) {
        deadline = std::min(deadline,
                            last_stamp_ + std::max(Pauses::kWakeAfter, last_stamp_ - active_at_));
    }
    const auto completions = backend_->poll(deadline);
    now_ = monotonic_now();
    ++polls_;
    while (interval_ > 0 && now_ >= interval_end_ && interval_end_ < end_) {
        end_interval();
    }
    // The time may hold the work of the batch before, and what the system did to bring this one.
    batch_ += completions.size();
    note_pause(std::max(deadline, last_stamp_), now_);
    batch_ = completions.size();
    active_at_ = batch_ > 0 ? now_ : active_at_;
    pass_time_to(now_);
    for (const Completion& completion : completions) {
        on_completion(completion);
    }
    if (now_ >= next_sweep_) {
        sweep();
    }
}

Nanos Worker::measured_within(Nanos from, Nanos to) const noexcept {
    return std::max<Nanos>(0, std::min(to, end_) - std::max(from, intervals_.measured()));
}

// For Little's law, which must not use the latencies that it checks: until this stamp the same
// requests were in flight.
void Worker::pass_time_to(Nanos stamp) noexcept {
    tally_->in_flight_ns += Nanos{in_flight_} * measured_within(last_stamp_, stamp);
    last_stamp_ = stamp;
}

void Worker::note_pause(Nanos from, Nanos to) noexcept {
    if (!running_ && in_flight_ == 0) {
        return;  // nothing was to be done
    }
    if (const Nanos length = pauses_.note(from, to, batch_); length > 0) {
        tally_->paused.record(length);
    }
}

// A request that ends in this batch was over when the batch began (now_), but has been counted
// until the last send (last_stamp_).
void Worker::end_request(const InFlight& request) noexcept {
    --in_flight_;
    tally_->in_flight_ns -= measured_within(std::max(now_, request.sent), last_stamp_);
    tally_->under_way_ns += measured_within(request.sent, now_);
}

void Worker::end_interval() noexcept {
    if (interval_end_ == intervals_.measured()) {
        clocks_at_start_ = thread_clocks();
    }
    channel_.deliver({interval_++, false, std::exchange(tally_, channel_.blank())});
    interval_end_ = intervals_.next(interval_end_);
}

// Due requests go to connections in the order in which these became free. One that finds none
// waits; its latency counts from the planned instant all the same.
void Worker::dispatch_due() noexcept {
    const Nanos start = intervals_.start();
    const Nanos left = end_ - start;
    while (available_count_ > 0 && arrivals_->peek() < left &&
           start + arrivals_->peek() <= last_stamp_) {
        const Slot slot = available_[available_first_];
        available_first_ = available_first_ + 1 == slots_ ? 0 : available_first_ + 1;
        --available_count_;
        connections_[slot].listed = false;
        if (room(connections_[slot]) == 0 && connections_[slot].state != State::closed) {
            continue;  // lost since it was listed
        }
        const Nanos planned = start + arrivals_->peek();
        report_.planned += planned >= intervals_.measured() ? 1U : 0U;
        if (arrivals_->names_requests()) {
            connections_[slot].next_request = arrivals_->request();
        }
        arrivals_->pop();
        assign(slot, planned);
    }
}

bool Worker::wants_connection(const Connection& connection) const noexcept {
    if (connection.since == 0 || over_) {
        return false;  // never tried: it will be opened in order
    }
    if (!running_) {
        return plan_.churn == 0 && end_ == 0;  // still setting up
    }
    return plan_.open_loop() && plan_.churn > 0 ? connection.assigned
                                                : requests_left_ > connecting_;
}

void Worker::sweep() noexcept {
    next_sweep_ = now_ + kSweepEvery;
    for (Slot slot = 0; slot < slots_; ++slot) {
        Connection& connection = connections_[slot];
        const Nanos age = now_ - connection.since;
        switch (connection.state) {
            case State::connecting:
                if (age > plan_.connect_timeout) {
                    count(Failure::connect_timed_out);
                    last_refusal_ = Status::timed_out;
                    connection.refused = true;
                    close(slot, Close::by_us);
                }
                break;
            case State::open:
                if (connection.in_flight > 0 && now_ - in_flight_at(slot, 0).sent > plan_.timeout) {
                    lose(slot, Failure::timed_out, Close::by_us);
                }
                break;
            case State::finishing:
                if (age > kSecond) {
                    close(slot, Close::by_us);
                }
                break;
            case State::closed:
                // A refused connection is tried again at this pace.
                if (wants_connection(connection)) {
                    connect(slot);
                }
                break;
            case State::closing: break;
        }
    }
    if (open_ > 0) {
        alive_at_ = now_;
    } else if (last_refusal_ != Status::ok && now_ - alive_at_ > kSilenceMax) {
        give_up("no connection could be made any more: " + std::string(to_string(last_refusal_)));
    }
}

}  // namespace sluice::load

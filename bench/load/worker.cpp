#include "bench/load/worker.h"

#include <algorithm>
#include <cstring>

#include "bench/load/system.h"
#include "core/cpu.h"

namespace sluice::load {

namespace {

constexpr Nanos kSweepEvery = 100 * kMillisecond;  // time-outs are as exact as that
constexpr Nanos kSilenceMax = kSecond;  // without any connection: then the server is gone
// While connections are opened, so many handshakes are under way at once: few, so that they do not
// measure how many we began together; more where there are many, so that it ends.
constexpr std::uint32_t kHandshakesMax = 64;
constexpr std::uint32_t kConnectionsPerHandshake = 64;
// An odd number of cache lines: with a power of two the beginnings of all buffers, where small
// answers lie, would share a few sets of the cache.
constexpr std::uint32_t kRecvBufferBytes = 16 * 1024 + 5 * 64;
constexpr std::uint32_t kRecvBuffers = 512;

}  // namespace

Worker::Worker(const Plan& plan, Exchange& exchange, unsigned number)
    : plan_(plan), exchange_(exchange), number_(number), random_(plan.seed, 1000 + number) {}

Worker::~Worker() = default;

void Worker::run() noexcept {
    if (prepare()) {
        open_connections();
    }
    exchange_.ready.fetch_add(1);
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
    tally_ = exchange_.blank();

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
        report_.wire.exchanges.reserve(WireStamps::kExchangesMax);
    }
    flights_.resize(std::size_t{slots_} * plan_.pipeline);
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

// Connections that are kept are opened before the clock starts; their handshakes are measured, and
// the first second is not full of them.
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
        turn(std::min(next_sweep_, give_up_at));
    }
}

void Worker::wait_for_start() {
    Nanos start = exchange_.start_at.load();
    while (start == 0 || last_stamp_ < start) {
        if (backend_ == nullptr) {
            return;
        }
        turn(std::min(start == 0 ? kNever : start, now_ + kMillisecond));
        start = exchange_.start_at.load();
    }
    // Handshakes of the set-up count, whatever the warm-up; so they are in no stretch.
    exchange_.deliver({0, false, std::exchange(tally_, exchange_.blank())});
    stretches_ = Stretches(start, plan_.warmup, plan_.duration);
    stretch_ = 1;
    stretch_end_ = stretches_.next(start);
    end_ = stretches_.end();
    alive_at_ = now_;
}

void Worker::measure() {
    running_ = true;
    clocks_at_start_ = thread_clocks();
    for (Slot slot = 0; slot < slots_; ++slot) {
        Connection& connection = connections_[slot];
        connection.free_since = stretches_.start();
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
        turn(next_event());
        while (now_ >= stretch_end_ && stretch_end_ < end_) {
            end_stretch();
        }
    }
    running_ = false;
    const ThreadClocks clocks = thread_clocks();
    report_.ended_at = std::min(now_, end_);
    report_.cpu = clocks.cpu - clocks_at_start_.cpu;
    report_.waited = clocks.waited - clocks_at_start_.waited;
    report_.wall = now_ - std::max(stretches_.start(), std::min(now_, stretches_.measured()));
}

// What is under way at the end is waited for: the slowest answers are the last to come, and to cut
// them off would flatter.
void Worker::drain() {
    while (in_flight_ > 0 && !over_) {
        turn(next_sweep_);
    }
}

void Worker::finish() {
    if (backend_ != nullptr) {
        for (Slot slot = 0; slot < slots_; ++slot) {
            const State state = connections_[slot].state;
            if (state == State::open || state == State::finishing) {
                tally_->closes[static_cast<std::size_t>(Close::by_us)]++;
            }
        }
        backend_.reset();
    }
    if (tally_ == nullptr) {
        tally_ = exchange_.blank();
    }
    exchange_.deliver({std::max(stretch_, 1U), true, std::move(tally_)});
}

bool Worker::stopping() const noexcept {
    return plan_.stop != nullptr && plan_.stop->load(std::memory_order_relaxed);
}

void Worker::give_up(std::string why) noexcept {
    report_.failure = std::move(why);
    over_ = true;
}

Nanos Worker::next_event() const noexcept {
    Nanos when = std::min({next_sweep_, stretch_end_, end_});
    if (arrivals_ != nullptr && available_count_ > 0 && arrivals_->peek() != kNever) {
        when = std::min(when, stretches_.start() + arrivals_->peek());
    }
    return when;
}

void Worker::turn(Nanos deadline) noexcept {
    const auto completions = backend_->poll(deadline);
    const Nanos before = last_stamp_;
    const Nanos now = monotonic_now();
    ++polls_;
    // For Little's law, which must not lean on the latencies that it checks. Since the last send of
    // the batch before, the same requests were under way. What this batch ends, ends at its
    // beginning; what it sends, leaves bit by bit until its last send.
    tally_->in_flight_ns += Nanos{in_flight_} * (now - before);
    const std::uint32_t in_flight_before = in_flight_;
    ended_ = 0;
    now_ = last_stamp_ = now;
    for (const Completion& completion : completions) {
        on_completion(completion);
    }
    tally_->in_flight_ns +=
        (Nanos{in_flight_before} - Nanos{ended_} + Nanos{in_flight_}) * (last_stamp_ - now_) / 2;
    if (now_ >= next_sweep_) {
        sweep();
    }
}

void Worker::end_stretch() noexcept {
    if (stretch_end_ == stretches_.measured()) {
        clocks_at_start_ = thread_clocks();
    }
    exchange_.deliver({stretch_++, false, std::exchange(tally_, exchange_.blank())});
    stretch_end_ = stretches_.next(stretch_end_);
}

// Planned requests that are due go to connections in the order in which these became free. What
// finds none waits, and its latency counts from the plan all the same.
void Worker::dispatch_due() noexcept {
    const Nanos start = stretches_.start();
    const Nanos left = end_ - start;
    const Nanos began = last_stamp_;
    const std::uint32_t in_flight_before = in_flight_;
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
        if (arrivals_->names_requests()) {
            connections_[slot].next_request = arrivals_->request();
        }
        arrivals_->pop();
        assign(slot, planned);
    }
    tally_->in_flight_ns +=
        (Nanos{in_flight_before} + Nanos{in_flight_}) * (last_stamp_ - began) / 2;
}

bool Worker::wants_connection(const Connection& connection) const noexcept {
    if (connection.since == 0 || over_) {
        return false;  // never tried: its turn comes
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
                if (connection.flights > 0 && now_ - flight(slot, 0).sent > plan_.timeout) {
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

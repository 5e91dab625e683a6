// The life of a connection: connect, send, read answers, lose, close.

#include <algorithm>
#include <cstring>

#include "bench/load/system.h"
#include "bench/load/worker.h"

namespace sluice::load {

namespace {

Failure failure_of(Status status) {
    switch (status) {
        case Status::refused: return Failure::connect_refused;
        case Status::timed_out: return Failure::connect_timed_out;
        case Status::unreachable: return Failure::connect_unreachable;
        case Status::address_invalid:
        case Status::address_in_use: return Failure::connect_no_ports;  // EADDRNOTAVAIL
        case Status::no_fds: return Failure::connect_no_descriptors;
        default: return Failure::connect_other;
    }
}

std::size_t class_index(std::uint16_t status) {
    return std::clamp<std::size_t>(status / 100, 1, Tally::kClasses) - 1;
}

}  // namespace

Token Worker::token(Slot slot, OpKind kind) const noexcept {
    return Token{slot, connections_[slot].generation, kind};
}

Worker::InFlight& Worker::in_flight_at(Slot slot, std::uint32_t number) noexcept {
    std::uint32_t at = connections_[slot].first_in_flight + number;
    at = at >= plan_.pipeline ? at - plan_.pipeline : at;
    return in_flight_requests_[std::size_t{slot} * plan_.pipeline + at];
}

void Worker::count(Failure why, std::uint64_t times) noexcept {
    tally_->failures[static_cast<std::size_t>(why)] += times;
}

void Worker::on_completion(const Completion& completion) noexcept {
    const Slot slot = completion.token.slot();
    Connection& connection = connections_[slot];
    const bool current = connection.generation == completion.token.generation();
    switch (completion.token.kind()) {
        case OpKind::connect:
            if (current && connection.state == State::connecting) {
                on_connect(slot, connection, completion.status);
            }
            return;
        case OpKind::send:
            if (current) {
                on_send(slot, connection, completion.status);
            }
            return;
        case OpKind::recv:
            if (completion.more) {
                if (current && (connection.state == State::open)) {
                    on_bytes(slot, connection, {completion.data, completion.size});
                }
                backend_->release(completion.buffer);
            } else if (current) {
                on_end(slot, connection, completion.status);
            }
            return;
        case OpKind::close:
            if (current) {
                on_closed(slot, connection);
            }
            return;
        default: return;
    }
}

// ---- opening ---------------------------------------------------------------------------------

void Worker::connect(Slot slot) noexcept {
    Connection& connection = connections_[slot];
    connection.state = State::connecting;
    ++connecting_;
    connection.reader.reset(hashes_ == nullptr ? nullptr : &hashes_[slot]);
    if (hashes_ != nullptr) {
        hashes_[slot].begin();
    }
    connection.in_flight = connection.first_in_flight = 0;
    connection.sent = connection.answered = 0;
    connection.sent_bytes = connection.received_bytes = 0;
    connection.sample = kNoSample;
    const Nanos now = monotonic_now();
    connection.since = now;
    if (running_ && !plan_.open_loop()) {
        connection.free_since = now;
    }
    const std::size_t number = std::size_t{slot} * plan_.threads + number_;
    backend_->connect(token(slot, OpKind::connect), plan_.servers[number % plan_.servers.size()]);
}

void Worker::on_connect(Slot slot, Connection& connection, Status status) noexcept {
    if (status != Status::ok) {
        count(failure_of(status));
        last_refusal_ = status;
        connection.refused = true;
        close(slot, Close::count_);
        return;
    }
    --connecting_;
    ++open_;
    const auto kernel = kernel_handshake(backend_->native(slot));
    const bool lost_a_packet = kernel && kernel->retransmitted;
    (lost_a_packet ? tally_->connect_retransmitted : tally_->connect)
        .record(now_ - connection.since);
    if (kernel && !lost_a_packet) {
        tally_->kernel_rtt.record(kernel->rtt);
    }
    if (plan_.tap != nullptr) {
        sample_handshake(slot, connection, kernel && !lost_a_packet ? kernel->rtt : -1);
    }
    connection.state = State::open;
    connection.since = connection.ready_since = alive_at_ = now_;
    backend_->recv_start(token(slot, OpKind::recv));
    if (!plan_.open_loop()) {
        fill(slot);
    } else if (std::exchange(connection.assigned, false)) {
        --assigned_;
        send(slot, connection, 1, connection.planned);
        offer(slot);
    } else if (running_) {
        connection.free_since = now_;
        offer(slot);
    }
}

// ---- sending ---------------------------------------------------------------------------------

std::uint32_t Worker::room(const Connection& connection) const noexcept {
    if (!running_ || connection.state != State::open || connection.sending) {
        return 0;
    }
    std::uint64_t room = plan_.pipeline - connection.in_flight;
    if (plan_.churn > 0) {
        room = std::min(room, plan_.churn - connection.sent);
    }
    return static_cast<std::uint32_t>(std::min(room, requests_left_));
}

// Closed loop: as many requests as there is room for, in one send.
void Worker::fill(Slot slot) noexcept {
    Connection& connection = connections_[slot];
    if (const std::uint32_t count = room(connection); count > 0) {
        send(slot, connection, count, connection.free_since);
    }
}

// Open loop: the connection can take a planned request.
void Worker::offer(Slot slot) noexcept {
    Connection& connection = connections_[slot];
    const bool can =
        room(connection) > 0 || (running_ && plan_.churn > 0 && connection.state == State::closed);
    if (!can || connection.listed) {
        return;
    }
    connection.listed = true;
    const std::uint32_t at = available_first_ + available_count_++;
    available_[at >= slots_ ? at - slots_ : at] = slot;
}

void Worker::assign(Slot slot, Nanos planned) noexcept {
    Connection& connection = connections_[slot];
    if (connection.state == State::closed) {
        connection.assigned = true;
        ++assigned_;
        connection.planned = planned;
        connect(slot);
        tally_->own_lateness.record(connection.since - std::max(planned, connection.free_since));
        return;
    }
    send(slot, connection, 1, planned);
    tally_->own_lateness.record(connection.send_began - std::max(planned, connection.free_since));
    offer(slot);
}

std::uint32_t Worker::pick_request(const Connection& connection) noexcept {
    if (!plan_.replay.empty()) {
        return connection.next_request;
    }
    if (weights_.size() == 1) {
        return 0;
    }
    const double at = random_.uniform() * weights_.back();
    const auto place = std::upper_bound(weights_.begin(), weights_.end() - 1, at);
    return static_cast<std::uint32_t>(place - weights_.begin());
}

void Worker::send(Slot slot, Connection& connection, std::uint32_t count, Nanos planned) noexcept {
    Slice slice;
    char* batch = plan_.pipeline > 1 ? &batches_[slot * batch_bytes_] : nullptr;
    const std::uint32_t first = connection.in_flight;
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t number = pick_request(connection);
        const Request& request = plan_.requests[number];
        const bool last = ++connection.sent == plan_.churn;
        const std::string& bytes = last ? request.last_bytes : request.bytes;
        if (batch == nullptr) {
            slice.data = bytes.data();
        } else {
            std::ranges::copy(bytes, batch + slice.size);
            slice.data = batch;
        }
        slice.size += bytes.size();
        in_flight_at(slot, first + i) = {planned, 0, number, connection.sent_bytes};
        connection.sent_bytes += bytes.size();
    }
    connection.in_flight += count;
    connection.sending = true;
    connection.send_poll = polls_;
    requests_left_ -= plan_.open_loop() ? 0 : count;
    tally_->requests_sent += count;
    tally_->sent_bytes += slice.size;

    const Nanos sent = monotonic_now();
    note_pause(last_stamp_, sent);
    pass_time_to(sent);
    active_at_ = sent;
    in_flight_ += count;
    connection.send_began = sent;
    for (std::uint32_t i = 0; i < count; ++i) {
        in_flight_at(slot, first + i).sent = sent;
    }
    // In a closed loop the wait for a handshake is no lateness: only the time in which we could
    // have sent is.
    const Nanos could = plan_.open_loop() ? planned : std::max(planned, connection.ready_since);
    tally_->lateness.record(sent - could, count);
    backend_->send(token(slot, OpKind::send), {&slice, 1}, SendUrgency::quiet);
}

// The next poll() already completes a send that the system takes at once.
void Worker::on_send(Slot slot, Connection& connection, Status status) noexcept {
    connection.sending = false;
    if (status != Status::ok) {
        return;  // the end of the stream tells how the connection broke
    }
    if (polls_ == connection.send_poll + 1) {
        ++tally_->writes_at_once;
    } else {
        tally_->write_waited.record(now_ - connection.send_began);
    }
    if (connection.state != State::open) {
        return;
    }
    if (plan_.open_loop()) {
        offer(slot);
    } else if (plan_.pipeline > 1) {
        fill(slot);
    }
}

// ---- reading ---------------------------------------------------------------------------------

void Worker::on_bytes(Slot slot, Connection& connection, std::string_view bytes) noexcept {
    tally_->received_bytes += bytes.size();
    while (!bytes.empty() && connection.state == State::open) {
        if (connection.in_flight == 0) {
            count(Failure::unasked);
            close(slot, Close::by_us);
            return;
        }
        if (!connection.reader.begun()) {
            connection.first_byte = now_;
        }
        const bool is_head = plan_.requests[in_flight_at(slot, 0).request].is_head;
        const auto fed = connection.reader.feed(bytes, is_head);
        bytes.remove_prefix(fed.bytes);
        connection.received_bytes += fed.bytes;
        if (fed.outcome == ResponseReader::Outcome::more) {
            return;
        }
        if (fed.outcome != ResponseReader::Outcome::answer) {
            lose(slot, Failure::not_http, Close::by_us);
            return;
        }
        on_answer(slot, connection);
        if (!connection.reader.answer().keep_alive) {
            // The server closes now. We let it close first, so that it and not we keep the address
            // in TIME_WAIT.
            connection.state = State::finishing;
            connection.since = now_;
            --open_;
            return;
        }
    }
    if (connection.state == State::open && plan_.churn > 0 && connection.answered >= plan_.churn) {
        close(slot, Close::by_us);  // asked to close, the server keeps it open
    }
    if (connection.state == State::open) {
        connection.free_since = now_;
        if (plan_.open_loop()) {
            offer(slot);
        } else {
            fill(slot);
        }
    }
}

void Worker::on_answer(Slot slot, Connection& connection) noexcept {
    const Answer& answer = connection.reader.answer();
    const InFlight done = in_flight_at(slot, 0);
    connection.first_in_flight =
        connection.first_in_flight + 1 == plan_.pipeline ? 0 : connection.first_in_flight + 1;
    --connection.in_flight;
    end_request(done);
    const auto place = connection.answered++ == 0 ? Tally::kFirst : Tally::kLater;
    const auto reads = answer.reads == 1 ? Tally::kOneRead : Tally::kSeveralReads;
    tally_->service[place][class_index(answer.status)][reads].record(now_ - done.sent);
    tally_->response.record(now_ - done.planned);
    const Nanos paused = pauses_.within(done.planned, now_);
    tally_->requests_paused += paused > 0 ? 1U : 0U;
    tally_->response_unpaused.record(now_ - done.planned - paused);
    tally_->service_unpaused.record(now_ - done.sent - pauses_.within(done.sent, now_));
    if (answer.accept_wait >= 0) {
        tally_->accept_wait.record(answer.accept_wait);
    }
    if (reads == Tally::kSeveralReads) {
        tally_->first_byte.record(connection.first_byte - done.sent);
        tally_->transfer.record(now_ - connection.first_byte);
    }
    tally_->status[std::min<std::size_t>(answer.status, Tally::kStatusMax)]++;
    tally_->body_bytes += answer.body_bytes;
    if (hashes_ != nullptr) {
        verify(slot, connection, done.request);
    }
    if (connection.sample != kNoSample) {
        sample_answer(connection, done);
    }
    if (now_ > end_ && end_ > 0) {
        ++tally_->answers_after_end;
    }
    alive_at_ = now_;
}

void Worker::sample_handshake(Slot slot, Connection& connection, Nanos kernel_rtt) noexcept {
    auto& handshakes = report_.wire.handshakes;
    const auto local = local_endpoint(backend_->native(slot));
    if (local && is_sampled(local->port, plan_.sample_mask) &&
        handshakes.size() < WireStamps::kHandshakesMax) {
        connection.sample = static_cast<std::uint32_t>(handshakes.size());
        handshakes.push_back({local->port, connection.since, now_, kernel_rtt});
    }
}

void Worker::sample_answer(const Connection& connection, const InFlight& done) noexcept {
    auto& requests = report_.wire.requests;
    if (requests.size() < WireStamps::kRequestsMax) {
        requests.push_back(
            {connection.sample, done.position, connection.received_bytes, done.sent, now_});
    }
}

// A wrong answer has a latency like any other. It counts as an answer, not as a failed request.
void Worker::verify(Slot slot, const Connection& connection, std::uint32_t request) noexcept {
    const Answer& answer = connection.reader.answer();
    const Expected got{answer.status, answer.body_bytes, hashes_[slot].take()};
    if (got != plan_.requests[request].expected) {
        count(Failure::body_differs);
    }
    report_.last_answer = got;
}

// ---- ending ----------------------------------------------------------------------------------

// The stream of bytes has ended.
void Worker::on_end(Slot slot, Connection& connection, Status status) noexcept {
    if (connection.state == State::finishing) {
        close(slot, status == Status::eof ? Close::by_server_announced : Close::reset_idle);
        return;
    }
    if (connection.state != State::open) {
        return;
    }
    if (status == Status::eof && connection.in_flight > 0 && connection.reader.finish()) {
        on_answer(slot, connection);
        if (connection.in_flight == 0) {
            close(slot, Close::by_server_announced);  // its end was the end of the answer
            return;
        }
    }
    const bool reset = status != Status::eof;
    if (connection.in_flight == 0) {
        close(slot, reset ? Close::reset_idle : Close::by_server_idle);
        return;
    }
    lose(slot, reset ? Failure::reset : Failure::closed_early,
         reset ? Close::reset_outstanding : Close::by_server_outstanding);
}

// Requests that await an answer will get none.
void Worker::lose(Slot slot, Failure why, Close how) noexcept {
    Connection& connection = connections_[slot];
    count(why, connection.in_flight);
    connection.refused = connection.answered == 0;
    close(slot, how);
}

void Worker::close(Slot slot, Close how) noexcept {
    Connection& connection = connections_[slot];
    if (connection.state == State::connecting) {
        --connecting_;
    } else {
        open_ -= connection.state == State::open ? 1 : 0;
        tally_->closes[static_cast<std::size_t>(how)]++;
    }
    if (connection.in_flight > 0 && connection.state == State::finishing) {
        count(Failure::closed_early, connection.in_flight);  // pipelined after the last answer
    }
    for (std::uint32_t i = 0; i < connection.in_flight; ++i) {
        end_request(in_flight_at(slot, i));
    }
    connection.in_flight = 0;
    connection.state = State::closing;
    backend_->close(token(slot, OpKind::close));
}

void Worker::on_closed(Slot slot, Connection& connection) noexcept {
    connection.generation = (connection.generation + 1) & kGenerationMask;
    connection.sending = false;
    connection.state = State::closed;
    connection.since = now_;
    if (std::exchange(connection.refused, false)) {
        return;  // sweep() tries again
    }
    if (!running_ || over_) {
        return;
    }
    if (plan_.open_loop() && plan_.churn > 0) {
        connection.free_since = now_;
        offer(slot);
    } else if (requests_left_ > connecting_) {
        connect(slot);
    }
}

}  // namespace sluice::load

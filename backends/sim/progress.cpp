// What happens inside poll(): events of the network, their effects on operations, and the batch.
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "backends/sim/allocation.h"
#include "backends/sim/backend.h"

namespace sluice {

namespace {

// Each poll() costs that much virtual time, so that a loop that never waits still sees time pass.
constexpr Nanos kTurn = kMicrosecond;
constexpr std::size_t kAcceptsPerTurn = 64;
constexpr std::size_t kChunksPerTurn = 4;
// poll(kNever) on a dead network waits for wake(), but not for ever: a test would hang.
constexpr std::chrono::seconds kStuck{30};

}  // namespace

void SimBackend::mark(Slot slot) {
    if (!slots_[slot].dirty) {
        slots_[slot].dirty = true;
        dirty_.push_back(slot);
    }
}

void SimBackend::on_socket(Socket socket, std::uint32_t tag) {
    if (tag != kNoSlot && slots_[tag].socket == socket) {
        mark(tag);
    }
}

void SimBackend::later(Nanos delay, std::function<void()> action) {
    network_.after(delay, [alive = std::weak_ptr<int>(alive_), action = std::move(action)] {
        if (!alive.expired()) {
            action();
        }
    });
}

// --- Records --------------------------------------------------------------------------------

void SimBackend::push(const Completion& completion, bool held) {
    queue_.push_back(Record{completion, held});
    queue_held_ += held ? 1 : 0;
}

void SimBackend::finish(Slot slot, OpKind kind, Status status, std::uint64_t bytes) {
    SlotData& data = slots_[slot];
    bool held = false;
    switch (kind) {
        case OpKind::connect: data.connect = Op::finished; break;
        case OpKind::recv: data.recv = Op::finished; break;
        case OpKind::send:
            data.send = Op::finished;
            held = status == Status::ok && data.sending.urgency == SendUrgency::quiet &&
                   !data.sending.waited;
            break;
        case OpKind::read: data.read = Op::finished; break;
        case OpKind::none:
        case OpKind::accept:
        case OpKind::close:
        case OpKind::internal: CHECK(false);
    }
    Completion completion;
    completion.token = Token{slot, data.generation, kind};
    completion.status = status;
    completion.bytes = bytes;
    push(completion, held);
}

// Ends everything in flight on a slot that is being closed.
void SimBackend::withdraw(Slot slot) {
    SlotData& data = slots_[slot];
    if (data.connect == Op::running) {
        finish(slot, OpKind::connect, Status::cancelled);
    }
    if (data.send == Op::running) {
        finish(slot, OpKind::send, Status::cancelled, data.sending.bytes);
    }
    if (data.recv == Op::running) {
        finish(slot, OpKind::recv, Status::cancelled);
    }
}

// --- Progress -------------------------------------------------------------------------------

void SimBackend::progress() {
    for (ListenerId id = 0; id < listeners_.size(); ++id) {
        if (listeners_[id].open && listeners_[id].accept == Op::running) {
            progress_listener(id);
        }
    }
    std::vector<Slot> turn;
    turn.swap(dirty_);
    for (std::size_t left = turn.size(); left > 0; --left) {
        // In random order: nobody may rely on one.
        std::swap(turn[left - 1], turn[network_.random().between<std::size_t>(0, left - 1)]);
        slots_[turn[left - 1]].dirty = false;
        progress_slot(turn[left - 1]);
    }
}

void SimBackend::progress_listener(ListenerId id) {
    ListenerData& listener = listeners_[id];
    // A stop may come too late for some of the sockets that wait.
    const bool stop_now = listener.stopping && network_.random().chance(0.5);
    std::size_t budget = stop_now ? 0 : kAcceptsPerTurn;
    Completion completion;
    completion.token = listener.token;
    for (; budget > 0 && !network_.backlog_empty(listener.id); --budget) {
        if ((sockets_max_ != SIZE_MAX && sockets_used() >= sockets_max_) ||
            network_.random().chance(network_.faults().accept_no_fds)) {
            listener.accept = Op::finished;
            completion.more = false;
            completion.status = Status::no_fds;
            completion.socket = kNoSocket;
            push(completion);
            return;
        }
        completion.more = true;
        completion.socket = network_.accept(listener.id, this, kNoSlot);
        homeless_.push_back(completion.socket);
        push(completion);
    }
    if (listener.stopping) {
        listener.accept = Op::finished;
        completion.more = false;
        completion.status = Status::cancelled;
        completion.socket = kNoSocket;
        push(completion);
    }
}

void SimBackend::progress_slot(Slot slot) {
    SlotData& data = slots_[slot];
    if (data.state == SlotState::connecting) {
        progress_connect(slot);
    }
    if (data.state != SlotState::open) {
        return;
    }
    progress_send(slot);
    if (data.fin_wanted && data.send != Op::running) {
        network_.shutdown_write(data.socket);
    }
    progress_recv(slot);
}

void SimBackend::progress_connect(Slot slot) {
    SlotData& data = slots_[slot];
    const SimSocket& socket = *network_.find(data.socket);
    if (socket.connecting || data.connect != Op::running) {
        return;
    }
    data.state = socket.broken == Status::ok ? SlotState::open : SlotState::failed;
    finish(slot, OpKind::connect, socket.broken);
}

void SimBackend::progress_recv(Slot slot) {
    SlotData& data = slots_[slot];
    if (data.recv != Op::running) {
        return;
    }
    if (data.recv_stopping && network_.random().chance(0.5)) {
        finish(slot, OpKind::recv, Status::cancelled);
        return;
    }
    for (std::size_t chunks = 0; chunks < kChunksPerTurn; ++chunks) {
        if (network_.find(data.socket)->inbox.empty() || !deliver_chunk(slot)) {
            break;
        }
    }
    const SimSocket& socket = *network_.find(data.socket);
    if (data.recv_stopping) {
        finish(slot, OpKind::recv, Status::cancelled);
    } else if (!socket.inbox.empty()) {
        if (!data.starved && !data.paused) {
            mark(slot);
        }
    } else if (socket.broken != Status::ok) {
        finish(slot, OpKind::recv, socket.broken);
    } else if (socket.fin_arrived) {
        finish(slot, OpKind::recv, Status::eof);
    }
}

// False when the stream has to pause.
bool SimBackend::deliver_chunk(Slot slot) {
    SlotData& data = slots_[slot];
    if (data.starved || data.paused) {
        return false;
    }
    if (buffers_free_.empty()) {
        data.starved = true;
        starved_.push_back(slot);
        return false;
    }
    SimRandom& random = network_.random();
    if (random.chance(network_.faults().pause_recv)) {
        data.paused = true;
        later(network_.options().latency_max, [this, slot, generation = data.generation] {
            if (slots_[slot].generation == generation) {
                slots_[slot].paused = false;
                mark(slot);
            }
        });
        return false;
    }
    const std::size_t pick = random.between<std::size_t>(0, buffers_free_.size() - 1);
    const BufferId buffer = buffers_free_[pick];
    buffers_free_[pick] = buffers_free_.back();
    buffers_free_.pop_back();
    buffers_[buffer] = BufferState::filled;

    std::size_t bytes_max = limits_.recv_buffer_bytes;
    if (random.chance(network_.faults().short_recv)) {
        bytes_max = random.between<std::size_t>(1, bytes_max);
    }
    char* to = &memory_[std::size_t{buffer} * limits_.recv_buffer_bytes];
    Completion completion;
    completion.token = Token{slot, data.generation, OpKind::recv};
    completion.more = true;
    completion.buffer = buffer;
    completion.size = static_cast<std::uint32_t>(network_.read(data.socket, to, bytes_max));
    completion.data = to;
    push(completion);
    return true;
}

// --- poll and wake --------------------------------------------------------------------------

std::span<const Completion> SimBackend::poll(Nanos deadline) noexcept {
    const SimPlenty plenty;
    network_.advance_to(network_.now() + kTurn);
    const bool spurious = network_.random().chance(network_.faults().spurious_return);
    for (;;) {
        // What is due now happens in any case; the deadline limits only what comes later.
        while (network_.step(network_.now())) {
        }
        progress();
        if (queue_.size() > queue_held_) {
            break;  // something to report
        }
        if (dirty_.empty() && (spurious || !wait(deadline))) {
            break;
        }
    }
    fill_batch();
    now_ = network_.now();
    wall_seconds_ = network_.wall_seconds();
    return batch_;
}

// Moves on to the next event; false when poll() is to return instead.
bool SimBackend::wait(Nanos deadline) {
    {
        const std::scoped_lock lock(wake_mutex_);
        if (woken_) {
            woken_ = false;
            return false;
        }
    }
    if (network_.step(deadline)) {
        return true;
    }
    if (deadline != kNever) {
        network_.advance_to(deadline);
        return false;
    }
    std::unique_lock lock(wake_mutex_);
    if (!wake_condition_.wait_for(lock, kStuck, [this] { return woken_; })) {
        std::fputs("poll(kNever): nothing will ever happen, and nobody wakes\n", stderr);
        CHECK(woken_);
    }
    woken_ = false;
    return false;
}

void SimBackend::wake() noexcept {
    const SimPlenty plenty;
    {
        const std::scoped_lock lock(wake_mutex_);
        woken_ = true;
    }
    wake_condition_.notify_one();
}

void SimBackend::fill_batch() {
    batch_.clear();
    while (!queue_.empty() && batch_.size() < limits_.completions) {
        const Record& record = queue_.front();
        queue_held_ -= record.held ? 1 : 0;
        batch_.push_back(record.completion);
        queue_.pop_front();
    }
    for (const Completion& completion : batch_) {
        delivered(completion);
    }
}

void SimBackend::delivered(const Completion& completion) {
    const Token token = completion.token;
    if (token.kind() == OpKind::accept) {
        if (!completion.more) {
            listeners_[token.slot()].accept = Op::none;
        }
        return;
    }
    SlotData& data = slots_[token.slot()];
    CHECK(data.generation == token.generation());
    switch (token.kind()) {
        case OpKind::connect: data.connect = Op::none; break;
        case OpKind::read: data.read = Op::none; break;
        case OpKind::send:
            // The caller's memory must be as it was in the call.
            CHECK(fingerprint(data.sending) == data.sending.fingerprint);
            data.send = Op::none;
            break;
        case OpKind::recv:
            if (completion.buffer != kNoBuffer) {
                buffers_[completion.buffer] = BufferState::lent;
            }
            if (!completion.more) {
                data.recv = Op::none;
            }
            break;
        case OpKind::close:
            CHECK(data.connect == Op::none && data.recv == Op::none && data.send == Op::none &&
                  data.read == Op::none);
            data.state = SlotState::free;
            break;
        case OpKind::none:
        case OpKind::accept:
        case OpKind::internal: CHECK(false);
    }
}

}  // namespace sluice

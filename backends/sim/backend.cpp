// The verbs: they check the rules and note what is wanted. What happens then is in progress.cpp.
#include "backends/sim/backend.h"
#include "backends/sim/allocation.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace sluice {

namespace {

// What a released buffer holds, so that reading it afterwards shows.
constexpr int kReleased = 0xdd;
constexpr std::uint32_t kRecvBuffersMax = 32'768;

}  // namespace

Result<std::unique_ptr<Backend>> SimFactory::create(const BackendLimits& limits) const {
    return std::make_unique<SimBackend>(network_, limits);
}

SimBackend::SimBackend(SimNetwork& network, const BackendLimits& limits)
    : network_(network),
      limits_(limits),
      now_(network.now()),
      wall_seconds_(network.wall_seconds()),
      slots_(limits.slots),
      listeners_(limits.listeners),
      memory_(std::size_t{limits.recv_buffers} * limits.recv_buffer_bytes),
      buffers_(limits.recv_buffers, BufferState::free) {
    CHECK(std::has_single_bit(limits.recv_buffers) && limits.recv_buffers <= kRecvBuffersMax);
    CHECK(limits.completions > 0);
    for (BufferId buffer = 0; buffer < limits.recv_buffers; ++buffer) {
        buffers_free_.push_back(buffer);
    }
}

SimBackend::~SimBackend() {
    for (const SlotData& data : slots_) {
        if (native_of(data) != kNoSocket) {
            network_.close(data.socket);
        }
    }
    for (const Socket socket : homeless_) {
        network_.close(socket);
    }
    for (const ListenerData& listener : listeners_) {
        if (listener.open) {
            network_.close_listener(listener.id);
        }
    }
}

// --- Listening ------------------------------------------------------------------------------

SimBackend::ListenerData& SimBackend::open_listener(ListenerId listener) {
    CHECK(listener < listeners_.size() && listeners_[listener].open);
    return listeners_[listener];
}

const SimBackend::ListenerData& SimBackend::open_listener(ListenerId listener) const {
    CHECK(listener < listeners_.size() && listeners_[listener].open);
    return listeners_[listener];
}

Result<ListenerId> SimBackend::listen(const Endpoint& endpoint, const ListenOptions& options) {
    const auto place = std::ranges::find(listeners_, false, &ListenerData::open);
    if (place == listeners_.end()) {
        return fail(Status::no_memory, "listen: more listeners than the backend was made for");
    }
    if (options.inherit != kNoSocket) {
        return fail(Status::not_supported, "listen: a listening socket cannot be inherited");
    }
    const auto id = static_cast<ListenerId>(place - listeners_.begin());
    const auto listener = network_.listen(this, id, endpoint, options);
    if (!listener) {
        return std::unexpected(listener.error());
    }
    *place = ListenerData{};
    place->open = true;
    place->id = *listener;
    return id;
}

Result<Endpoint> SimBackend::local(ListenerId listener) const {
    return network_.bound(open_listener(listener).id);
}

void SimBackend::accept_start(ListenerId listener, Token token) noexcept {
    const SimPlenty plenty;
    ListenerData& data = open_listener(listener);
    CHECK(token.kind() == OpKind::accept && token.slot() == listener);
    CHECK(data.accept == Op::none);
    data.accept = Op::running;
    data.stopping = false;
    data.token = token;
}

void SimBackend::accept_stop(ListenerId listener) noexcept {
    const SimPlenty plenty;
    ListenerData& data = open_listener(listener);
    if (data.accept == Op::running) {
        data.stopping = true;
    }
}

void SimBackend::close_listener(ListenerId listener) noexcept {
    const SimPlenty plenty;
    ListenerData& data = open_listener(listener);
    CHECK(data.accept == Op::none);
    network_.close_listener(data.id);
    data.open = false;
}

// --- Sockets and slots ----------------------------------------------------------------------

SimBackend::SlotData& SimBackend::bound_slot(Slot slot) {
    CHECK(slot < slots_.size());
    SlotData& data = slots_[slot];
    CHECK(data.state != SlotState::free && data.state != SlotState::closing);
    return data;
}

SimBackend::SlotData& SimBackend::bound_slot(Token token, OpKind kind) {
    SlotData& data = bound_slot(token.slot());
    CHECK(token.generation() == data.generation);
    CHECK(token.kind() == kind);
    return data;
}

Socket SimBackend::native_of(const SlotData& data) {
    const bool bound = data.state != SlotState::free && data.state != SlotState::closing;
    return bound ? data.socket : kNoSocket;
}

std::size_t SimBackend::sockets_used() const {
    const auto bound = std::ranges::count_if(
        slots_, [](const SlotData& data) { return native_of(data) != kNoSocket; });
    return static_cast<std::size_t>(bound) + homeless_.size();
}

void SimBackend::adopt(Slot slot, Generation generation, Socket socket) noexcept {
    const SimPlenty plenty;
    CHECK(slot < slots_.size());
    SlotData& data = slots_[slot];
    CHECK(data.state == SlotState::free);
    CHECK(data.generation != (generation & kGenerationMask));
    CHECK(std::erase(homeless_, socket) == 1);
    data = SlotData{};
    data.state = SlotState::open;
    data.generation = generation & kGenerationMask;
    data.socket = socket;
    network_.find(socket)->tag = slot;
}

void SimBackend::discard(Socket socket) noexcept {
    const SimPlenty plenty;
    CHECK(std::erase(homeless_, socket) == 1);
    network_.close(socket);
}

void SimBackend::connect(Token token, const Endpoint& peer) noexcept {
    const SimPlenty plenty;
    CHECK(token.slot() < slots_.size() && token.kind() == OpKind::connect);
    SlotData& data = slots_[token.slot()];
    CHECK(data.state == SlotState::free);
    CHECK(data.generation != token.generation());
    const bool no_fds = sockets_max_ != SIZE_MAX && sockets_used() >= sockets_max_;
    data = SlotData{};
    data.generation = token.generation();
    data.connect = Op::running;
    if (no_fds) {
        data.state = SlotState::failed;
        finish(token.slot(), OpKind::connect, Status::no_fds);
        return;
    }
    data.state = SlotState::connecting;
    data.socket = network_.connect(this, token.slot(), peer);
}

Endpoint SimBackend::peer(Slot slot) const noexcept {
    const SimPlenty plenty;
    CHECK(slot < slots_.size());
    const SlotData& data = slots_[slot];
    CHECK(data.state != SlotState::free && data.state != SlotState::closing);
    const SimSocket* socket = network_.find(data.socket);
    const bool there = socket != nullptr && !socket->connecting && socket->broken == Status::ok;
    return there ? socket->remote : Endpoint{};
}

Socket SimBackend::native(Slot slot) const noexcept {
    CHECK(slot < slots_.size());
    return native_of(slots_[slot]);
}

// --- Receiving ------------------------------------------------------------------------------

void SimBackend::recv_start(Token token) noexcept {
    const SimPlenty plenty;
    SlotData& data = bound_slot(token, OpKind::recv);
    CHECK(data.state == SlotState::open);
    CHECK(data.recv == Op::none);
    data.recv = Op::running;
    data.recv_stopping = false;
    mark(token.slot());
}

void SimBackend::recv_stop(Slot slot) noexcept {
    const SimPlenty plenty;
    SlotData& data = bound_slot(slot);
    if (data.recv == Op::running) {
        data.recv_stopping = true;
        mark(slot);
    }
}

void SimBackend::release(BufferId buffer) noexcept {
    const SimPlenty plenty;
    CHECK(buffer < buffers_.size());
    CHECK(buffers_[buffer] == BufferState::lent);
    buffers_[buffer] = BufferState::free;
    buffers_free_.push_back(buffer);
    std::memset(&memory_[std::size_t{buffer} * limits_.recv_buffer_bytes], kReleased,
                limits_.recv_buffer_bytes);
    for (const Slot slot : starved_) {
        slots_[slot].starved = false;
        mark(slot);
    }
    starved_.clear();
}

// --- Sending, closing -----------------------------------------------------------------------

void SimBackend::send(Token token, std::span<const Slice> slices, SendUrgency urgency) noexcept {
    const SimPlenty plenty;
    start_send(token, slices, nullptr, urgency);
}

void SimBackend::send_file(Token token, std::span<const Slice> head, const FileRange& range,
                           SendUrgency urgency) noexcept {
    const SimPlenty plenty;
    start_send(token, head, &range, urgency);
}

std::uint64_t SimBackend::unacknowledged(Slot slot) const noexcept {
    CHECK(slot < slots_.size());
    const SlotData& data = slots_[slot];
    CHECK(data.state == SlotState::open);
    std::uint64_t bytes = network_.find(data.socket)->outstanding;
    if (data.send == Op::running) {
        bytes += data.sending.file.length - data.sending.bytes;
        for (std::size_t i = 0; i < data.sending.slice_count; ++i) {
            bytes += data.sending.slices[i].size;
        }
    }
    return bytes;
}

void SimBackend::shutdown_send(Slot slot) noexcept {
    const SimPlenty plenty;
    SlotData& data = bound_slot(slot);
    CHECK(data.state == SlotState::open);
    data.fin_wanted = true;
    mark(slot);
}

void SimBackend::close(Token token) noexcept {
    const SimPlenty plenty;
    SlotData& data = bound_slot(token, OpKind::close);
    const Slot slot = token.slot();
    if (data.send == Op::running && network_.random().chance(0.5)) {
        progress_send(slot);  // a send may just be done when it is withdrawn
    }
    withdraw(slot);
    if (data.socket != kNoSocket) {
        network_.close(data.socket);
    }
    data.state = SlotState::closing;
    later(network_.random().between<Nanos>(0, network_.options().latency_max), [this, slot] {
        slots_[slot].close_due = true;
        end_close(slot);
    });
}

// When its time has come and no read is under way.
void SimBackend::end_close(Slot slot) {
    SlotData& data = slots_[slot];
    if (data.close_due && data.read != Op::running) {
        data.close_due = false;
        Completion completion;
        completion.token = Token{slot, data.generation, OpKind::close};
        push(completion);
    }
}

SimUsage SimBackend::usage() const {
    SimUsage usage;
    for (const SlotData& data : slots_) {
        usage.slots += data.state != SlotState::free ? 1 : 0;
        for (const Op op : {data.connect, data.recv, data.send, data.read}) {
            usage.operations += op != Op::none ? 1 : 0;
        }
    }
    usage.buffers_lent = static_cast<std::size_t>(
        std::ranges::count_if(buffers_, [](BufferState s) { return s != BufferState::free; }));
    usage.sockets_homeless = homeless_.size();
    return usage;
}

}  // namespace sluice

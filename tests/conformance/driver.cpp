#include "tests/conformance/driver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace sluice::conformance {

namespace {

std::size_t index_of(OpKind kind) {
    return static_cast<std::size_t>(kind);
}

bool one_of(Status status, std::initializer_list<Status> allowed) {
    return std::ranges::find(allowed, status) != allowed.end();
}

}  // namespace

Driver::Driver(std::unique_ptr<Backend> backend, const BackendLimits& limits)
    : limits_(limits),
      backend_(std::move(backend)),
      connections_(limits.slots),
      listeners_(limits.listeners),
      lent_(limits.recv_buffers) {}

Driver::~Driver() = default;

// --- Verbs ----------------------------------------------------------------------------------

Result<ListenerId> Driver::listen(const Endpoint& endpoint, const ListenOptions& options) {
    auto id = backend_->listen(endpoint, options);
    if (id) {
        EXPECT_LT(*id, limits_.listeners);
        EXPECT_FALSE(listeners_.at(*id).open) << "the number of an open listener was given again";
        listeners_.at(*id) = Listener{};
        listeners_.at(*id).open = true;
    }
    return id;
}

void Driver::accept_start(ListenerId id) {
    Listener& listener = listeners_.at(id);
    listener.accepting = true;
    listener.stopping = false;
    listener.accept_end.reset();
    ++started_;
    // Any generation will do: it only has to come back.
    listener.token = Token{id, (listener.token.generation() + 1) & kGenerationMask, OpKind::accept};
    backend_->accept_start(id, listener.token);
}

void Driver::accept_stop(ListenerId id) {
    listeners_.at(id).stopping = true;
    backend_->accept_stop(id);
}

void Driver::close_listener(ListenerId id) {
    backend_->close_listener(id);
    listeners_.at(id).open = false;
}

Slot Driver::free_slot() const {
    const auto found = std::ranges::find(connections_, false, &Connection::bound);
    return found == connections_.end() ? kNoSlot : static_cast<Slot>(found - connections_.begin());
}

void Driver::bind(Slot slot) {
    Connection& connection = connections_.at(slot);
    const Generation generation = (connection.generation + 1) & kGenerationMask;
    connection = Connection{};
    connection.generation = generation;
    connection.bound = true;
}

Slot Driver::adopt(Socket socket) {
    const Slot slot = free_slot();
    bind(slot);
    backend_->adopt(slot, connections_[slot].generation, socket);
    return slot;
}

Slot Driver::connect(const Endpoint& endpoint) {
    const Slot slot = free_slot();
    bind(slot);
    backend_->connect(start(slot, OpKind::connect), endpoint);
    return slot;
}

Token Driver::start(Slot slot, OpKind kind) {
    Connection& connection = connections_.at(slot);
    EXPECT_TRUE(connection.bound && !connection.flying(kind)) << "the test breaks the rules";
    connection.in_flight[index_of(kind)] = true;
    ++started_;
    return Token{slot, connection.generation, kind};
}

void Driver::recv_start(Slot slot) {
    at(slot).recv_end.reset();
    at(slot).recv_stopping = false;
    backend_->recv_start(start(slot, OpKind::recv));
}

void Driver::recv_stop(Slot slot) {
    at(slot).recv_stopping = true;
    backend_->recv_stop(slot);
}

std::vector<Slice> Driver::keep(Connection& connection, std::vector<std::string> slices) {
    connection.send_end.reset();
    connection.send_memory = std::move(slices);
    connection.send_total = 0;
    std::vector<Slice> view;
    for (const std::string& bytes : connection.send_memory) {
        view.push_back(Slice{bytes.data(), bytes.size()});
        connection.send_total += bytes.size();
    }
    return view;
}

void Driver::send(Slot slot, std::vector<std::string> slices, SendUrgency urgency) {
    const Token token = start(slot, OpKind::send);
    // The array of slices lives only until the verb returns; the bytes last.
    const std::vector<Slice> view = keep(at(slot), std::move(slices));
    at(slot).send_is_file = false;
    backend_->send(token, view, urgency);
}

void Driver::send_file(Slot slot, std::vector<std::string> head, const FileRange& range,
                       SendUrgency urgency) {
    const Token token = start(slot, OpKind::send);
    Connection& connection = at(slot);
    const std::vector<Slice> view = keep(connection, std::move(head));
    connection.send_is_file = true;
    connection.send_total += range.length;
    FileRange kept = range;
    if (range.stamp != nullptr) {
        connection.send_stamp = std::make_unique<FileStamp>(*range.stamp);
        kept.stamp = connection.send_stamp.get();
    }
    backend_->send_file(token, view, kept, urgency);
}

void Driver::read(Slot slot, const FileRange& range) {
    const Token token = start(slot, OpKind::read);
    Connection& connection = at(slot);
    connection.read_end.reset();
    connection.read_memory.assign(range.length, '\0');
    FileRange kept = range;
    if (range.stamp != nullptr) {
        connection.read_stamp = std::make_unique<FileStamp>(*range.stamp);
        kept.stamp = connection.read_stamp.get();
    }
    backend_->read(token, kept, connection.read_memory.data());
}

void Driver::shutdown_send(Slot slot) {
    backend_->shutdown_send(slot);
}

void Driver::close(Slot slot) {
    const Token token = start(slot, OpKind::close);
    at(slot).closing = true;
    backend_->close(token);
}

void Driver::release_held(std::size_t count) {
    for (; count > 0 && !held_.empty(); --count) {
        const BufferId buffer = held_.back().buffer;
        EXPECT_EQ(
            std::memcmp(held_.back().data, held_.back().bytes.data(), held_.back().bytes.size()), 0)
            << "a lent buffer was overwritten";
        held_.pop_back();
        lent_.at(buffer) = false;
        backend_->release(buffer);
    }
}

bool Driver::lent_unchanged() const {
    return std::ranges::all_of(held_, [](const Held& held) {
        return std::memcmp(held.data, held.bytes.data(), held.bytes.size()) == 0;
    });
}

std::size_t Driver::operations() const {
    std::size_t count = 0;
    for (const Connection& connection : connections_) {
        count += static_cast<std::size_t>(std::ranges::count(connection.in_flight, true));
    }
    for (const Listener& listener : listeners_) {
        count += listener.accepting ? 1 : 0;
    }
    return count;
}

std::size_t Driver::bound() const {
    return static_cast<std::size_t>(std::ranges::count(connections_, true, &Connection::bound));
}

std::string Driver::in_flight() const {
    constexpr std::array kNames = {"none", "accept", "connect", "recv",
                                   "send", "read",   "close",   "internal"};
    std::string text;
    for (std::size_t slot = 0; slot < connections_.size(); ++slot) {
        const auto& flying = connections_[slot].in_flight;
        if (std::ranges::count(flying, true) == 0) {
            continue;
        }
        text += (text.empty() ? "slot " : ", slot ") + std::to_string(slot) + ":";
        for (std::size_t kind = 0; kind < flying.size(); ++kind) {
            text += flying[kind] ? std::string(" ") + kNames[kind] : "";
        }
    }
    for (std::size_t id = 0; id < listeners_.size(); ++id) {
        if (listeners_[id].accepting) {
            text += (text.empty() ? "listener " : ", listener ") + std::to_string(id) + ": accept";
        }
    }
    return text;
}

// --- Completions ----------------------------------------------------------------------------

std::size_t Driver::poll(Nanos deadline) {
    const Nanos before = backend_->now();
    const std::span<const Completion> completions = backend_->poll(deadline);
    ++polls_;
    EXPECT_GE(backend_->now(), before) << "the clock ran backwards";
    EXPECT_LE(completions.size(), limits_.completions);
    for (const Completion& completion : completions) {
        on(completion);
    }
    return completions.size();
}

void Driver::complain(const Completion& completion, std::string_view rule) const {
    ADD_FAILURE() << rule << " (slot " << completion.token.slot() << ", generation "
                  << completion.token.generation() << ", kind "
                  << static_cast<int>(completion.token.kind()) << ", status "
                  << to_string(completion.status) << (completion.more ? ", more)" : ")");
}

void Driver::on(const Completion& completion) {
    const Token token = completion.token;
    completed_ += completion.more ? 0 : 1;
    records_.push_back(Record{token, completion.status, completion.more, completion.size, polls_});
    if (token.kind() == OpKind::accept) {
        on_accept(completion);
        return;
    }
    if (token.slot() >= connections_.size()) {
        complain(completion, "a completion names no slot");
        return;
    }
    Connection& connection = connections_[token.slot()];
    if (!connection.bound || token.generation() != connection.generation) {
        complain(completion, "a completion came after the last one of its generation");
        return;
    }
    if (index_of(token.kind()) >= connection.in_flight.size() || !connection.flying(token.kind())) {
        complain(completion, "a completion for what is not in flight");
        return;
    }
    connection.in_flight[index_of(token.kind())] = completion.more;
    if (completion.more && token.kind() != OpKind::recv) {
        complain(completion, "only streams have more");
    }
    if (completion.status == Status::cancelled && !connection.closing &&
        !(token.kind() == OpKind::recv && connection.recv_stopping)) {
        complain(completion, "cancelled, but nobody withdrew it");
    }
    if (completion.buffer != kNoBuffer && token.kind() != OpKind::recv) {
        complain(completion, "a buffer outside a receive stream");
    }
    switch (token.kind()) {
        case OpKind::recv: on_recv(connection, completion); break;
        case OpKind::send: on_send(connection, completion); break;
        case OpKind::read: on_read(connection, completion); break;
        case OpKind::close: on_close(connection, completion); break;
        case OpKind::connect: connection.connect_end = completion.status; break;
        case OpKind::none:
        case OpKind::accept:
        case OpKind::internal: complain(completion, "not a kind that leaves the backend");
    }
}

void Driver::on_accept(const Completion& completion) {
    const ListenerId id = completion.token.slot();
    if (id >= listeners_.size() || !listeners_[id].accepting ||
        completion.token != listeners_[id].token) {
        complain(completion, "an accept that nobody started");
        return;
    }
    Listener& listener = listeners_[id];
    if (completion.more) {
        if (completion.status != Status::ok || completion.socket == kNoSocket) {
            complain(completion, "an accept stream goes on only with a socket");
            return;
        }
        listener.accepted.push_back(completion.socket);
        return;
    }
    if (completion.status == Status::ok) {
        complain(completion, "an accept stream does not end with ok");
    }
    if (completion.status == Status::cancelled && !listener.stopping) {
        complain(completion, "the accept stream was cancelled, but nobody stopped it");
    }
    listener.accepting = false;
    listener.accept_end = completion.status;
}

void Driver::on_recv(Connection& connection, const Completion& completion) {
    if (completion.buffer != kNoBuffer) {
        take(connection, completion);
        return;
    }
    if (completion.more) {
        complain(completion, "a receive stream goes on only with data");
    }
    if (!one_of(completion.status,
                {Status::eof, Status::reset, Status::timed_out, Status::cancelled})) {
        complain(completion, "not an end of a receive stream");
    }
    connection.recv_end = completion.status;
}

void Driver::take(Connection& connection, const Completion& completion) {
    if (completion.buffer >= limits_.recv_buffers || lent_[completion.buffer]) {
        complain(completion, "the buffer does not exist or is lent already");
        return;
    }
    if (completion.status != Status::ok || !completion.more) {
        complain(completion, "data comes with ok and more");
    }
    if (completion.size == 0 || completion.size > limits_.recv_buffer_bytes) {
        complain(completion, "the chunk's size is impossible");
    }
    connection.received.append(completion.data, completion.size);
    ++connection.chunks;
    if (hold_) {
        lent_[completion.buffer] = true;
        held_.push_back({completion.buffer, completion.data, {completion.data, completion.size}});
    } else {
        backend_->release(completion.buffer);
    }
}

void Driver::on_send(Connection& connection, const Completion& completion) {
    if (completion.bytes > connection.send_total) {
        complain(completion, "more bytes left than were to be sent");
    }
    if (completion.status == Status::ok && completion.bytes != connection.send_total) {
        complain(completion, "a send completes whole or with an error");
    }
    if (completion.status == Status::changed && !connection.send_is_file) {
        complain(completion, "only files change");
    }
    if (!one_of(completion.status, {Status::ok, Status::reset, Status::timed_out, Status::cancelled,
                                    Status::changed})) {
        complain(completion, "not an end of a send");
    }
    connection.send_end = SendResult{completion.status, completion.bytes};
    // The memory is ours again: if the backend still reads it, the peer will see.
    for (std::string& bytes : connection.send_memory) {
        std::memset(bytes.data(), '!', bytes.size());
    }
    connection.send_memory.clear();
    connection.send_stamp.reset();
}

void Driver::on_read(Connection& connection, const Completion& completion) {
    if (completion.bytes > connection.read_memory.size()) {
        complain(completion, "more bytes were read than were wanted");
    }
    if (completion.status == Status::ok && completion.bytes != connection.read_memory.size()) {
        complain(completion, "a read completes whole or with an error");
    }
    connection.read_end = SendResult{completion.status, completion.bytes};
    connection.read_stamp.reset();
}

void Driver::on_close(Connection& connection, const Completion& completion) {
    if (completion.status != Status::ok) {
        complain(completion, "close succeeds");
    }
    if (std::ranges::count(connection.in_flight, true) != 0) {
        complain(completion, "close completed before what was in flight");
    }
    connection.close_end = completion.status;
    connection.bound = false;
}

}  // namespace sluice::conformance

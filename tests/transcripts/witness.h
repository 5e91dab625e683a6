// Witness: a backend that passes everything on to another and notes what a test must know of each
// connection: how many bytes the server has taken from it, and whether the server has closed it.
// Connections are named by the port of their client.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "core/backend.h"

namespace sluice::transcripts {

class Witness final : public Backend {
  public:
    struct Seen {
        std::uint64_t received = 0;
        bool closed = false;
    };

    Witness(Backend& inner, std::uint32_t slots) : inner_(inner), by_slot_(slots) {}

    // Of the connection from that port; null: not accepted yet.
    [[nodiscard]] const Seen* seen(std::uint16_t port) const {
        const auto found = by_port_.find(port);
        return found == by_port_.end() ? nullptr : &found->second;
    }
    // To be called before ports are used again.
    void forget() { by_port_.clear(); }
    // Completions of the last poll().
    [[nodiscard]] std::size_t last_batch() const { return last_batch_; }

    std::string_view name() const noexcept override { return inner_.name(); }
    Nanos now() const noexcept override { return inner_.now(); }
    std::int64_t wall_seconds() const noexcept override { return inner_.wall_seconds(); }
    Result<ListenerId> listen(const Endpoint& endpoint, const ListenOptions& options) override {
        return inner_.listen(endpoint, options);
    }
    Result<Endpoint> local(ListenerId listener) const override { return inner_.local(listener); }
    Socket listening(ListenerId listener) const noexcept override {
        return inner_.listening(listener);
    }
    void accept_start(ListenerId listener, Token token) noexcept override {
        inner_.accept_start(listener, token);
    }
    void accept_stop(ListenerId listener) noexcept override { inner_.accept_stop(listener); }
    void close_listener(ListenerId listener) noexcept override { inner_.close_listener(listener); }
    void adopt(Slot slot, Generation generation, Socket socket) noexcept override {
        inner_.adopt(slot, generation, socket);
        by_slot_[slot] = &by_port_[inner_.peer(slot).port];
    }
    void discard(Socket socket) noexcept override { inner_.discard(socket); }
    void connect(Token token, const Endpoint& peer) noexcept override {
        inner_.connect(token, peer);
    }
    Endpoint peer(Slot slot) const noexcept override { return inner_.peer(slot); }
    Socket native(Slot slot) const noexcept override { return inner_.native(slot); }
    void recv_start(Token token) noexcept override { inner_.recv_start(token); }
    void recv_stop(Slot slot) noexcept override { inner_.recv_stop(slot); }
    void release(BufferId buffer) noexcept override { inner_.release(buffer); }
    void send(Token token, std::span<const Slice> slices, SendUrgency urgency) noexcept override {
        inner_.send(token, slices, urgency);
    }
    void send_file(Token token, std::span<const Slice> head, const FileRange& range,
                   SendUrgency urgency) noexcept override {
        inner_.send_file(token, head, range, urgency);
    }
    bool in_memory(const FileRange& range) const noexcept override {
        return inner_.in_memory(range);
    }
    void read(Token token, const FileRange& range, char* into) noexcept override {
        inner_.read(token, range, into);
    }
    std::uint64_t unacknowledged(Slot slot) const noexcept override {
        return inner_.unacknowledged(slot);
    }
    void shutdown_send(Slot slot) noexcept override { inner_.shutdown_send(slot); }
    void close(Token token) noexcept override {
        by_slot_[token.slot()]->closed = true;
        inner_.close(token);
    }
    std::span<const Completion> poll(Nanos deadline) noexcept override {
        const std::span<const Completion> batch = inner_.poll(deadline);
        last_batch_ = batch.size();
        for (const Completion& completion : batch) {
            if (completion.token.kind() == OpKind::recv) {
                by_slot_[completion.token.slot()]->received += completion.size;
            }
        }
        return batch;
    }
    void wake() noexcept override { inner_.wake(); }

  private:
    Backend& inner_;
    std::map<std::uint16_t, Seen> by_port_;
    std::vector<Seen*> by_slot_;  // into by_port_, whose nodes stay where they are
    std::size_t last_batch_ = 0;
};

}  // namespace sluice::transcripts

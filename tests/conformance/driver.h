// Driver: a backend with a referee. Every verb goes through it, every completion comes through it,
// and it fails the test as soon as one breaks a rule of core/backend.h, whatever the test itself
// looks at. It plays the caller's part as hard as the contract allows: send memory is overwritten
// right after the completion, receive buffers are copied and given back at once (or held, when the
// test says so), slots are bound again as soon as they are free.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/backend.h"

namespace sluice::conformance {

struct SendResult {
    Status status = Status::ok;
    std::uint64_t bytes = 0;
};

// A completion with its bytes, in the order of their coming.
struct Record {
    Token token;
    Status status = Status::ok;
    bool more = false;
    std::size_t size = 0;
    std::uint64_t poll = 0;  // the number of the poll() that returned it
};

// What is known of a slot: of the present connection, or of the last one.
struct Connection {
    Generation generation = 0;
    bool bound = false;
    bool closing = false;
    bool recv_stopping = false;
    std::array<bool, 8> in_flight{};  // by OpKind

    std::string received;
    std::uint64_t chunks = 0;
    std::optional<Status> recv_end;  // of the last stream
    std::optional<SendResult> send_end;
    std::optional<SendResult> read_end;
    std::optional<Status> connect_end;
    std::optional<Status> close_end;

    std::vector<std::string> send_memory;
    std::unique_ptr<FileStamp> send_stamp;
    std::uint64_t send_total = 0;
    bool send_is_file = false;

    std::string read_memory;
    std::unique_ptr<FileStamp> read_stamp;

    [[nodiscard]] bool flying(OpKind kind) const {
        return in_flight[static_cast<std::size_t>(kind)];
    }
};

struct Listener {
    bool open = false;
    bool accepting = false;
    bool stopping = false;
    Token token;
    std::deque<Socket> accepted;
    std::optional<Status> accept_end;
};

class Driver {
  public:
    Driver(std::unique_ptr<Backend> backend, const BackendLimits& limits);
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;
    ~Driver();

    [[nodiscard]] Backend& backend() { return *backend_; }
    [[nodiscard]] const BackendLimits& limits() const { return limits_; }
    [[nodiscard]] Connection& at(Slot slot) { return connections_.at(slot); }
    [[nodiscard]] Listener& listener(ListenerId id) { return listeners_.at(id); }
    [[nodiscard]] const std::vector<Record>& records() const { return records_; }
    [[nodiscard]] std::uint64_t polls() const { return polls_; }

    [[nodiscard]] Result<ListenerId> listen(const Endpoint& endpoint, const ListenOptions& options);
    void accept_start(ListenerId id);
    void accept_stop(ListenerId id);
    void close_listener(ListenerId id);

    [[nodiscard]] Slot free_slot() const;
    Slot adopt(Socket socket);
    Slot connect(const Endpoint& endpoint);
    void recv_start(Slot slot);
    void recv_stop(Slot slot);
    void send(Slot slot, std::vector<std::string> slices, SendUrgency urgency);
    void send(Slot slot, std::string_view bytes) {
        send(slot, {std::string(bytes)}, SendUrgency::eager);
    }
    // A stamp in the range is copied; its memory need not last.
    void send_file(Slot slot, std::vector<std::string> head, const FileRange& range,
                   SendUrgency urgency = SendUrgency::eager);
    // The bytes arrive in Connection::read_memory.
    void read(Slot slot, const FileRange& range);
    void shutdown_send(Slot slot);
    void close(Slot slot);

    // Returns how many completions came.
    std::size_t poll(Nanos deadline);

    // Keep received buffers instead of giving them back at once.
    void hold_buffers(bool hold) { hold_ = hold; }
    [[nodiscard]] std::size_t held() const { return held_.size(); }
    void release_held(std::size_t count = SIZE_MAX);
    // Whether all held buffers still have the bytes with which they came.
    [[nodiscard]] bool lent_unchanged() const;

    // Operations that have not completed, streams included.
    [[nodiscard]] std::size_t operations() const;
    [[nodiscard]] std::size_t bound() const;
    // The same as text, for messages: "slot 3: send recv, listener 0: accept".
    [[nodiscard]] std::string in_flight() const;
    // Verbs with tokens, and final completions, from the beginning on.
    [[nodiscard]] std::uint64_t started() const { return started_; }
    [[nodiscard]] std::uint64_t completed() const { return completed_; }

  private:
    Token start(Slot slot, OpKind kind);
    [[nodiscard]] std::vector<Slice> keep(Connection& connection, std::vector<std::string> slices);
    void bind(Slot slot);
    void on(const Completion& completion);
    void on_accept(const Completion& completion);
    void on_recv(Connection& connection, const Completion& completion);
    void on_send(Connection& connection, const Completion& completion);
    void on_read(Connection& connection, const Completion& completion);
    void on_close(Connection& connection, const Completion& completion);
    void take(Connection& connection, const Completion& completion);
    void complain(const Completion& completion, std::string_view rule) const;

    BackendLimits limits_;
    std::unique_ptr<Backend> backend_;
    std::vector<Connection> connections_;
    std::vector<Listener> listeners_;
    std::vector<bool> lent_;
    struct Held {
        BufferId buffer;
        const char* data;
        std::string bytes;
    };
    std::vector<Held> held_;
    std::vector<Record> records_;
    std::uint64_t polls_ = 0;
    std::uint64_t started_ = 0;
    std::uint64_t completed_ = 0;
    bool hold_ = false;
};

}  // namespace sluice::conformance

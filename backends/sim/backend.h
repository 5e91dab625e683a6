// SimBackend: the backend contract on a simulated network. It does what the contract allows and a
// kind system would not do: completions of different slots in random order, chunks of random size,
// streams that pause, stops that let another chunk through, successes of quiet sends held back for
// as long as poll() has no other reason to return.
//
// It also checks the caller: verbs against the rules, send memory that changes before the
// completion, buffers released twice or never lent; released buffers are overwritten at once.
// usage() says what is left, for tests to compare with nothing.
//
// OWNERSHIP AND THREADS. The test owns the network and destroys it last. Several backends may share
// one network on one thread. Time is the network's: poll() runs events until there is something to
// return, and jumps to its deadline when there is not. Only poll(kNever) on a network in which
// nothing will ever happen really waits, for wake().
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "backends/sim/network.h"
#include "core/backend.h"

namespace sluice {

// What a backend holds at an instant. All zero when its user has tidied up.
struct SimUsage {
    std::size_t slots = 0;
    std::size_t operations = 0;
    std::size_t buffers_lent = 0;
    std::size_t sockets_homeless = 0;  // accepted, neither adopted nor discarded
    friend bool operator==(const SimUsage&, const SimUsage&) = default;
};

class SimBackend final : public Backend, private SimOwner {
  public:
    SimBackend(SimNetwork& network, const BackendLimits& limits);
    ~SimBackend() override;

    [[nodiscard]] std::string_view name() const noexcept override { return "sim"; }
    [[nodiscard]] Nanos now() const noexcept override { return now_; }
    [[nodiscard]] std::int64_t wall_seconds() const noexcept override { return wall_seconds_; }

    [[nodiscard]] Result<ListenerId> listen(const Endpoint& endpoint,
                                            const ListenOptions& options) override;
    [[nodiscard]] Result<Endpoint> local(ListenerId listener) const override;
    void accept_start(ListenerId listener, Token token) noexcept override;
    void accept_stop(ListenerId listener) noexcept override;
    void close_listener(ListenerId listener) noexcept override;

    void adopt(Slot slot, Generation generation, Socket socket) noexcept override;
    void discard(Socket socket) noexcept override;
    void connect(Token token, const Endpoint& peer) noexcept override;
    [[nodiscard]] Endpoint peer(Slot slot) const noexcept override;
    [[nodiscard]] Socket native(Slot slot) const noexcept override;

    void recv_start(Token token) noexcept override;
    void recv_stop(Slot slot) noexcept override;
    void release(BufferId buffer) noexcept override;
    void send(Token token, std::span<const Slice> slices, SendUrgency urgency) noexcept override;
    void send_file(Token token, std::span<const Slice> head, const FileRange& range,
                   SendUrgency urgency) noexcept override;
    [[nodiscard]] bool in_memory(const FileRange& range) const noexcept override;
    void read(Token token, const FileRange& range, char* into) noexcept override;
    [[nodiscard]] std::uint64_t unacknowledged(Slot slot) const noexcept override;
    void shutdown_send(Slot slot) noexcept override;
    void close(Token token) noexcept override;

    [[nodiscard]] std::span<const Completion> poll(Nanos deadline) noexcept override;
    void wake() noexcept override;

    [[nodiscard]] SimUsage usage() const;
    // Sockets that are open: bound, or accepted and homeless.
    [[nodiscard]] std::size_t sockets_used() const;
    // At most this many sockets may be open, as RLIMIT_NOFILE would have it.
    void limit_sockets(std::size_t sockets_max) { sockets_max_ = sockets_max; }

  private:
    // An operation is in flight until poll() has returned its final completion.
    enum class Op : std::uint8_t { none, running, finished };
    enum class SlotState : std::uint8_t { free, connecting, open, failed, closing };

    struct Sending {
        std::array<Slice, kSlicesMax> slices{};
        std::size_t slice_count = 0;
        std::size_t slice = 0;     // the first that has not left whole
        std::size_t slice_at = 0;  // how much of it has
        FileRange file;
        std::uint64_t file_at = 0;
        std::uint64_t bytes = 0;
        std::uint64_t fingerprint = 0;  // of the caller's memory
        SendUrgency urgency = SendUrgency::eager;
        bool waited = false;  // did not leave at the first attempt
    };
    struct Reading {
        FileRange range;
        char* into = nullptr;
    };
    struct SlotData {
        SlotState state = SlotState::free;
        Generation generation = ~Generation{0};  // of the present or the last binding
        Socket socket = kNoSocket;
        Op connect = Op::none;
        Op recv = Op::none;
        Op send = Op::none;
        Op read = Op::none;
        bool dirty = false;    // in dirty_
        bool starved = false;  // in starved_
        bool paused = false;   // by the fault
        bool recv_stopping = false;
        bool fin_wanted = false;
        bool close_due = false;  // waits only for a read
        Sending sending;
        Reading reading;
    };
    struct ListenerData {
        bool open = false;
        bool stopping = false;
        std::uint32_t id = 0;  // the network's
        Op accept = Op::none;
        Token token;
    };
    enum class BufferState : std::uint8_t { free, filled, lent };
    struct Record {
        Completion completion;
        bool held;  // success of a quiet send
    };

    void on_socket(Socket socket, std::uint32_t tag) override;
    void on_backlog(std::uint32_t) override {}

    SlotData& bound_slot(Token token, OpKind kind);
    SlotData& bound_slot(Slot slot);
    ListenerData& open_listener(ListenerId listener);
    [[nodiscard]] const ListenerData& open_listener(ListenerId listener) const;
    [[nodiscard]] static Socket native_of(const SlotData& data);

    // progress.cpp: what happens inside poll().
    void mark(Slot slot);
    void later(Nanos delay, std::function<void()> action);
    void progress();
    void progress_listener(ListenerId id);
    void progress_slot(Slot slot);
    void progress_connect(Slot slot);
    void progress_recv(Slot slot);
    bool deliver_chunk(Slot slot);
    void withdraw(Slot slot);
    void finish(Slot slot, OpKind kind, Status status, std::uint64_t bytes = 0);
    void push(const Completion& completion, bool held = false);
    [[nodiscard]] bool wait(Nanos deadline);
    void fill_batch();
    void delivered(const Completion& completion);

    // send.cpp
    void start_send(Token token, std::span<const Slice> slices, const FileRange* range,
                    SendUrgency urgency);
    void progress_send(Slot slot);
    [[nodiscard]] bool send_slices(SlotData& data);
    [[nodiscard]] std::optional<Status> send_range(SlotData& data);
    [[nodiscard]] static std::uint64_t fingerprint(const Sending& sending);
    void finish_read(Slot slot);
    void end_close(Slot slot);

    SimNetwork& network_;
    const BackendLimits limits_;
    Nanos now_ = 0;
    std::int64_t wall_seconds_ = 0;
    std::size_t sockets_max_ = SIZE_MAX;

    std::vector<SlotData> slots_;
    std::vector<ListenerData> listeners_;
    std::vector<Slot> dirty_;    // worth a look in the next turn
    std::vector<Slot> starved_;  // wait for a receive buffer
    std::vector<Socket> homeless_;
    std::vector<char> memory_;
    std::vector<BufferState> buffers_;
    std::vector<BufferId> buffers_free_;
    std::deque<Record> queue_;
    std::size_t queue_held_ = 0;
    std::vector<Completion> batch_;
    // Lets events of the network find out that the backend is gone.
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);

    std::mutex wake_mutex_;
    std::condition_variable wake_condition_;
    bool woken_ = false;
};

class SimFactory final : public BackendFactory {
  public:
    explicit SimFactory(SimNetwork& network) : network_(network) {}
    [[nodiscard]] std::string_view name() const noexcept override { return "sim"; }
    [[nodiscard]] Result<std::unique_ptr<Backend>> create(
        const BackendLimits& limits) const override;

  private:
    SimNetwork& network_;
};

}  // namespace sluice

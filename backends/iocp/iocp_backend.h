// The IOCP backend: Windows completion ports, one for each worker.
//
// RECEIVING. An idle connection has a WSARecv of zero bytes under way, which completes when there
// is something; then a plain non-blocking recv() fills a lent buffer. So no buffer is held while
// the peer is silent, a paused stream loses nothing, and stopping one withdraws nothing.
//
// SENDING. Overlapped, in steps of a bounded size (send_state.h), those that read files included. A
// step that is complete when its call returns has no packet (FILE_SKIP_COMPLETION_PORT_ON_SUCCESS);
// after a few of these the next one takes the way through the port, so that others have their turn.
//
// ACCEPTING. accept_group.h.
//
// CLOSING. Whatever is under way is withdrawn (CancelIoEx), its packets are waited for, and only
// then the socket is closed: the kernel writes to an operation's memory until its packet has come.
//
// EVERY OPERATION HAS A DEADLINE: the reactor's, which ends in close(). Beside that, a TransmitFile
// that makes no progress is looked at four times a second, because where the peer is gone its
// packet may never come.
//
// Threads, ownership, errors: core/backend.h. Not supported: Unix sockets.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "backends/iocp/accept_group.h"
#include "backends/iocp/operation.h"
#include "backends/iocp/read_state.h"
#include "backends/iocp/send_state.h"
#include "backends/iocp/system.h"
#include "backends/outbox.h"
#include "core/backend.h"
#include "core/pool.h"

namespace sluice {

// What may be used. Masks of these make the variants that tests run over.
struct IocpCapabilities {
    bool skip_on_success = true;  // no packet for what is complete at once
    bool transmit_file = true;
};

class IocpBackend final : public Backend {
  public:
    // `system` outlives the backend.
    [[nodiscard]] static Result<std::unique_ptr<Backend>> create(
        const BackendLimits& limits, const IocpCapabilities& capabilities,
        const iocp::System& system = kSystem);
    ~IocpBackend() override;

    [[nodiscard]] std::string_view name() const noexcept override { return "iocp"; }
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
    void read(Token token, const FileRange& range, char* into) noexcept override;
    // The bytes of the send in flight that have not yet been handed over with success. What the
    // system still holds is not known.
    [[nodiscard]] std::uint64_t unacknowledged(Slot slot) const noexcept override;
    void shutdown_send(Slot slot) noexcept override;
    void close(Token token) noexcept override;
    [[nodiscard]] std::span<const Completion> poll(Nanos deadline) noexcept override;
    void wake() noexcept override;

    static const iocp::System kSystem;

  private:
    static constexpr std::uint32_t kNoSend = Pool<iocp::SendState>::kNone;

    struct Listener {
        std::shared_ptr<iocp::AcceptGroup> group;
        Token token;
        bool accepting = false;
    };
    struct Socket_ {
        // The receive of zero bytes; before that, the connect.
        iocp::Operation watch;
        SOCKET socket = INVALID_SOCKET;
        Generation generation = 0;
        std::uint32_t send = kNoSend;
        Status broken = Status::ok;  // how, once an operation has said so
        bool open : 1 = false;
        bool closing : 1 = false;
        bool connecting : 1 = false;
        bool receiving : 1 = false;  // a recv stream runs
        bool readable : 1 = false;   // something was there and has not been emptied
        bool listed : 1 = false;     // in readable_
        bool finishing : 1 = false;  // shutdown_send() was called
        bool reading : 1 = false;
    };

    IocpBackend(const BackendLimits& limits, const IocpCapabilities& capabilities,
                const iocp::System& system);
    [[nodiscard]] Socket_& at(Slot slot) noexcept;
    [[nodiscard]] Socket_& at(Token token) noexcept;
    Socket_& bind(Slot slot, Generation generation, SOCKET socket) noexcept;
    [[nodiscard]] bool associate(SOCKET socket) noexcept;
    // Whether a packet will come for an operation that began like this.
    [[nodiscard]] bool expect_packet(iocp::Operation& operation, const iocp::Begun& begun) noexcept;

    void deliver(const std::vector<iocp::AcceptGroup::Delivery>& deliveries) noexcept;
    void deliver_one(const iocp::AcceptGroup::Delivery& delivery) noexcept;
    void leave_group(ListenerId id) noexcept;

    void watch(Slot slot, Socket_& socket) noexcept;
    void note_readable(Slot slot, Socket_& socket, Status broken) noexcept;
    void list_readable(Slot slot, Socket_& socket) noexcept;
    void receive_some() noexcept;
    [[nodiscard]] bool receive_one(Slot slot, Socket_& socket) noexcept;
    void end_recv(Slot slot, Socket_& socket, Status status) noexcept;

    void begin_send(Token token, std::span<const Slice> head, const FileRange& range,
                    SendUrgency urgency) noexcept;
    void go_on_sending(Socket_& socket) noexcept;
    void finish_send(Socket_& socket) noexcept;
    void note_begun(const iocp::SendState& send) noexcept;
    void look_at_stalled() noexcept;
    void go_on_reading(iocp::ReadState& read) noexcept;
    void on_file_read(iocp::ReadState& read, DWORD error, std::uint32_t bytes) noexcept;
    void finish_read(iocp::ReadState& read) noexcept;
    void cancel_read(Slot slot) noexcept;

    void on_packet(const OVERLAPPED_ENTRY& entry) noexcept;
    void on_ended(iocp::Operation& operation, DWORD error, std::uint32_t bytes) noexcept;
    void on_connected(Slot slot, Socket_& socket) noexcept;
    static void WINAPI on_read(DWORD error, DWORD bytes, OVERLAPPED* operation) noexcept;
    void on_sent(Socket_& socket, DWORD error, std::uint32_t bytes) noexcept;
    void finish_close(Slot slot, Socket_& socket) noexcept;

    [[nodiscard]] bool outbox_has_turn() noexcept;
    void wait(Nanos deadline) noexcept;
    void read_clocks() noexcept;
    void drain_port() noexcept;

    const BackendLimits limits_;
    const IocpCapabilities capabilities_;
    const iocp::System& system_;
    HANDLE port_ = nullptr;
    std::vector<Listener> listeners_;
    std::vector<std::shared_ptr<iocp::AcceptGroup>> closed_groups_;  // until nothing is pending
    std::vector<iocp::AcceptGroup::Delivery> deliveries_;
    std::unique_ptr<Socket_[]> sockets_;
    Pool<iocp::SendState> sends_;
    Pool<iocp::ReadState> file_reads_;
    iocp::FileBuffers file_buffers_;
    std::uint32_t transmits_ = 0;  // pending TransmitFiles
    std::uint32_t reads_ = 0;      // pending reads of files
    Nanos stalled_look_at_ = 0;
    std::uint64_t pending_ = 0;       // operations of slots for which a packet will come
    std::vector<Slot> readable_;      // sockets with something to read and a stream to feed
    std::vector<Slot> readable_now_;  // the same, being walked
    std::vector<BufferId> free_buffers_;
    std::unique_ptr<char[]> buffers_;
    std::vector<bool> lent_;
    std::vector<OVERLAPPED_ENTRY> entries_;
    Outbox outbox_;
    std::atomic<bool> wake_pending_{false};
    Nanos now_ = 0;
    std::int64_t wall_seconds_ = 0;
    bool waited_last_time_ = false;
    bool ending_ = false;  // being destroyed: what ends is only counted
};

class IocpFactory final : public BackendFactory {
  public:
    explicit IocpFactory(const IocpCapabilities& capabilities = {}) : capabilities_(capabilities) {}
    [[nodiscard]] std::string_view name() const noexcept override { return "iocp"; }
    [[nodiscard]] Result<std::unique_ptr<Backend>> create(
        const BackendLimits& limits) const override {
        return create_over(limits, IocpBackend::kSystem);
    }
    // With other system calls: for tests.
    [[nodiscard]] Result<std::unique_ptr<Backend>> create_over(const BackendLimits& limits,
                                                               const iocp::System& system) const {
        return IocpBackend::create(limits, capabilities_, system);
    }

  private:
    IocpCapabilities capabilities_;
};

}  // namespace sluice

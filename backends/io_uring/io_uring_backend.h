// The io_uring backend.
//
// SENDS. A send is tried once, inline, when the ring is entered (MSG_DONTWAIT), and asks for no
// record if it succeeds (IOSQE_CQE_SKIP_SUCCESS). The kernel runs such a request during
// io_uring_enter(2) and posts a record only for a failure or a short count, so after the entry,
// with the completion ring read to its end, "no record" proves that all bytes were taken; that is
// how a suppressed completion still tells when the memory is free. What did not fit goes on as an
// ordinary ring send that waits for room. Closes work the same way.
//
// RECEIVING. The first receive of a connection is a single one, and the stream becomes a multishot
// only when the caller still wants more after the first chunk: a connection that is opened for one
// request never has anything to cancel.
//
// FILES. io_uring has no sendfile, and its splice always goes to kernel worker threads; the loop
// calls sendfile(2) itself and asks the ring for writability when the socket is full. What is to be
// read and is not in memory is the ring's: its worker threads wait for the disk.
//
// Threads, ownership, errors: core/backend.h.
#pragma once

#include <liburing.h>
#include <sys/stat.h>

#include <memory>
#include <vector>

#include "backends/io_uring/capabilities.h"
#include "backends/io_uring/recv_buffers.h"
#include "backends/posix/file_read.h"
#include "backends/posix/send_state.h"
#include "backends/posix/socket_backend.h"
#include "core/backend.h"
#include "core/pool.h"

namespace sluice {

class UringBackend final : public posix::SocketBackend {
  public:
    // `capabilities`: what the probe found, masked by what is allowed.
    [[nodiscard]] static Result<std::unique_ptr<Backend>> create(
        const BackendLimits& limits, const UringCapabilities& capabilities);
    ~UringBackend() override;

    [[nodiscard]] std::string_view name() const noexcept override { return "io_uring"; }
    void accept_start(ListenerId listener, Token token) noexcept override;
    void accept_stop(ListenerId listener) noexcept override;
    void adopt(Slot slot, Generation generation, Socket socket) noexcept override;
    void connect(Token token, const Endpoint& peer) noexcept override;
    [[nodiscard]] Socket native(Slot slot) const noexcept override;
    void recv_start(Token token) noexcept override;
    void recv_stop(Slot slot) noexcept override;
    void release(BufferId buffer) noexcept override;
    void send(Token token, std::span<const Slice> slices, SendUrgency urgency) noexcept override;
    void send_file(Token token, std::span<const Slice> head, const FileRange& range,
                   SendUrgency urgency) noexcept override;
    [[nodiscard]] std::uint64_t unacknowledged(Slot slot) const noexcept override;
    void read(Token token, const FileRange& range, char* into) noexcept override;
    void shutdown_send(Slot slot) noexcept override;
    void close(Token token) noexcept override;
    [[nodiscard]] std::span<const Completion> poll(Nanos deadline) noexcept override;

  private:
    enum class SendPhase : std::uint8_t {
        trying,   // in the submission queue; succeeds silently or leaves a record
        waiting,  // a ring send that waits for room
        polling,  // a file send that waits for room
    };
    struct RingSend {
        posix::SendState state;
        msghdr message{};
        SendPhase phase = SendPhase::trying;
    };
    static constexpr std::uint32_t kNoSend = Pool<RingSend>::kNone;
    struct RingRead {
        posix::FileRead read;
        struct statx look {};  // of a remote file, when its bytes are there
        bool active = false;
        bool looking = false;
    };

    // One socket. 24 bytes, as in the epoll backend.
    struct Socket_ {
        int fd = -1;
        Generation generation = 0;
        std::uint32_t send = kNoSend;
        bool open : 1 = false;
        bool receiving : 1 = false;    // a recv stream runs, as the caller sees it
        bool recv_armed : 1 = false;   // a receive or its poll is with the kernel
        bool recv_listed : 1 = false;  // in to_arm_ or starved_
        bool recv_stopping : 1 = false;
        bool recv_again : 1 = false;  // past its first chunk: worth a multishot
        bool connect_armed : 1 = false;
        bool finishing : 1 = false;  // shutdown_send() was called
        bool reading : 1 = false;    // a read is with the kernel
        bool closing : 1 = false;
        bool close_queued : 1 = false;
    };

    UringBackend(const BackendLimits& limits, const UringCapabilities& capabilities);
    [[nodiscard]] Socket_& at(Slot slot) noexcept;
    [[nodiscard]] Socket_& at(Token token) noexcept;
    [[nodiscard]] io_uring_sqe* sqe() noexcept;
    void cancel(Token target) noexcept;
    void poll_fd(int fd, unsigned events, Token user_data) noexcept;
    void bind(Slot slot, Generation generation, int fd) noexcept;

    void arm_accept(Listener& listener) noexcept;
    void on_accept(Token token, int result, unsigned flags) noexcept;

    void list_recv(Slot slot, Socket_& socket) noexcept;
    void arm_receives() noexcept;
    void arm_recv(Slot slot, Socket_& socket) noexcept;
    void on_recv(Token token, Socket_& socket, int result, unsigned flags) noexcept;
    void on_recv_ready(Token token, Socket_& socket) noexcept;
    void deliver(Token token, BufferId buffer, std::uint32_t size) noexcept;
    void end_recv(Token token, Socket_& socket, Status status) noexcept;

    [[nodiscard]] RingSend& new_send(Token token, std::span<const Slice> slices,
                                     const FileRange& range, SendUrgency urgency) noexcept;
    void queue_send(Socket_& socket, RingSend& send) noexcept;
    void step_file(Slot slot, Socket_& socket) noexcept;
    void on_send(Slot slot, Socket_& socket, int result) noexcept;
    void end_send(Slot slot, Socket_& socket, Status status) noexcept;
    void settle_tried() noexcept;

    void queue_read(std::uint32_t index) noexcept;
    void on_read(std::uint32_t index, int result) noexcept;
    void end_read(const posix::FileRead& read) noexcept;
    void cancel_read(Slot slot) noexcept;

    void try_finish_close(Slot slot, Socket_& socket) noexcept;
    void end_close(Slot slot) noexcept;
    void on_record(const io_uring_cqe& record) noexcept;
    void enter(Nanos deadline) noexcept;
    void submit_and_wait(__kernel_timespec* limit) noexcept;
    void harvest(bool all_submitted) noexcept;
    void on_cancel_missed(Token token, int result) noexcept;
    void on_wake() noexcept;

    UringCapabilities capabilities_;
    RecvBuffers buffers_;
    io_uring ring_{};
    bool ring_made_ = false;
    std::uint32_t with_kernel_ = 0;  // requests that will still leave a record
    std::unique_ptr<Socket_[]> sockets_;
    Pool<RingSend> sends_;
    Pool<RingRead> reads_;
    std::vector<Slot> to_arm_;   // streams that want a receive at the next entry
    std::vector<Slot> starved_;  // streams that found no buffer
    std::vector<Slot> tried_;    // sends in phase trying
    std::vector<Slot> closed_;   // closes in the submission queue
    std::uint32_t eager_tried_ = 0;
};

}  // namespace sluice

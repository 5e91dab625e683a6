// The epoll backend: readiness turned into completions.
//
// Each socket is registered once, edge-triggered, for reading (epoll(7)). A verb tries its system
// call at once and queues the result; only "would block" parks it. Interest in writability is added
// the first time a send parks. An edge is used up when a receive says "would block", and not when
// one is short: a receive also stops at an urgent byte (tcp(7), "out-of-band data") and behind a
// message with descriptors (unix(7)), and no edge reports what is behind it. The receive that finds
// nothing comes a turn later, when the answer has left already.
//
// A file is read at once where its bytes are in memory, else by threads.
//
// It waits with epoll_pwait2(2), to the nanosecond, or where that is refused (Linux before 5.11,
// old seccomp profiles, valgrind) with epoll_wait(2), to the next millisecond.
//
// Threads, ownership, errors: core/backend.h.
#pragma once

#include <sys/epoll.h>

#include <memory>
#include <vector>

#include "backends/posix/read_threads.h"
#include "backends/posix/send_state.h"
#include "backends/posix/socket_backend.h"
#include "core/backend.h"
#include "core/pool.h"

namespace sluice {

class EpollBackend final : public posix::SocketBackend {
  public:
    // epoll_pwait2 is used if it is allowed here and works.
    [[nodiscard]] static Result<std::unique_ptr<Backend>> create(const BackendLimits& limits,
                                                                 bool allow_pwait2 = true);
    // The errno with which the system refuses epoll_pwait2; 0 when it works.
    [[nodiscard]] static int pwait2_refusal() noexcept;
    ~EpollBackend() override;

    [[nodiscard]] std::string_view name() const noexcept override { return "epoll"; }
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
    static constexpr std::uint32_t kNotParked = Pool<posix::SendState>::kNone;

    // One socket. 24 bytes: an idle connection costs this much here and no more.
    struct Socket_ {
        int fd = -1;
        Generation generation = 0;
        std::uint32_t parked = kNotParked;  // the send that waits for room
        bool open : 1 = false;
        bool receiving : 1 = false;  // a recv stream runs
        bool readable : 1 = false;   // an edge was seen and not yet used up
        bool listed : 1 = false;     // in readable_
        bool writable_watched : 1 = false;
        bool connecting : 1 = false;
        bool finishing : 1 = false;  // shutdown_send() was called
        bool reading : 1 = false;    // a read is with the threads
        bool closing : 1 = false;    // closed; waits for that read
    };

    EpollBackend(const BackendLimits& limits, bool pwait2);
    [[nodiscard]] Socket_& at(Token token) noexcept;
    [[nodiscard]] Socket_& at(Slot slot) noexcept;
    void bind(Slot slot, Generation generation, int fd, std::uint32_t events) noexcept;
    void list_readable(Slot slot, Socket_& socket) noexcept;
    void watch_writable(Slot slot, Socket_& socket) noexcept;
    void begin_send(Token token, std::span<const Slice> head, const FileRange& range,
                    SendUrgency urgency) noexcept;
    void finish_send(const posix::SendState& state, posix::Step step) noexcept;
    [[gnu::noinline]] void take_reads() noexcept;
    void finish_read(const posix::FileRead& read) noexcept;
    void end_close(Slot slot) noexcept;
    void on_event(const epoll_event& event) noexcept;
    void on_writable(Slot slot, Socket_& socket) noexcept;
    void finish_connect(Slot slot, Socket_& socket) noexcept;
    void receive_some() noexcept;
    [[nodiscard]] bool receive_one(Slot slot, Socket_& socket) noexcept;
    void watch(Listener& listener) noexcept;
    void accept_some(ListenerId listener) noexcept;
    void wait(Nanos deadline) noexcept;
    [[nodiscard]] int wait_events(Nanos left) noexcept;

    const bool pwait2_;
    int epoll_ = -1;
    std::unique_ptr<Socket_[]> sockets_;
    Pool<posix::SendState> sends_;
    posix::ReadThreads reads_;
    posix::SendState trying_;         // the send being tried; parked only if it blocks
    std::vector<Slot> readable_;      // sockets with an unread edge and a stream to feed
    std::vector<Slot> readable_now_;  // the same, being walked
    std::vector<BufferId> free_buffers_;
    std::unique_ptr<char[]> buffers_;
    std::vector<bool> lent_;
    std::vector<epoll_event> events_;
};

}  // namespace sluice

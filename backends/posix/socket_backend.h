// SocketBackend: what every backend over a POSIX system does alike: the table of listeners, the
// clocks, waking by eventfd(2), the outbox and whose turn it is. Its sockets, their requests and
// the waiting are each backend's own.
//
// Threads, ownership, errors: core/backend.h. Owns the listeners and closes them last; a backend
// destroys first whatever may still refer to them.
#pragma once

#include <atomic>
#include <vector>

#include "backends/outbox.h"
#include "core/backend.h"

namespace sluice::posix {

class SocketBackend : public Backend {
  public:
    ~SocketBackend() override;
    [[nodiscard]] Nanos now() const noexcept final { return now_; }
    [[nodiscard]] std::int64_t wall_seconds() const noexcept final { return wall_seconds_; }
    [[nodiscard]] Result<ListenerId> listen(const Endpoint& endpoint,
                                            const ListenOptions& options) final;
    [[nodiscard]] Result<Endpoint> local(ListenerId listener) const final;
    [[nodiscard]] Socket listening(ListenerId listener) const noexcept final;
    void close_listener(ListenerId listener) noexcept final;
    void discard(Socket socket) noexcept final;
    [[nodiscard]] Endpoint peer(Slot slot) const noexcept final;
    [[nodiscard]] Nanos since_last_send(Slot slot) const noexcept final;
    void wake() noexcept final;
    [[nodiscard]] bool in_memory(const FileRange& range) const noexcept final;

  protected:
    struct Listener {
        int fd = -1;
        Endpoint endpoint;  // none where the socket was inherited
        Token token;
        bool shared = false;  // others wait at the same socket: each connection is to wake one
        bool accepting = false;
        bool stopping = false;  // the end of the stream was asked for and is still to come
    };

    explicit SocketBackend(const BackendLimits& limits);
    [[nodiscard]] Result<void> open_event();
    // The event was seen: from now on a wake() is a new one.
    void take_wake() noexcept;
    // An open listener, marked as accepting for this token.
    [[nodiscard]] Listener& begin_accept(ListenerId listener, Token token) noexcept;
    void accepted(const Listener& listener, int fd) noexcept;
    void end_accept(Listener& listener, Status status) noexcept;
    // What is complete already is handed over without asking the kernel again, but never twice in
    // a row, so that sockets keep their turn.
    [[nodiscard]] bool outbox_has_turn() noexcept;
    // How long poll() may still wait; kNever: without end.
    [[nodiscard]] Nanos left_until(Nanos deadline) const noexcept;
    void read_clocks() noexcept;

    const BackendLimits limits_;
    int event_ = -1;
    std::vector<Listener> listeners_;
    Outbox outbox_;

  private:
    std::atomic<bool> wake_pending_{false};
    Nanos now_ = 0;
    std::int64_t wall_seconds_ = 0;
    bool waited_last_time_ = false;
};

}  // namespace sluice::posix

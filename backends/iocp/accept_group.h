// AcceptGroup: one listening socket and all listeners that share its port. Windows has nothing like
// SO_REUSEPORT: there is one queue of connections, many AcceptEx wait at it, and what they accept
// is handed round to the listeners whose stream runs, before it joins any completion port.
//
// OWNERSHIP. Packets come to the port of the backend that opened the socket; when that backend
// closes its listener, the socket is closed for all. A backend keeps the group until no AcceptEx is
// pending.
//
// THREADS. Any; one lock, held for a few system calls per connection. A member is reached either
// directly, when it lives on the calling thread, or by a packet to its port (Member::post).
//
// A STREAM THAT STOPS loses nothing: what arrives when nobody accepts is kept for the next start.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <vector>

#include "backends/iocp/operation.h"
#include "core/backend.h"

namespace sluice::iocp {

// Packets that are no operation's: what happened, by completion key. Beside it go the listener's
// number (as bytes transferred) and a value (as OVERLAPPED pointer).
enum class Message : ULONG_PTR {
    operation = 0,
    wake,
    accepted,    // value: the socket
    accept_end,  // value: the Status with which the stream ends
};

void post(HANDLE port, Message message, ListenerId listener, std::uintptr_t value) noexcept;

class AcceptGroup {
  public:
    static constexpr std::size_t kPosted = 64;

    struct Operation_ : Operation {
        AcceptGroup* group = nullptr;
        SOCKET socket = INVALID_SOCKET;
        std::array<char, 2 * kAcceptAddressBytes> addresses{};
    };
    struct Member {
        HANDLE port = nullptr;  // also says whose it is
        ListenerId listener = 0;
        bool accepting = false;
    };
    // What the member that called, or the owner, is to do at once on its own thread.
    struct Delivery {
        ListenerId listener = 0;
        Status status = Status::ok;  // else: the stream ends with this
        SOCKET socket = INVALID_SOCKET;
    };

    AcceptGroup(const System& system, SOCKET socket, HANDLE owner, bool shared);
    AcceptGroup(const AcceptGroup&) = delete;
    AcceptGroup& operator=(const AcceptGroup&) = delete;
    ~AcceptGroup();

    // The group that listens there already and shares its port; null if there is none. Otherwise
    // one more listener has joined.
    [[nodiscard]] static std::shared_ptr<AcceptGroup> join(const Endpoint& endpoint, HANDLE port,
                                                           ListenerId listener);
    // Makes a group known to join() and makes its opener the first member.
    static void publish(const std::shared_ptr<AcceptGroup>& group, ListenerId listener);

    [[nodiscard]] HANDLE owner() const noexcept { return owner_; }
    [[nodiscard]] const Endpoint& local() const noexcept { return local_; }

    // Starts the member's stream. `now` gets what is there already, and how the stream ended if it
    // could not start.
    void start(HANDLE port, ListenerId listener, std::vector<Delivery>& now) noexcept;
    // False: the stream is over already, and a packet that says so is on its way.
    [[nodiscard]] bool stop(HANDLE port, ListenerId listener) noexcept;
    void leave(HANDLE port, ListenerId listener) noexcept;
    // A packet of one of its operations has come. Owner's thread; `now` gets what is the owner's.
    void on_packet(Operation_& operation, std::vector<Delivery>& now) noexcept;
    [[nodiscard]] bool pending() const noexcept;

  private:
    [[nodiscard]] Member* find(HANDLE port, ListenerId listener) noexcept;
    [[nodiscard]] Member* next_accepting() noexcept;
    void top_up(HANDLE caller, std::vector<Delivery>& now) noexcept;
    [[nodiscard]] DWORD begin(Operation_& operation) noexcept;
    void hand_out(SOCKET socket, HANDLE caller, std::vector<Delivery>& now) noexcept;
    void end_all(Status status, HANDLE caller, std::vector<Delivery>& now) noexcept;
    void cancel() noexcept;

    const System& system_;
    HANDLE owner_;
    const bool shared_;
    const Endpoint local_;
    mutable std::mutex mutex_;
    SOCKET socket_;
    std::vector<Member> members_;
    std::size_t next_ = 0;  // whose turn it is
    std::array<Operation_, kPosted> operations_;
    std::size_t pending_ = 0;
    std::vector<SOCKET> kept_;  // accepted when nobody's stream ran
};

}  // namespace sluice::iocp

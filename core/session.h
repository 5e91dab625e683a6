// Session: what a connection needs from a protocol. Bytes go in, pieces to send come out; a session
// does no I/O, reads no clock and knows no socket. One lives inside each connection that is not
// idle, in storage that the connection lends; it is destroyed when it says idle and made again when
// bytes arrive. One that says kept stays.
//
// ORDER OF CALLS. feed() with what arrived; then, until next() is empty: send the piece, then
// sent() once the send is complete. state() is asked after each of them. Bytes that feed() did not
// take are offered again after the next sent(). When a file changed under its piece, changed() is
// called instead of sent().
//
// FULL DUPLEX. A session is fed only while none of its pieces is being sent, unless it says that it
// is full duplex: then also meanwhile. It leaves the bytes of that piece alone, and bounds itself
// by taking nothing while it has too much to say.
//
// Runs on the reactor's thread; nothing here throws, blocks or allocates in the steady state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/backend.h"
#include "core/clock.h"
#include "core/endpoint.h"

namespace sluice {

// What is to be sent next, whole: up to kSlicesMax memory slices and then, if its length is not
// zero, a file range. Valid and unchanged until sent(), changed() or aborted().
struct Piece {
    std::array<Slice, kSlicesMax> slices{};
    std::uint32_t slice_count = 0;
    FileRange file;
    // The file's bytes are read into memory before they leave, so that no later edit reaches them.
    bool copy = false;
    // Nothing follows it: once it is sent the session is idle or over. A piece that says so may be
    // reported late (SendUrgency::quiet); without it the next piece could wait for ever.
    bool last = false;

    [[nodiscard]] bool empty() const { return slice_count == 0 && file.length == 0; }
    [[nodiscard]] std::uint64_t bytes() const {
        std::uint64_t total = file.length;
        for (std::uint32_t i = 0; i < slice_count; ++i) {
            total += slices[i].size;
        }
        return total;
    }
};

enum class SessionState : std::uint8_t {
    idle,     // between messages: nothing begun, nothing to send
    kept,     // the same, but the session has something to remember, and stays
    head,     // part of a message head is there
    body,     // a message body is being read; nothing to send
    respond,  // a response is being sent
    waiting,  // a response waits for content; resume() may end it
    window,   // what there is to send waits for the peer's permission (flow control)
    close,    // over: close at once after what next() still yields. Nothing unread is expected.
    linger,   // over, but the peer may still be sending: send what is left, finish our direction,
              // read and discard for a while, then close (a close with unread input would reset
              // the connection and could destroy the tail of the response, RFC 9112 section 9.6)
};

// What a session may know of its surroundings; one for each worker, updated by the reactor.
struct SessionContext {
    Nanos now = 0;
    std::int64_t wall_seconds = 0;
    bool draining = false;  // responses from now on announce the close
};

// The connection as its session sees it.
class SessionPeer {
  public:
    // The other end's address, for the access log. Cached by the connection after the first call.
    [[nodiscard]] virtual const Endpoint& peer_endpoint() noexcept = 0;
    // How long the connection waited to be accepted: told once, to a factory that wants it
    // measured. Less than 0: not known, or told already.
    [[nodiscard]] virtual Nanos take_accept_wait() noexcept { return -1; }
    // The protocol that the transport has agreed on; empty: none.
    [[nodiscard]] virtual std::string_view protocol() noexcept { return {}; }
    // The number of the listener that took the connection (Reactor::listen).
    [[nodiscard]] virtual unsigned listener() noexcept { return 0; }

  protected:
    ~SessionPeer() = default;
};

class Session {
  public:
    Session() = default;
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    virtual ~Session() = default;

    // Takes bytes from the peer; returns how many. Fewer than offered means that output must leave
    // first (or that the session is over). The bytes need not outlive the call.
    [[nodiscard]] virtual std::size_t feed(std::string_view bytes) noexcept = 0;
    // The peer has finished its direction, after all bytes it sent were fed.
    virtual void on_eof() noexcept = 0;
    // The deadline of the state head, body, waiting or window has passed.
    virtual void on_timeout() noexcept = 0;
    // Content has changed: what waits for it may be tried again. In any state, because something
    // may wait behind answers that are still being sent.
    virtual void resume() noexcept = 0;

    [[nodiscard]] virtual Piece next() noexcept = 0;
    // The piece from next() left whole.
    virtual void sent() noexcept = 0;
    // The file of the piece does not carry its stamp any more; `bytes` of the piece have left.
    // True: what was promised still holds, next() goes on behind these bytes. False: it is broken,
    // and aborted() follows.
    [[nodiscard]] virtual bool changed(std::uint64_t /*bytes*/) noexcept { return false; }
    // The connection broke or was given up; `bytes` of the current piece had left.
    virtual void aborted(std::uint64_t bytes) noexcept = 0;

    // What the session waits for; where it waits for several things, the most urgent one.
    [[nodiscard]] virtual SessionState state() const noexcept = 0;
    // Since when it waits, on the clock of SessionContext. Asked of full duplex sessions only: for
    // others a wait begins when the state is first seen.
    [[nodiscard]] virtual Nanos since() const noexcept { return 0; }

    [[nodiscard]] virtual bool full_duplex() const noexcept { return false; }
    // The connection is to end: nothing that begins from now on is answered, and next() has the
    // farewell, if the protocol has one. The session is over (close or linger) when nothing is
    // under way any more. Asked of sessions that may say kept.
    virtual void farewell() noexcept {}
};

// Makes sessions; one factory object for each worker, on its thread.
class SessionFactory {
  public:
    virtual ~SessionFactory() = default;
    [[nodiscard]] virtual std::size_t session_bytes() const noexcept = 0;
    // Constructs in `storage` (session_bytes() long, aligned to 64). Never null.
    [[nodiscard]] virtual Session* create(void* storage, SessionPeer& peer) noexcept = 0;
    // Whether SessionPeer::take_accept_wait() is asked: it costs a system call for each connection.
    [[nodiscard]] virtual bool wants_accept_wait() const noexcept { return false; }
    // Called once in each turn of the loop, before completions are handled. Says whether content
    // changed, so that waiting sessions are worth resuming.
    [[nodiscard]] virtual bool turn(const SessionContext& context) noexcept = 0;
};

}  // namespace sluice

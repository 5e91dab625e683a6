// The backend contract: I/O as a small set of verbs whose results are completion records.
//
// OWNERSHIP AND THREADS. A backend serves exactly one thread: it is created, used and destroyed
// there. Only wake() may be called from elsewhere. It is told its limits once and allocates nothing
// afterwards. Send memory belongs to the caller and must not change until the send's completion.
// Receive memory belongs to the backend and is lent until release().
//
// COMPLETIONS. A verb that takes a token yields exactly one final completion with that token;
// streams (accept, recv) yield any number before it, each with `more` set. Nothing completes inside
// the call that started it: results come from the next poll(). Completions of one slot keep the
// order in which things happened. A verb called against the rules (unknown slot, a second send in
// flight, a second recv stream) is a programming error and CHECKs; a failing kernel is a
// completion with a status.
//
// SLOTS. The caller numbers its sockets: adopt() and connect() bind a socket to a slot, and every
// later verb names the slot through its token. The final completion of close() is the last one for
// that slot and generation; then the slot may be bound again, with another generation.
//
// ERRORS. Partial writes never show: a send completes whole or with an error. After a send that
// failed only close() is of use, unless it failed with Status::changed: then the bytes that it
// reports have left and no others, and the next send goes on behind them.
//
// The conformance suite (tests/conformance) is this text as tests; every backend passes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/endpoint.h"
#include "core/result.h"
#include "core/token.h"

namespace sluice {

// A socket on its way from an accept completion to adopt() or discard(). A file descriptor on
// Linux, a SOCKET on Windows, a number in the simulator.
using Socket = std::intptr_t;
inline constexpr Socket kNoSocket = -1;

using ListenerId = std::uint32_t;
using BufferId = std::uint32_t;
inline constexpr BufferId kNoBuffer = ~BufferId{0};

inline constexpr std::size_t kSlicesMax = 4;  // slices in one send

// How soon the caller wants to hear of a success. A failure is always reported at once.
enum class SendUrgency : std::uint8_t {
    eager,  // poll() returns as soon as the send is complete
    // The completion of a send that left at once may wait until poll() returns for another reason
    // (a deadline or wake() is one). A send that had to wait is reported when it is complete.
    quiet,
};

struct Completion {
    Token token;
    Status status = Status::ok;
    bool more = false;            // accept, recv: the stream goes on
    BufferId buffer = kNoBuffer;  // recv: to be given back with release(); set only with data
    std::uint32_t size = 0;       // recv: bytes at data
    union {
        const char* data;  // recv
        Socket socket;     // accept
        // send, send_file: bytes handed to the system, also on failure. read: bytes read.
        std::uint64_t bytes;
    };
    Completion() : bytes(0) {}
};
static_assert(sizeof(Completion) <= 32);

struct BackendLimits {
    std::uint32_t slots = 1024;  // sockets at once
    std::uint32_t listeners = 16;
    std::uint32_t recv_buffers = 512;  // lent buffers; a power of two up to 32,768
    std::uint32_t recv_buffer_bytes = 4096;
    std::uint32_t completions = 512;  // records in one poll()
};

struct ListenOptions {
    int backlog = 4096;  // the system caps it (Linux: net.core.somaxconn)
    // One listener for each worker: SO_REUSEPORT, or the socket of a Unix path that others inherit.
    bool share_port = false;
    bool v6_only = true;  // IPv6 sockets; false also takes IPv4 as mapped addresses
    std::uint32_t unix_mode = 0666;
    // A listening socket that is open already (Backend::listening): the listener waits at a
    // duplicate of it, binds nothing, and removes no path when it closes.
    Socket inherit = kNoSocket;
};

class Backend {
  public:
    Backend() = default;
    Backend(const Backend&) = delete;
    Backend& operator=(const Backend&) = delete;
    // Closes whatever is still open. Completions that were not fetched are lost.
    virtual ~Backend() = default;

    [[nodiscard]] virtual std::string_view name() const noexcept = 0;

    // The instant of the last return of poll() (or of creation). Not a system call.
    [[nodiscard]] virtual Nanos now() const noexcept = 0;
    // Wall-clock seconds since 1970 at that instant.
    [[nodiscard]] virtual std::int64_t wall_seconds() const noexcept = 0;

    // Opens a listening socket. A Unix path that nobody listens on any more is replaced.
    [[nodiscard]] virtual Result<ListenerId> listen(const Endpoint& endpoint,
                                                    const ListenOptions& options) = 0;
    // The address as bound, with the port that the system chose.
    [[nodiscard]] virtual Result<Endpoint> local(ListenerId listener) const = 0;
    // The listener's own socket, for ListenOptions::inherit; kNoSocket where none can be inherited:
    // there listen() with an inherited socket fails with Status::not_supported.
    [[nodiscard]] virtual Socket listening(ListenerId) const noexcept { return kNoSocket; }
    // Starts the stream of accepted sockets. The token's slot is the listener's number. A
    // completion without `more` ends the stream: with no_fds or no_memory it may be started again
    // later; nothing in the backlog is lost by that.
    virtual void accept_start(ListenerId listener, Token token) noexcept = 0;
    // Ends the stream; its final completion has Status::cancelled. Sockets accepted before that
    // are still delivered.
    virtual void accept_stop(ListenerId listener) noexcept = 0;
    // Closes a listener whose accept stream has ended.
    virtual void close_listener(ListenerId listener) noexcept = 0;

    // Binds an accepted socket to a slot.
    virtual void adopt(Slot slot, Generation generation, Socket socket) noexcept = 0;
    // Closes an accepted socket that finds no slot.
    virtual void discard(Socket socket) noexcept = 0;
    // Opens a connection and binds it to the token's slot. Whatever the status, close() follows.
    virtual void connect(Token token, const Endpoint& peer) noexcept = 0;
    // The address of the other end; Family::none when it is gone. A system call: cold path.
    [[nodiscard]] virtual Endpoint peer(Slot slot) const noexcept = 0;
    // The socket itself, for telemetry (TCP_INFO) in the load generator; kNoSocket when not bound.
    [[nodiscard]] virtual Socket native(Slot slot) const noexcept = 0;

    // Starts the stream of received chunks. Ends with eof, reset, timed_out or cancelled.
    // While no buffer is free the stream pauses by itself; it is no error.
    virtual void recv_start(Token token) noexcept = 0;
    // Asks the stream to end: a final completion with Status::cancelled follows, after chunks that
    // were received already. When the stream has ended or is about to, nothing happens.
    virtual void recv_stop(Slot slot) noexcept = 0;
    virtual void release(BufferId buffer) noexcept = 0;

    // Sends all slices in order, at most kSlicesMax. The array is copied, the bytes are not.
    virtual void send(Token token, std::span<const Slice> slices, SendUrgency urgency) noexcept = 0;
    // Sends the head slices (at most kSlicesMax, may be none), then the file range. A range that
    // the file no longer covers, or a stamp that no longer matches, ends with Status::changed; the
    // caller finds out whether that breaks a promise. Where in_memory() says no, it may wait for a
    // disk, and all slots wait with it.
    virtual void send_file(Token token, std::span<const Slice> head, const FileRange& range,
                           SendUrgency urgency) noexcept = 0;
    // Whether send_file() would find the range's bytes in memory, as far as the system can be asked
    // without waiting. A look at some of the pages, not a promise.
    [[nodiscard]] virtual bool in_memory(const FileRange&) const noexcept { return true; }

    // Reads the whole range into `into`, which belongs to the backend until the completion. At most
    // one read is in flight on a slot; a send may be in flight beside it. A read that waits for a
    // disk makes nobody else wait. Ends with ok, or with Status::changed when the file ends before
    // the range does or no longer carries the stamp after the last byte was read. No later edit
    // reaches what a read has put into the memory. close() withdraws a read only where the system
    // can: its last completion comes after the read's.
    virtual void read(Token token, const FileRange& range, char* into) noexcept = 0;

    // How many bytes of all sends begun on the slot the peer has not acknowledged: what the send in
    // flight has still to hand over, and what the system holds. Falls when the peer takes something
    // and only then, and is 0 when it has everything. (Unix sockets report the memory that their
    // bytes use: more than the bytes, but 0 when these are 0.) A system call: cold path.
    [[nodiscard]] virtual std::uint64_t unacknowledged(Slot slot) const noexcept = 0;

    // How long nothing has been sent on an established connection, in steps of the system's clock
    // tick. Asked right after adopt(), it tells how long the connection waited to be accepted. Less
    // than 0: not known here. A system call.
    [[nodiscard]] virtual Nanos since_last_send(Slot) const noexcept { return -1; }

    // Sends FIN after what was sent before. No completion.
    virtual void shutdown_send(Slot slot) noexcept = 0;
    // Withdraws everything in flight on the slot (each operation still completes, cancelled or
    // done) and closes the socket. Its own completion is the slot's last. Unread input makes the
    // system send a reset.
    virtual void close(Token token) noexcept = 0;

    // Submits, waits until there is a completion, wake() was called, or `deadline` (an instant;
    // kNever waits without end, 0 does not wait), and returns what there is. The records are valid
    // until the next poll(). Returning none is normal.
    [[nodiscard]] virtual std::span<const Completion> poll(Nanos deadline) noexcept = 0;
    // Makes the current or the next poll() return. Any thread. Many wakes may become one.
    virtual void wake() noexcept = 0;
};

// A way of making backends, with what was found out about it. Made once per process by
// backends/registry, before threads start; create() is then called on each worker's thread.
class BackendFactory {
  public:
    virtual ~BackendFactory() = default;
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    [[nodiscard]] virtual Result<std::unique_ptr<Backend>> create(
        const BackendLimits& limits) const = 0;
};

}  // namespace sluice

// Connection: one peer, as the reactor keeps it, and RequestContext: what it needs only while a
// message is under way.
//
// An idle connection is a Connection and nothing more: no buffer, no session. The context (session
// storage, input that could not be taken yet) is lent to it when bytes arrive and goes back when
// the session says idle.
//
//   accept ─► head ─► respond ─► idle ─► head ...
//               │        │  ▲
//               ├► body ─┤  └─ waiting (content is being loaded), window (the peer's permission)
//               │        └► linger ─► closing ─► free
//               └─────────────────────► closing
//
// A connection with a transport has a Channel as well, from its beginning to its end. Until the
// handshake is over it is in the state head. Its session has ended long before it is closed: the
// transport's farewell comes in between.
//
// Each state has exactly one deadline; Reactor::enter() arms it. Owned by the reactor, its thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/page_pool.h"
#include "core/session.h"
#include "core/token.h"
#include "core/transport.h"

namespace sluice {

enum class ConnectionState : std::uint8_t {
    free,
    head,     // deadline in total, from accept or from the first byte of the message
    body,     // a message body is being read
    waiting,  // content is being loaded
    window,   // the peer does not permit us to send
    respond,  // a send is in flight; its deadline moves while the peer acknowledges something
    idle,     // between messages; owns nothing, unless its session stays
    linger,   // reading and discarding after the last response
    closing,  // close() is under way; its completion frees the slot
};

class Reactor;

// A piece that leaves in parts: its file is read into memory first, because it may change, because
// it would have to be waited for, or because all bytes go through a transport.
struct PieceInParts {
    Piece rest;              // what has not been handed over, or not been read
    std::uint64_t left = 0;  // bytes of the piece that have left
    char* buffer = nullptr;  // lent, for its file
    bool active = false;     // there is such a piece
    Status failure = Status::ok;

    void begin(const Piece& piece) {
        rest = piece;
        left = 0;
        active = true;
        failure = Status::ok;
    }
    [[nodiscard]] bool handed_over() const {
        return rest.slice_count == 0 && rest.file.length == 0;
    }
    // The file's next `bytes` are in the buffer.
    void file_part_read(std::uint64_t bytes) {
        rest.slices[rest.slice_count++] = {buffer, static_cast<std::size_t>(bytes)};
        rest.file.offset += bytes;
        rest.file.length -= bytes;
    }
    // `bytes` of its slices have been sealed.
    void sealed(std::size_t bytes);
};

// What a connection with a transport has beside it.
struct Channel {
    static constexpr std::size_t kWireBytes = 4 * Transport::kRecordMax;

    std::unique_ptr<Transport> transport;
    char* wire = nullptr;      // lent while bytes are in it or being sent
    std::size_t used = 0;      // bytes in it
    std::uint64_t sealed = 0;  // of the session's piece, in it
    bool farewell_said = false;
    Nanos head_until = kNever;  // the deadline of the handshake and of the first head, together
    bool spoken = false;        // a session has been there
};

// What a connection borrows while a message is under way. Also the session's view of its peer.
struct RequestContext final : SessionPeer {
    Reactor* reactor = nullptr;
    Slot slot = kNoSlot;
    // Constructed in the storage behind this object. Null before a transport has bytes for it.
    Session* session = nullptr;
    std::vector<char> input;      // received, not yet taken by the session
    std::size_t input_taken = 0;  // of `input`
    std::size_t index = 0;        // in the pool
    Endpoint peer;                // filled on demand, for the access log
    // What the write timeout is measured by: bytes of all pieces begun (from an arbitrary start,
    // modulo 2^64), how many of them the peer had acknowledged at the last look, if there was one,
    // and when that number was last seen to move.
    std::uint64_t begun_bytes = 0;
    std::uint64_t piece_bytes = 0;  // of the piece begun last
    std::optional<std::uint64_t> acknowledged;
    Nanos acknowledged_at = 0;
    PieceInParts parts;
    bool full_duplex = false;  // what the session says

    [[nodiscard]] const Endpoint& peer_endpoint() noexcept override;
    [[nodiscard]] Nanos take_accept_wait() noexcept override;
    [[nodiscard]] std::string_view protocol() noexcept override;
    [[nodiscard]] unsigned listener() noexcept override;
    [[nodiscard]] std::string_view pending_input() const {
        return {input.data() + input_taken, input.size() - input_taken};
    }
};

struct Connection {
    static constexpr std::uint32_t kNoLook = ~std::uint32_t{0};

    RequestContext* request = nullptr;
    Channel* channel = nullptr;  // owned; null: without a transport
    Nanos deadline = kNever;
    std::uint32_t look_tick =
        kNoLook;                       // of the timer wheel: when it looks at this connection again
    std::int32_t accept_wait_ms = -1;  // less than 0: not known, or taken
    Generation generation = 0;
    std::uint32_t lingered_bytes = 0;
    ConnectionState state = ConnectionState::free;
    bool receiving : 1 = false;  // a recv stream runs
    bool stopping : 1 = false;   // and was asked to stop
    bool sending : 1 = false;
    bool sending_quietly : 1 = false;
    bool peer_done : 1 = false;  // FIN seen
    bool eof_told : 1 = false;   // and the session was told
    bool counted : 1 = false;    // among its client's connections
    bool leaving : 1 = false;    // on its way out: takes none of the places that are limited

    // Its number (Reactor::listen).
    std::uint8_t listener = 0;
    // The other end's address in 19 bytes; family none until somebody asks.
    Family peer_family = Family::none;
    std::uint16_t peer_port = 0;
    std::array<std::uint8_t, 16> peer_address{};
};
static_assert(sizeof(Connection) == 64);

// Request contexts with session storage behind them, made on demand; the one returned last goes out
// first, because it is still in the cache. Some that are unused are kept; the memory of the others
// goes back to the system little by little, because a storm of clients needs many at once and may
// never come again.
class RequestContextPool {
  public:
    static constexpr std::size_t kKept = 64;
    static constexpr Nanos kTrimPause = 250 * kMillisecond;

    explicit RequestContextPool(std::size_t session_bytes);
    ~RequestContextPool();
    RequestContextPool(const RequestContextPool&) = delete;
    RequestContextPool& operator=(const RequestContextPool&) = delete;

    [[nodiscard]] RequestContext* acquire() noexcept;  // null: out of memory
    void release(RequestContext* request) noexcept;
    [[nodiscard]] static void* session_storage(RequestContext* request) noexcept;
    [[nodiscard]] std::size_t in_use() const { return made_.size() - free_.size(); }
    // With memory, in use or not.
    [[nodiscard]] std::size_t made() const { return made_.size(); }
    // Called in each turn of the loop. Now and then gives back a part of those that were unused in
    // every turn since the last time.
    void trim(Nanos now) noexcept;
    // When trim() has something to do; kNever: nothing until more are returned.
    [[nodiscard]] Nanos trim_at() const { return trim_at_; }
    // visit(request) may release request contexts, but acquire none.
    template <typename Visit>
    void for_each_in_use(Visit&& visit) noexcept {
        for (RequestContext* request : made_) {
            if (request->session != nullptr) {
                visit(*request);
            }
        }
    }

  private:
    void give_back(std::size_t count) noexcept;

    PagePool memory_;
    std::vector<RequestContext*> made_;  // each knows its index
    std::vector<RequestContext*> free_;  // the unused ones of these
    std::size_t unused_ = 0;             // the fewest that were free since the last trim
    Nanos trim_at_ = kNever;
};

}  // namespace sluice

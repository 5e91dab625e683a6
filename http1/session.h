// Http1Session: HTTP/1.x on one connection (RFC 9112), as a Session: bytes of requests go in,
// pieces of responses come out. Http1Factory makes them and holds what all sessions of a worker
// share.
//
// HOW IT WORKS. Complete requests are answered while they are being fed: heads, and bodies that are
// small, gather in a buffer, so that pipelined requests leave in one send. A larger body follows
// what is in the buffer as a slice of the entry's memory or a range of its file; until it has left,
// nothing more is taken. A head that is cut, has a body to be read first, or waits for content is
// kept in a buffer of its own and parsed again when it can be answered.
//
// OWNERSHIP. Sessions borrow the factory; it borrows the limits, the view and the log sink. Content
// that is being sent is pinned in the view. Everything is on the worker's thread. Nothing is
// allocated except the buffers that the worker lends (heads, output), which a free list keeps. The
// one for output is lent from the first byte of an answer until all that it holds has left.
//
// ENDS. A refused request (RFC 9112 sections 2.2 and 6.3) is answered and ends the connection with
// `linger`. A close that the peer asked for ends it with `close`, unless more bytes came.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/lent_buffers.h"
#include "core/limits.h"
#include "core/session.h"
#include "http/body_stream.h"
#include "http/content_view.h"
#include "http1/body.h"
#include "http1/parser.h"
#include "http1/pending_log.h"
#include "http1/response.h"
#include "log/access_log.h"

namespace sluice::http {

// What the sessions of one worker share.
struct Http1Worker {
    Http1Worker(const Limits& limits_of_all, ContentView& content, AccessLogSink* access_log,
                std::uint64_t tail_bytes, bool tell_timing);

    const Limits& limits;
    ContentView& view;
    AccessLogSink* const log;  // may be null
    const std::uint64_t live_tail_bytes;
    const bool server_timing;

    SessionContext context;
    DateLine date;
    RequestParser parser;
    LentBuffers heads;  // for those that cannot be answered from the bytes at hand
    LentBuffers outputs;
    std::unique_ptr<char[]> path;  // where a path is decoded to
    VerifiedBlock block;           // where a file whose stamp has moved is read to
};

class Http1Session final : public Session {
  public:
    Http1Session(Http1Worker& worker, SessionPeer& peer) noexcept;
    ~Http1Session() override;

    [[nodiscard]] std::size_t feed(std::string_view bytes) noexcept override;
    void on_eof() noexcept override;
    void on_timeout() noexcept override;
    void resume() noexcept override;
    [[nodiscard]] Piece next() noexcept override;
    void sent() noexcept override;
    [[nodiscard]] bool changed(std::uint64_t bytes) noexcept override;
    void aborted(std::uint64_t bytes) noexcept override;
    [[nodiscard]] SessionState state() const noexcept override;

  private:
    enum class Phase : std::uint8_t {
        head,     // reading a head, or between two
        body,     // reading the body of the request whose head is saved
        ready,    // the saved request can be answered once there is room
        waiting,  // the saved request waits for content
        over,
    };
    enum class Answer : std::uint8_t { given, no_room, wait };

    [[nodiscard]] bool blocked() const noexcept;
    [[nodiscard]] std::size_t feed_head(std::string_view bytes) noexcept;
    [[nodiscard]] std::size_t feed_saved_head(std::string_view bytes) noexcept;
    [[nodiscard]] std::size_t feed_body(std::string_view bytes) noexcept;
    [[nodiscard]] bool save_head(std::string_view bytes) noexcept;
    void drop_head() noexcept;

    void begin_body(Http1Request& request) noexcept;
    void answer_saved() noexcept;
    [[nodiscard]] Answer answer(Http1Request& request) noexcept;
    [[nodiscard]] ResponsePlan plan(Request& request) noexcept;
    void refuse(std::uint16_t status, std::string_view head) noexcept;
    [[nodiscard]] bool emit(const ResponsePlan& plan, ConnectionField connection,
                            const LogTexts& texts, std::size_t reserve) noexcept;
    void end(bool linger) noexcept;
    [[nodiscard]] bool borrow_output() noexcept;
    void return_output() noexcept;
    void finish_piece(std::uint64_t bytes) noexcept;
    void finish_stream() noexcept;

    // Everything a small request touches comes first.
    Http1Worker& worker_;
    SessionPeer& peer_;
    Phase phase_ = Phase::head;
    bool linger_ = false;       // once over: linger, not close
    bool peer_done_ = false;    // the peer sends nothing more
    bool sending_ = false;      // a piece is on its way
    bool final_ = false;        // the saved request is the last to be answered
    bool flush_first_ = false;  // an interim response has to leave before more is read
    std::uint32_t out_bytes_ = 0;
    std::uint32_t head_bytes_ = 0;  // saved in head_
    HeadScan scan_;
    char* head_ = nullptr;
    PendingLog pending_log_;
    std::optional<BodyStream> stream_;
    std::uint64_t piece_bytes_ = 0;
    EntryPin pin_;

    char* out_ = nullptr;  // lent: responses from the front, log records from the back

    BodyReader body_;
};
static_assert(sizeof(Http1Session) <= 700);

class Http1Factory final : public SessionFactory {
  public:
    // `log` may be null. `live_tail_bytes`: the send buffer of a socket and the receive buffer of
    // its peer at their largest (see BodyStream). `server_timing`: the first answer on a connection
    // tells how long the connection waited to be accepted.
    Http1Factory(const Limits& limits, ContentView& view, AccessLogSink* log,
                 std::uint64_t live_tail_bytes, bool server_timing = false);

    [[nodiscard]] std::size_t session_bytes() const noexcept override;
    [[nodiscard]] Session* create(void* storage, SessionPeer& peer) noexcept override;
    [[nodiscard]] bool wants_accept_wait() const noexcept override;
    [[nodiscard]] bool turn(const SessionContext& context) noexcept override;

  private:
    Http1Worker worker_;
};

}  // namespace sluice::http

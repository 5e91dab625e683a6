#include "http1/session.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

#include "core/check.h"
#include "http/fields.h"
#include "http/path.h"
#include "http/status.h"
#include "http/writer.h"

namespace sluice::http {
namespace {

// RFC 9110 section 15.2.1.
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

constexpr std::uint32_t kOutBytes = 16 * 1024;
// Buffers of whole pages would all begin in the same few sets of the cache (core/page_pool.h).
constexpr std::size_t kOutShift = 64;

// Kept free in the output buffer by ordinary answers, so that a refusal (whose page and log record
// are short) and an interim response always find room.
constexpr std::size_t kReserve = 2048;
// How much of a malformed request's first line is logged.
constexpr std::size_t kRefusedLineMax = 256;

// The request line as it came: method, target and version are one run of bytes.
LogTexts texts_of(const Http1Request& request) {
    constexpr std::size_t kVersion = sizeof(" HTTP/1.1") - 1;
    const char* begin = request.method_text.data();
    const char* end = request.target.data() + request.target.size() + kVersion;
    return {{begin, end}, request.referer, request.user_agent};
}

// A line of the first answer on a connection (W3C Server Timing; "dur" is in milliseconds).
class AcceptTiming {
  public:
    explicit AcceptTiming(Nanos wait) noexcept {
        if (wait >= 0) {
            Writer writer(text_.data(), text_.size());
            writer.put("Server-Timing: accept;dur=");
            writer.put_number(static_cast<std::uint64_t>(wait / kMillisecond));
            writer.put("\r\n");
            bytes_ = writer.written();
        }
    }
    [[nodiscard]] std::string_view line() const { return {text_.data(), bytes_}; }

  private:
    std::array<char, 64> text_;
    std::size_t bytes_ = 0;
};

// The first line of a request that is being refused, as far as it is there.
std::string_view first_line(std::string_view head) {
    if (head.starts_with("\r\n")) {
        head.remove_prefix(2);
    }
    return head.substr(0, head.find_first_of("\r\n"));
}

}  // namespace

Http1Worker::Http1Worker(const Limits& limits_of_all, ContentView& content,
                         AccessLogSink* access_log, std::uint64_t tail_bytes, bool tell_timing)
    : limits(limits_of_all),
      view(content),
      log(access_log),
      live_tail_bytes(tail_bytes),
      server_timing(tell_timing),
      parser(limits_of_all),
      heads(limits_of_all.head_bytes),
      outputs(kOutBytes + kOutShift),
      path(std::make_unique_for_overwrite<char[]>(limits_of_all.head_bytes)) {}

Http1Session::Http1Session(Http1Worker& worker, SessionPeer& peer) noexcept
    : worker_(worker), peer_(peer), pending_log_(kOutBytes) {}

Http1Session::~Http1Session() {
    if (!pending_log_.empty() || pin_.entry() != nullptr) {
        aborted(0);
    }
    drop_head();
    return_output();
}

// ---- taking in -------------------------------------------------------------------------------

bool Http1Session::blocked() const noexcept {
    return sending_ || flush_first_ || stream_.has_value() ||
           (phase_ != Phase::head && phase_ != Phase::body);
}

std::size_t Http1Session::feed(std::string_view bytes) noexcept {
    std::size_t taken = 0;
    while (taken < bytes.size() && !blocked()) {
        const std::string_view rest = bytes.substr(taken);
        std::size_t step = 0;
        if (phase_ == Phase::body) {
            step = feed_body(rest);
        } else if (head_bytes_ != 0) {
            step = feed_saved_head(rest);
        } else {
            step = feed_head(rest);
        }
        if (step == 0) {
            break;
        }
        taken += step;
    }
    // What is left unread would turn a plain close into a reset (RFC 9112 section 9.6).
    linger_ = linger_ || (phase_ == Phase::over && taken < bytes.size());
    return taken;
}

// The common case: a head that is complete in the bytes at hand is answered from them. Takes
// nothing when the answer finds no room.
std::size_t Http1Session::feed_head(std::string_view bytes) noexcept {
    RequestParser& parser = worker_.parser;
    const HeadResult result = parser.parse(bytes, scan_);
    if (result.complete()) {
        scan_ = {};
        Http1Request& request = parser.request();
        const bool has_body = request.body != BodyKind::none;
        if (!has_body) {
            const Answer given = answer(request);
            if (given == Answer::given) {
                return result.bytes;
            }
            if (given == Answer::no_room) {
                return 0;
            }
        }
        if (!save_head(bytes.substr(0, result.bytes))) {
            return result.bytes;
        }
        if (has_body) {
            begin_body(request);
        } else {
            phase_ = Phase::waiting;
        }
        return result.bytes;
    }
    if (result.incomplete()) {
        (void)save_head(bytes);
    } else {
        refuse(result.status, bytes);
    }
    return bytes.size();
}

// The head began in earlier bytes; these are appended to them.
std::size_t Http1Session::feed_saved_head(std::string_view bytes) noexcept {
    const std::size_t before = head_bytes_;
    bytes = bytes.substr(0, worker_.limits.head_bytes - before);
    std::memcpy(head_ + before, bytes.data(), bytes.size());
    head_bytes_ += static_cast<std::uint32_t>(bytes.size());

    const HeadResult result = worker_.parser.parse({head_, head_bytes_}, scan_);
    if (result.incomplete()) {
        return bytes.size();
    }
    if (!result.complete()) {
        refuse(result.status, {head_, head_bytes_});
        return bytes.size();
    }
    scan_ = {};
    head_bytes_ = static_cast<std::uint32_t>(result.bytes);
    Http1Request& request = worker_.parser.request();
    if (request.body != BodyKind::none) {
        begin_body(request);
    } else {
        answer_saved();
    }
    return result.bytes - before;
}

std::size_t Http1Session::feed_body(std::string_view bytes) noexcept {
    const BodyReader::Progress progress = body_.feed(bytes);
    if (progress.status == 200) {
        answer_saved();
    } else if (progress.status != 0) {
        refuse(progress.status, {head_, head_bytes_});
    }
    return progress.taken;
}

bool Http1Session::save_head(std::string_view bytes) noexcept {
    head_ = worker_.heads.acquire();
    if (head_ == nullptr) {
        refuse(kUnavailable, bytes);
        return false;
    }
    std::memcpy(head_, bytes.data(), bytes.size());
    head_bytes_ = static_cast<std::uint32_t>(bytes.size());
    return true;
}

void Http1Session::drop_head() noexcept {
    if (head_ != nullptr) {
        worker_.heads.release(std::exchange(head_, nullptr));
    }
    head_bytes_ = 0;
}

// The head is saved, the body comes next and is dropped (RFC 9112 section 6.3); the answer is given
// after it, so that a client that does not read while it writes cannot get stuck.
void Http1Session::begin_body(Http1Request& request) noexcept {
    phase_ = Phase::body;
    body_ = BodyReader(request, worker_.limits.body_bytes, worker_.limits.head_bytes);
    if (const BodyReader::Progress progress = body_.feed({}); progress.status != 0) {
        refuse(progress.status, {head_, head_bytes_});
        return;
    }
    if (!request.expect_continue) {
        return;
    }
    // RFC 9110 section 10.1.1: the final status at once if it is an error, else a 100. After an
    // error nobody can know whether the body still comes, so the connection ends.
    const ResponsePlan final_plan = plan(request);
    if (!final_plan.needs_load && final_plan.status >= 400) {
        final_ = true;
        answer_saved();
        return;
    }
    if (!borrow_output()) {
        drop_head();
        end(false);
        return;
    }
    std::memcpy(out_ + out_bytes_, kContinue.data(), kContinue.size());
    out_bytes_ += static_cast<std::uint32_t>(kContinue.size());
    flush_first_ = true;
}

// ---- answering -------------------------------------------------------------------------------

ResponsePlan Http1Session::plan(Request& request) noexcept {
    const bool head_only = request.method == Method::head;
    request.wall_seconds = worker_.context.wall_seconds;
    if (!request.raw_path.empty()) {
        const Path path = normalise_path(request.raw_path, worker_.path.get());
        if (path.status == PathStatus::bad) {
            return plan_error(kBadRequest, head_only);
        }
        request.path = path.text;
    }
    return worker_.view.ready() ? plan_response(request, worker_.view.current())
                                : plan_error(kUnavailable, head_only);
}

Http1Session::Answer Http1Session::answer(Http1Request& request) noexcept {
    const bool head_only = request.method == Method::head;
    ResponsePlan chosen = plan(request);
    if (chosen.needs_load) {
        if (worker_.view.request_load(*chosen.entry)) {
            return Answer::wait;
        }
        chosen = plan_error(kUnavailable, head_only);
    }
    const bool keep = request.keep_alive && !worker_.context.draining && !final_;
    const ConnectionField connection = !keep                        ? ConnectionField::close
                                       : request.version_minor == 0 ? ConnectionField::keep_alive
                                                                    : ConnectionField::none;
    if (!emit(chosen, connection, texts_of(request), kReserve)) {
        if (out_bytes_ != 0) {
            return Answer::no_room;
        }
        if (out_ == nullptr) {  // no memory, not even for an error page
            end(false);
            return Answer::given;
        }
        // A redirect whose Location is longer than the buffer.
        CHECK(emit(plan_error(kUriTooLong, head_only), connection, texts_of(request), 0));
    }
    phase_ = Phase::head;
    if (!keep) {
        end(request.keep_alive || final_);
    }
    return Answer::given;
}

// The request whose head is saved, now that it can be answered.
void Http1Session::answer_saved() noexcept {
    HeadScan scan;
    const HeadResult result = worker_.parser.parse({head_, head_bytes_}, scan);
    CHECK(result.complete());
    switch (answer(worker_.parser.request())) {
        case Answer::given:
            drop_head();
            if (peer_done_) {
                end(false);
            }
            return;
        case Answer::no_room: phase_ = Phase::ready; return;
        case Answer::wait: phase_ = Phase::waiting; return;
    }
}

// Answers with an error page and ends the connection, because what follows may not be the next
// request. `head` is what has come of the request.
void Http1Session::refuse(std::uint16_t status, std::string_view head) noexcept {
    const std::string_view line = first_line(head);
    LogTexts texts;
    if (!line.empty()) {
        texts.request_line = line.substr(0, kRefusedLineMax);
    }
    const ResponsePlan page = plan_error(status, line.starts_with("HEAD "));
    const bool told = emit(page, ConnectionField::close, texts, 0);
    CHECK(told || out_ == nullptr);
    drop_head();
    end(told);
}

// Puts head and page, or head and small body, into the output buffer; a larger body becomes the
// stream. Returns false, and changes nothing, when there is no room or no buffer.
bool Http1Session::emit(const ResponsePlan& plan, ConnectionField connection, const LogTexts& texts,
                        std::size_t reserve) noexcept {
    if (!borrow_output()) {
        return false;
    }
    const std::size_t log_bytes = worker_.log != nullptr ? PendingLog::bytes_for(texts) : 0;
    const std::size_t taken = out_bytes_ + log_bytes + reserve;
    if (taken >= pending_log_.bottom()) {
        return false;
    }
    std::size_t room = pending_log_.bottom() - taken;
    if (plan.shape == BodyShape::whole && plan.entry->size > kBodyCopyMax) {
        room = std::min(room, kHeadBytesMax);  // the head fits, the body does not
    }
    const AcceptTiming timing(worker_.server_timing ? peer_.take_accept_wait() : -1);
    bool body_written = false;
    const std::size_t written = write_response(plan, worker_.date, connection, out_ + out_bytes_,
                                               room, &body_written, timing.line());
    if (written == 0) {
        return false;
    }
    out_bytes_ += static_cast<std::uint32_t>(written);
    if (!body_written) {
        stream_.emplace(plan, worker_.live_tail_bytes, worker_.block);
        worker_.view.pin(pin_, *plan.entry);
    }
    if (worker_.log != nullptr) {
        const std::uint64_t body = plan.head_only ? 0 : body_bytes(plan);
        const std::uint64_t body_at = out_bytes_ - (body_written ? body : 0);
        pending_log_.push(out_, texts, plan.status, body, body_at, worker_.context.now);
    }
    return true;
}

bool Http1Session::borrow_output() noexcept {
    if (out_ == nullptr) {
        out_ = worker_.outputs.acquire();
    }
    return out_ != nullptr;
}

void Http1Session::return_output() noexcept {
    if (out_ != nullptr) {
        worker_.outputs.release(std::exchange(out_, nullptr));
    }
}

void Http1Session::end(bool linger) noexcept {
    phase_ = Phase::over;
    linger_ = linger && !peer_done_;
}

// ---- sending ---------------------------------------------------------------------------------

Piece Http1Session::next() noexcept {
    DCHECK(!sending_);
    Piece piece;
    Slice slice;
    if (stream_) {
        const std::size_t room = pending_log_.bottom() - out_bytes_;
        out_bytes_ +=
            static_cast<std::uint32_t>(stream_->next(out_ + out_bytes_, room, slice, piece.file));
        piece.copy = piece.file.length != 0 && stream_->copying();
        if (stream_->broken()) {
            aborted(0);
            return {};
        }
    }
    if (out_bytes_ != 0) {
        piece.slices[piece.slice_count++] = {out_, out_bytes_};
    }
    if (slice.size != 0) {
        piece.slices[piece.slice_count++] = slice;
    }
    if (piece.empty()) {
        return piece;
    }
    piece_bytes_ = piece.bytes();
    piece.last = (!stream_ || stream_->finished()) &&
                 (phase_ == Phase::over || (phase_ == Phase::head && head_bytes_ == 0));
    sending_ = true;
    return piece;
}

void Http1Session::sent() noexcept {
    DCHECK(sending_);
    if (stream_) {
        stream_->sent();
    }
    finish_piece(piece_bytes_);
}

bool Http1Session::changed(std::uint64_t bytes) noexcept {
    DCHECK(sending_ && stream_);
    if (bytes < out_bytes_ || !stream_->changed(bytes - out_bytes_)) {
        return false;
    }
    finish_piece(bytes);
    return true;
}

// `bytes` of the piece have left, and no others will.
void Http1Session::finish_piece(std::uint64_t bytes) noexcept {
    sending_ = false;
    flush_first_ = false;
    out_bytes_ = 0;
    const bool unfinished = stream_ && !stream_->finished();
    if (worker_.log != nullptr) {
        pending_log_.settle(out_, bytes, unfinished, *worker_.log, peer_, worker_.context);
    }
    if (stream_ && !unfinished) {
        finish_stream();
    }
    if (phase_ == Phase::ready && !stream_) {
        answer_saved();
    }
    if (out_bytes_ == 0 && !stream_) {
        return_output();
    }
}

void Http1Session::aborted(std::uint64_t bytes) noexcept {
    if (worker_.log != nullptr) {
        pending_log_.settle(out_, sending_ ? bytes : 0, false, *worker_.log, peer_,
                            worker_.context);
    }
    finish_stream();
    sending_ = false;
    out_bytes_ = 0;
    peer_done_ = true;
    end(false);
    return_output();
}

void Http1Session::finish_stream() noexcept {
    stream_.reset();
    if (pin_.entry() != nullptr) {
        worker_.view.unpin(pin_);
    }
}

// ---- events ----------------------------------------------------------------------------------

void Http1Session::on_eof() noexcept {
    peer_done_ = true;
    switch (phase_) {
        case Phase::head:
            if (head_bytes_ != 0 && scan_.begun(head_bytes_)) {
                refuse(kBadRequest, {head_, head_bytes_});  // RFC 9112 section 8
            } else {
                end(false);
            }
            return;
        case Phase::body: refuse(kBadRequest, {head_, head_bytes_}); return;
        case Phase::ready:
        case Phase::waiting: return;  // half-closed: the answer is still wanted
        case Phase::over: linger_ = false; return;
    }
}

void Http1Session::on_timeout() noexcept {
    switch (phase_) {
        case Phase::head:
            if (head_bytes_ != 0 && scan_.begun(head_bytes_)) {
                refuse(kRequestTimeout, {head_, head_bytes_});
            } else {
                end(false);
            }
            return;
        case Phase::body: refuse(kRequestTimeout, {head_, head_bytes_}); return;
        case Phase::waiting: refuse(kUnavailable, {head_, head_bytes_}); return;
        case Phase::ready:
        case Phase::over: return;
    }
}

void Http1Session::resume() noexcept {
    if (phase_ != Phase::waiting) {
        return;
    }
    phase_ = Phase::ready;
    if (!sending_ && !stream_) {
        answer_saved();
    }
}

SessionState Http1Session::state() const noexcept {
    if (phase_ == Phase::over) {
        return linger_ ? SessionState::linger : SessionState::close;
    }
    if (sending_ || out_bytes_ != 0 || stream_) {
        return SessionState::respond;
    }
    switch (phase_) {
        case Phase::body: return SessionState::body;
        case Phase::waiting: return SessionState::waiting;
        case Phase::ready: return SessionState::respond;
        default: return head_bytes_ != 0 ? SessionState::head : SessionState::idle;
    }
}

// ---- factory ---------------------------------------------------------------------------------

Http1Factory::Http1Factory(const Limits& limits, ContentView& view, AccessLogSink* log,
                           std::uint64_t live_tail_bytes, bool server_timing)
    : worker_(limits, view, log, live_tail_bytes, server_timing) {}

std::size_t Http1Factory::session_bytes() const noexcept {
    return sizeof(Http1Session);
}

Session* Http1Factory::create(void* storage, SessionPeer& peer) noexcept {
    return new (storage) Http1Session(worker_, peer);
}

bool Http1Factory::wants_accept_wait() const noexcept {
    return worker_.server_timing;
}

bool Http1Factory::turn(const SessionContext& context) noexcept {
    worker_.context = context;
    worker_.date.update(context.wall_seconds);
    return worker_.view.refresh();
}

}  // namespace sluice::http

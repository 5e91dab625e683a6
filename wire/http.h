// HTTP/1.x in the two streams of a connection: messages, which of them answer which, and the frames
// that carried them.
//
// Start lines are split here, because llhttp refuses methods and versions that it does not know,
// and a capture shows those too; fields, framing and bodies are llhttp's. A stream that does not
// begin like HTTP is left alone. After a gap inside a head, or bytes that make no sense, a
// direction looks for the next segment that begins like a message.
//
// Responses answer requests in order (RFC 9112 section 9.3.2); 1xx are interim answers to the same
// request (RFC 9110 section 15.2); a response that comes before its request is complete (408, 413
// ...) belongs to the one under way.
//
// Bounded: heads of 256 KiB, 1,000 fields, 4,096 exchanges that wait, and as much of each body as
// the caller wants to keep. Sources: RFC 9110, RFC 9112.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/reassembly.h"
#include "wire/secrets.h"

namespace sluice::wire {

struct HttpField {
    std::string name;
    std::string value;
};

// How a body's end is found (RFC 9112 section 6.3).
enum class Framing : std::uint8_t { none, length, chunked, until_close };
[[nodiscard]] std::string_view to_string(Framing framing) noexcept;

// Bytes of a message in one frame.
struct MessageSegment {
    std::uint64_t frame = 0;
    std::uint64_t offset = 0;  // within the message
    std::uint32_t bytes = 0;
};

struct HttpMessage {
    bool request = false;
    std::string method;  // requests
    std::string target;
    std::string version;  // "HTTP/1.1"
    int status = 0;       // responses
    std::string reason;
    std::vector<HttpField> fields;
    Framing framing = Framing::none;
    std::uint64_t announced_bytes = 0;  // by Content-Length
    bool has_length = false;
    std::uint64_t head_bytes = 0;
    std::uint64_t body_bytes = 0;   // of the content, without chunk framing
    std::uint64_t total_bytes = 0;  // on the wire, head included
    std::string body;               // its beginning, as much as is kept
    bool begun = false;
    bool head_complete = false;
    bool complete = false;
    bool gap = false;   // bytes of it were not captured
    std::string error;  // why it ends early, or what is wrong with it
    Origin first;       // of its first byte, its head's last and its own last
    Origin head;
    Origin last;
    std::vector<MessageSegment> segments;
    std::uint64_t segments_total = 0;

    // The first field of that name (without regard to case), or null.
    [[nodiscard]] const std::string* field(std::string_view name) const noexcept;
};

struct HttpExchange {
    std::uint64_t index = 0;  // within the connection, from 0
    HttpMessage request;
    std::vector<HttpMessage> interim;  // 1xx
    HttpMessage response;
    bool pipelined = false;  // sent before the one before it was answered
    std::uint64_t requests_seen = 0;
};

enum class HttpEventKind : std::uint8_t { head, end, cut, nonsense };

struct HttpEvent {
    HttpEventKind kind = HttpEventKind::head;
    int direction = 0;
    std::shared_ptr<const HttpExchange> exchange;
    bool request = false;
    int interim = -1;  // index of a 1xx

    [[nodiscard]] const HttpMessage& message() const {
        return request        ? exchange->request
               : interim >= 0 ? exchange->interim[static_cast<std::size_t>(interim)]
                              : exchange->response;
    }
};

class HttpConversation final : public StreamConsumer {
  public:
    explicit HttpConversation(std::size_t body_bytes_kept);
    ~HttpConversation();

    void on_data(int direction, std::string_view bytes, Origin origin) override;
    void on_gap(int direction, std::uint64_t bytes, Origin origin) override;
    // The end of a direction (FIN), or of everything (reset, end of the capture).
    void on_end(int direction, Origin origin, bool aborted);

    // What happened since the last call, in order.
    [[nodiscard]] std::vector<HttpEvent>& events() noexcept { return events_; }
    // Which direction carries requests: 0, 1, or -1 when neither looked like HTTP.
    [[nodiscard]] int request_direction() const noexcept { return request_direction_; }
    [[nodiscard]] bool is_http() const noexcept { return request_direction_ >= 0; }
    // The parts of a direction's bytes that must not be shown; `begin` is their place in the
    // stream.
    void collect_secrets(int direction, std::string_view bytes, std::uint64_t begin,
                         std::vector<ByteRange>& out) const;

  private:
    class Parser;
    friend class Parser;

    [[nodiscard]] bool orient(int direction, std::string_view bytes);
    [[nodiscard]] std::shared_ptr<HttpExchange> begin_request();
    [[nodiscard]] std::shared_ptr<HttpExchange> begin_response();
    void response_ended(const HttpExchange& exchange);
    void advance(int direction, std::uint64_t bytes);
    void emit(HttpEventKind kind, int direction, const std::shared_ptr<HttpExchange>& exchange,
              bool request, int interim = -1);

    const std::size_t body_bytes_kept_;
    int request_direction_ = -1;
    bool given_up_[2] = {false, false};
    std::unique_ptr<Parser> parsers_[2];
    Secrets secrets_[2];
    std::uint64_t position_[2] = {0, 0};                 // how much of each stream has come
    std::deque<std::shared_ptr<HttpExchange>> waiting_;  // requests whose answer is not complete
    std::uint64_t exchanges_ = 0;
    std::vector<HttpEvent> events_;
};

// True when `bytes` begin like a request or a response of HTTP/1.x.
[[nodiscard]] bool looks_like_request(std::string_view bytes) noexcept;
[[nodiscard]] bool looks_like_response(std::string_view bytes) noexcept;

}  // namespace sluice::wire

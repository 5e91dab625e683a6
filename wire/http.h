// HTTP/1.x in the two streams of a connection: the messages, which response answers which request,
// and the frames that carried them.
//
// Start lines are split here, because llhttp refuses methods and versions that it does not know,
// and a capture shows those too. llhttp reads fields, framing and bodies. A stream that does not
// begin like HTTP is not parsed. After a gap inside a head, or bytes that are no HTTP, a direction
// looks for the next segment that begins like a message.
//
// Responses answer requests in order (RFC 9112 section 9.3.2). 1xx are interim responses to the
// same request (RFC 9110 section 15.2). A response that comes before its request is complete (408,
// 413 ...) belongs to the request in flight.
//
// Bounded: heads of 256 KiB, 1,000 fields, 4,096 waiting exchanges, and as much of each body as the
// caller keeps. Sources: RFC 9110, RFC 9112.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "wire/message.h"
#include "wire/reassembly.h"
#include "wire/secrets.h"

namespace sluice::wire {

enum class HttpEventKind : std::uint8_t { head, end, cut, not_http };

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

    // The events since the last call, in order.
    [[nodiscard]] std::vector<HttpEvent>& events() noexcept { return events_; }
    // Which direction carries requests: 0, 1, or -1 when neither looked like HTTP.
    [[nodiscard]] int request_direction() const noexcept { return request_direction_; }
    [[nodiscard]] bool is_http() const noexcept { return request_direction_ >= 0; }
    // The parts of a direction's bytes that must not be shown; `begin` is the stream offset of
    // `bytes`.
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
    std::uint64_t position_[2] = {0, 0};                  // bytes received of each stream
    std::vector<std::shared_ptr<HttpExchange>> waiting_;  // the response is not complete
    std::uint64_t exchanges_ = 0;
    std::vector<HttpEvent> events_;
};

// True when `bytes` begin like a request or a response of HTTP/1.x.
[[nodiscard]] bool looks_like_request(std::string_view bytes) noexcept;
[[nodiscard]] bool looks_like_response(std::string_view bytes) noexcept;

}  // namespace sluice::wire

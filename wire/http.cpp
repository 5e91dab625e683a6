#include "wire/http.h"

#include "wire/http_parser.h"

namespace sluice::wire {

namespace {

constexpr std::size_t kExchangesMax = 4096;
constexpr std::size_t kMethodBytesMax = 24;

}  // namespace

bool looks_like_request(std::string_view bytes) noexcept {
    std::size_t size = 0;
    while (size < bytes.size() && size < kMethodBytesMax &&
           ((bytes[size] >= 'A' && bytes[size] <= 'Z') || bytes[size] == '-')) {
        ++size;
    }
    return size > 0 && size < kMethodBytesMax && (size == bytes.size() || bytes[size] == ' ') &&
           !bytes.starts_with("PRI * HTTP/2");
}

bool looks_like_response(std::string_view bytes) noexcept {
    return bytes.substr(0, 7) == std::string_view("HTTP/1.").substr(0, bytes.size());
}

HttpConversation::HttpConversation(std::size_t body_bytes_kept)
    : body_bytes_kept_(body_bytes_kept) {}

HttpConversation::~HttpConversation() = default;

bool HttpConversation::orient(int direction, std::string_view bytes) {
    const bool request = looks_like_request(bytes);
    if (!request && !looks_like_response(bytes)) {
        given_up_[direction] = true;
        return false;
    }
    given_up_[0] = given_up_[1] = false;
    request_direction_ = request ? direction : 1 - direction;
    for (const int which : {0, 1}) {
        secrets_[which].forget_before(position_[which]);
        secrets_[which].read_to(position_[which]);
    }
    parsers_[request_direction_] = std::make_unique<Parser>(*this, request_direction_, true);
    parsers_[1 - request_direction_] =
        std::make_unique<Parser>(*this, 1 - request_direction_, false);
    return true;
}

void HttpConversation::on_data(int direction, std::string_view bytes, Origin origin) {
    const bool tunnel = given_up_[direction] && request_direction_ >= 0;
    if (!tunnel && (request_direction_ >= 0 || orient(direction, bytes))) {
        parsers_[direction]->feed(bytes, origin);
    }
    advance(direction, bytes.size());
}

void HttpConversation::on_gap(int direction, std::uint64_t bytes, Origin origin) {
    if (parsers_[direction] != nullptr) {
        parsers_[direction]->gap(bytes, origin);
    }
    advance(direction, bytes);
}

void HttpConversation::advance(int direction, std::uint64_t bytes) {
    position_[direction] += bytes;
    if (parsers_[direction] != nullptr) {
        const std::uint64_t ahead = parsers_[direction]->content_ahead();
        const bool endless = ahead >= Secrets::kEverything - position_[direction];
        secrets_[direction].read_to(endless ? Secrets::kEverything : position_[direction] + ahead);
    }
}

void HttpConversation::collect_secrets(int direction, std::string_view bytes, std::uint64_t begin,
                                       std::vector<ByteRange>& out) const {
    const bool read = request_direction_ >= 0 && !given_up_[direction];
    if (!read && begin + bytes.size() > position_[direction]) {
        // Neither these bytes nor perhaps those before them have been read, so all may be secret.
        out.push_back({begin, begin + bytes.size()});
    } else if (!read) {
        collect_named_values(bytes, begin, out);
    } else {
        secrets_[direction].collect({begin, begin + bytes.size()}, out);
    }
}

void HttpConversation::on_end(int direction, Origin origin, bool aborted) {
    if (parsers_[direction] != nullptr) {
        parsers_[direction]->end(origin, aborted);
    }
}

std::shared_ptr<HttpExchange> HttpConversation::begin_request() {
    auto exchange = std::make_shared<HttpExchange>();
    exchange->index = exchanges_++;
    exchange->pipelined = !waiting_.empty();
    if (waiting_.size() == kExchangesMax) {
        waiting_.erase(waiting_.begin());
    }
    waiting_.push_back(exchange);
    return exchange;
}

std::shared_ptr<HttpExchange> HttpConversation::begin_response() {
    if (waiting_.empty()) {
        (void)begin_request();  // its request was not captured
        waiting_.back()->pipelined = false;
    }
    return waiting_.front();
}

void HttpConversation::response_ended(const HttpExchange& exchange) {
    if (!waiting_.empty() && waiting_.front().get() == &exchange) {
        waiting_.erase(waiting_.begin());
    }
}

void HttpConversation::emit(HttpEventKind kind, int direction,
                            const std::shared_ptr<HttpExchange>& exchange, bool request,
                            int interim) {
    events_.push_back({kind, direction, exchange, request, interim});
}

}  // namespace sluice::wire

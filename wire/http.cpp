#include "wire/http.h"

#include <fmt/format.h>
#include <llhttp.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "wire/output.h"

namespace sluice::wire {

namespace {

constexpr std::size_t kHeadBytesMax = 256 << 10;
constexpr std::size_t kFieldsMax = 1000;
constexpr std::size_t kFieldsUsual = 12;  // room for as many is made at once
constexpr std::size_t kExchangesMax = 4096;
constexpr std::size_t kSegmentsMax = 512;
constexpr std::size_t kMethodBytesMax = 24;

bool same_name(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
               const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
               return lower(x) == lower(y);
           });
}

bool is_version(std::string_view text) noexcept {
    return text.size() == 8 && text.starts_with("HTTP/") && text[5] >= '0' && text[5] <= '9' &&
           text[6] == '.' && text[7] >= '0' && text[7] <= '9';
}

// "GET /path HTTP/1.1", without its line end.
bool split_request_line(std::string_view line, HttpMessage& message) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == 0 || last <= first ||
        !is_version(line.substr(last + 1))) {
        return false;
    }
    message.method = line.substr(0, first);
    message.target = line.substr(first + 1, last - first - 1);
    message.version = line.substr(last + 1);
    return true;
}

// "HTTP/1.1 200 OK"; the reason may be missing.
bool split_status_line(std::string_view line, HttpMessage& message) {
    if (line.size() < 12 || !is_version(line.substr(0, 8)) || line[8] != ' ') {
        return false;
    }
    const auto [end, error] = std::from_chars(line.data() + 9, line.data() + 12, message.status);
    if (error != std::errc{} || end != line.data() + 12 || message.status < 100) {
        return false;
    }
    message.version = line.substr(0, 8);
    message.reason = line.size() > 13 ? line.substr(13) : std::string_view{};
    return true;
}

}  // namespace

std::string_view to_string(Framing framing) noexcept {
    switch (framing) {
        case Framing::none: return "none";
        case Framing::length: return "length";
        case Framing::chunked: return "chunked";
        case Framing::until_close: return "until_close";
    }
    return "";
}

const std::string* HttpMessage::field(std::string_view name) const noexcept {
    for (const HttpField& one : fields) {
        if (same_name(one.name, name)) {
            return &one.value;
        }
    }
    return nullptr;
}

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

// One direction.
class HttpConversation::Parser {
  public:
    Parser(HttpConversation& owner, int direction, bool requests)
        : owner_(owner), direction_(direction), requests_(requests) {
        llhttp_settings_init(&settings_);
        settings_.on_header_field = [](llhttp_t* machine, const char* at, std::size_t size) {
            return self(machine).on_name({at, size});
        };
        settings_.on_header_value = [](llhttp_t* machine, const char* at, std::size_t size) {
            return self(machine).on_value({at, size});
        };
        settings_.on_header_value_complete = [](llhttp_t* machine) {
            self(machine).naming_ = false;
            return 0;
        };
        settings_.on_headers_complete = [](llhttp_t* machine) {
            return self(machine).on_head_end();
        };
        settings_.on_body = [](llhttp_t* machine, const char* at, std::size_t size) {
            self(machine).on_body({at, size});
            return 0;
        };
        settings_.on_chunk_header = [](llhttp_t* machine) {
            self(machine).in_chunk_ = true;
            return 0;
        };
        settings_.on_chunk_complete = [](llhttp_t* machine) {
            self(machine).in_chunk_ = false;
            return 0;
        };
        settings_.on_message_complete = [](llhttp_t* machine) {
            self(machine).ended_ = true;
            return static_cast<int>(HPE_PAUSED);
        };
    }

    void feed(std::string_view bytes, Origin origin);
    void gap(std::uint64_t bytes, Origin origin);
    void end(Origin origin, bool aborted);
    // How many of the bytes to come are content, whatever they are.
    [[nodiscard]] std::uint64_t content_ahead() const noexcept;

  private:
    enum class Mode : std::uint8_t { line, fields, body, seek, dead };

    static Parser& self(llhttp_t* machine) { return *static_cast<Parser*>(machine->data); }

    int on_name(std::string_view part);
    int on_value(std::string_view part);
    int on_head_end();
    void on_body(std::string_view part);

    void begin(Origin origin);
    [[nodiscard]] std::string_view take_line(std::string_view bytes, Origin origin);
    void line_complete(Origin origin);
    [[nodiscard]] std::string_view execute(std::string_view bytes, Origin origin);
    void account(std::size_t bytes, Origin origin);
    void message_complete(Origin origin);
    void give_up(std::string why, Origin origin);
    void leave(Mode mode);
    void hide(std::string_view part);

    HttpConversation& owner_;
    const int direction_;
    const bool requests_;
    Mode mode_ = Mode::line;
    std::string line_;
    llhttp_settings_t settings_{};
    llhttp_t machine_{};
    std::shared_ptr<HttpExchange> exchange_;
    HttpMessage* message_ = nullptr;  // of exchange_, while one is under way
    Origin origin_;                   // of the bytes that llhttp has now
    const char* fed_ = nullptr;       // the bytes under way, and their place in the stream
    std::uint64_t fed_at_ = 0;
    bool naming_ = false;
    bool ended_ = false;
    bool in_chunk_ = false;
    bool filling_ = false;  // the bytes stand for ones that were not captured
    bool keep_body_ = true;
};

int HttpConversation::Parser::on_name(std::string_view part) {
    if (!naming_) {
        if (message_->fields.size() == kFieldsMax) {
            return -1;
        }
        if (message_->fields.empty()) {
            message_->fields.reserve(kFieldsUsual);
        }
        message_->fields.emplace_back();
        naming_ = true;
    }
    message_->fields.back().name += part;
    return 0;
}

int HttpConversation::Parser::on_value(std::string_view part) {
    if (!message_->fields.empty()) {
        message_->fields.back().value += part;
        if (is_secret(message_->fields.back().name)) {
            hide(part);
        }
    }
    return 0;
}

int HttpConversation::Parser::on_head_end() {
    machine_.upgrade = 0;  // a wish; only 101 grants it
    if (message_->head_complete) {
        return 0;
    }
    message_->head_complete = true;
    mode_ = Mode::body;
    for (HttpField& field : message_->fields) {
        const auto last = field.value.find_last_not_of(" \t");
        field.value.resize(last == std::string::npos ? 0 : last + 1);
    }
    message_->has_length = (machine_.flags & F_CONTENT_LENGTH) != 0;
    message_->announced_bytes = message_->has_length ? machine_.content_length : 0;
    const int status = message_->status;
    bool bodiless = status == 204 || status == 304 || (!requests_ && status < 200);
    const std::string& method = exchange_->request.method;
    bodiless |= !requests_ && (method == "HEAD" || (method == "CONNECT" && status / 100 == 2));
    if (bodiless) {
        message_->framing = Framing::none;
    } else if ((machine_.flags & F_CHUNKED) != 0) {
        message_->framing = Framing::chunked;
    } else if (message_->has_length) {
        message_->framing = Framing::length;
    } else {
        message_->framing = requests_ ? Framing::none : Framing::until_close;
    }
    return bodiless ? 1 : 0;
}

void HttpConversation::Parser::on_body(std::string_view part) {
    message_->body_bytes += part.size();
    if (filling_) {
        keep_body_ = false;
        return;
    }
    const std::size_t kept = message_->body.size();
    if (keep_body_ && kept < owner_.body_bytes_kept_) {
        message_->body += part.substr(0, owner_.body_bytes_kept_ - kept);
    }
}

void HttpConversation::Parser::begin(Origin origin) {
    exchange_ = requests_ ? owner_.begin_request() : owner_.begin_response();
    message_ = requests_ ? &exchange_->request : &exchange_->response;
    if (message_->begun) {
        *message_ = {};  // an earlier answer to the same request broke off
    }
    message_->request = requests_;
    message_->begun = true;
    message_->first = origin;
    line_.clear();
    naming_ = false;
    ended_ = false;
    in_chunk_ = false;
    keep_body_ = true;
}

void HttpConversation::Parser::account(std::size_t bytes, Origin origin) {
    if (bytes == 0) {
        return;
    }
    auto& segments = message_->segments;
    if (!segments.empty() && segments.back().frame == origin.frame) {
        segments.back().bytes += static_cast<std::uint32_t>(bytes);
    } else {
        ++message_->segments_total;
        if (segments.size() < kSegmentsMax) {
            segments.push_back(
                {origin.frame, message_->total_bytes, static_cast<std::uint32_t>(bytes)});
        }
    }
    message_->total_bytes += bytes;
    message_->last = origin;
}

void HttpConversation::Parser::leave(Mode mode) {
    exchange_.reset();
    message_ = nullptr;
    mode_ = mode;
}

void HttpConversation::Parser::give_up(std::string why, Origin origin) {
    if (message_ != nullptr) {
        message_->error = std::move(why);
        message_->last = origin;
        owner_.emit(HttpEventKind::cut, direction_, exchange_, requests_);
        if (!requests_) {
            owner_.response_ended(*exchange_);
        }
    }
    leave(Mode::seek);
}

// `part` is of the bytes under way.
void HttpConversation::Parser::hide(std::string_view part) {
    if (part.empty() || filling_) {
        return;
    }
    const std::uint64_t begin = fed_at_ + static_cast<std::uint64_t>(part.data() - fed_);
    owner_.secrets_[direction_].hide({begin, begin + part.size()});
}

std::uint64_t HttpConversation::Parser::content_ahead() const noexcept {
    if (mode_ == Mode::dead) {
        return Secrets::kEverything;
    }
    if (mode_ != Mode::body || message_ == nullptr) {
        return 0;
    }
    switch (message_->framing) {
        case Framing::until_close: return Secrets::kEverything;
        case Framing::length: return machine_.content_length;
        case Framing::chunked: return in_chunk_ ? machine_.content_length : 0;
        case Framing::none: break;
    }
    return 0;
}

// The start line, however it is cut; returns what follows.
std::string_view HttpConversation::Parser::take_line(std::string_view bytes, Origin origin) {
    if (message_ == nullptr) {
        // An empty line before a message is allowed (RFC 9112 section 2.2).
        const std::size_t start = bytes.find_first_not_of("\r\n");
        if (start == std::string_view::npos) {
            return {};
        }
        bytes.remove_prefix(start);
        if (!(requests_ ? looks_like_request(bytes) : looks_like_response(bytes))) {
            owner_.emit(HttpEventKind::nonsense, direction_, nullptr, requests_);
            hide(bytes);
            mode_ = Mode::seek;
            return {};
        }
        begin(origin);
    }
    const std::size_t end = bytes.find('\n');
    const std::size_t take = end == std::string_view::npos ? bytes.size() : end + 1;
    line_ += bytes.substr(0, take);
    account(take, origin);
    if (line_.size() > kHeadBytesMax) {
        hide(bytes);
        give_up("its first line is too long", origin);
        return {};
    }
    bytes.remove_prefix(take);
    if (end != std::string_view::npos) {
        line_complete(origin);
    }
    return bytes;
}

void HttpConversation::Parser::line_complete(Origin origin) {
    std::string_view line(line_);
    while (line.ends_with('\n') || line.ends_with('\r')) {
        line.remove_suffix(1);
    }
    if (!(requests_ ? split_request_line(line, *message_) : split_status_line(line, *message_))) {
        give_up("its first line is not one of HTTP", origin);
        return;
    }
    llhttp_init(&machine_, requests_ ? HTTP_REQUEST : HTTP_RESPONSE, &settings_);
    machine_.data = this;
    llhttp_set_lenient_headers(&machine_, 1);
    llhttp_set_lenient_chunked_length(&machine_, 1);
    char text[64] = "POST / HTTP/1.1\r\n";
    if (!requests_) {
        *fmt::format_to(text, "HTTP/1.1 {:03d} \r\n", message_->status) = '\0';
    }
    if (llhttp_execute(&machine_, text, std::strlen(text)) != HPE_OK) {
        give_up(llhttp_get_error_reason(&machine_), origin);
        return;
    }
    mode_ = Mode::fields;
}

std::string_view HttpConversation::Parser::execute(std::string_view bytes, Origin origin) {
    origin_ = origin;
    const bool had_head = message_->head_complete;
    llhttp_errno_t result = llhttp_execute(&machine_, bytes.data(), bytes.size());
    std::size_t used = bytes.size();
    if (result != HPE_OK) {
        const char* at = llhttp_get_error_pos(&machine_);
        used = at == nullptr ? 0 : static_cast<std::size_t>(at - bytes.data());
        used = std::min(used, bytes.size());
    }
    account(used, origin);
    if (!had_head && message_->head_complete) {
        message_->head = origin;
        message_->head_bytes = message_->total_bytes - message_->body_bytes;
        if (requests_ || message_->status >= 200 || message_->status == 101) {
            owner_.emit(HttpEventKind::head, direction_, exchange_, requests_);
        }
    } else if (!had_head && message_->total_bytes > kHeadBytesMax) {
        hide(bytes);
        give_up("its head is too long", origin);
        return {};
    }
    if (ended_) {
        message_complete(origin);
        return bytes.substr(used);
    }
    if (result != HPE_OK) {
        // A value that the error cuts off was not handed over: all of this is suspect.
        hide(bytes);
        const char* why = llhttp_get_error_reason(&machine_);
        give_up(why == nullptr || *why == '\0' ? llhttp_errno_name(result) : why, origin);
        return {};
    }
    return {};
}

void HttpConversation::Parser::message_complete(Origin origin) {
    message_->complete = true;
    message_->last = origin;
    const int status = message_->status;
    const std::shared_ptr<HttpExchange> exchange = exchange_;
    if (!requests_ && status < 200 && status != 101) {
        exchange->interim.push_back(std::move(exchange->response));
        exchange->response = {};
        owner_.emit(HttpEventKind::head, direction_, exchange, false,
                    static_cast<int>(exchange->interim.size()) - 1);
        leave(Mode::line);
        return;
    }
    owner_.emit(HttpEventKind::end, direction_, exchange, requests_);
    const bool tunnel =
        !requests_ &&
        (status == 101 || (exchange->request.method == "CONNECT" && status / 100 == 2));
    if (!requests_) {
        owner_.response_ended(*exchange);
    }
    leave(tunnel ? Mode::dead : Mode::line);
    if (tunnel) {
        owner_.given_up_[0] = owner_.given_up_[1] = true;
    }
}

void HttpConversation::Parser::feed(std::string_view bytes, Origin origin) {
    fed_ = bytes.data();
    fed_at_ = owner_.position_[direction_];
    if (mode_ == Mode::seek) {
        if (!(requests_ ? looks_like_request(bytes) : looks_like_response(bytes))) {
            hide(bytes);
            return;
        }
        mode_ = Mode::line;
    }
    while (!bytes.empty() &&
           (mode_ == Mode::line || mode_ == Mode::fields || mode_ == Mode::body)) {
        bytes = mode_ == Mode::line ? take_line(bytes, origin) : execute(bytes, origin);
    }
    if (mode_ == Mode::seek) {
        hide(bytes);
    }
}

void HttpConversation::Parser::gap(std::uint64_t bytes, Origin origin) {
    if (message_ == nullptr) {
        mode_ = mode_ == Mode::dead ? Mode::dead : Mode::seek;
        return;
    }
    message_->gap = true;
    const bool open_end = message_->framing == Framing::until_close;
    if (content_ahead() < bytes) {
        give_up("bytes of it are not in the capture", origin);
        return;
    }
    // llhttp only counts a body: the last byte stands for all that are missing.
    if (!open_end) {
        machine_.content_length -= bytes - 1;
    }
    message_->body_bytes += bytes - 1;
    message_->total_bytes += bytes - 1;
    filling_ = true;
    (void)execute(std::string_view("\0", 1), origin);
    filling_ = false;
}

void HttpConversation::Parser::end(Origin origin, bool aborted) {
    if (message_ == nullptr) {
        return;
    }
    if (!aborted && mode_ == Mode::body && message_->framing == Framing::until_close) {
        message_complete(origin);
        return;
    }
    give_up(aborted ? "the connection broke off inside of it" : "its sender ended inside of it",
            origin);
}

// ---- both directions
// ------------------------------------------------------------------------------

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
    if (!read && position_[direction] == 0 && begin > 0) {
        out.push_back(
            {begin, begin + bytes.size()});  // its beginning, which would tell, is missing
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
        waiting_.pop_front();
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
        waiting_.pop_front();
    }
}

void HttpConversation::emit(HttpEventKind kind, int direction,
                            const std::shared_ptr<HttpExchange>& exchange, bool request,
                            int interim) {
    events_.push_back({kind, direction, exchange, request, interim});
}

}  // namespace sluice::wire

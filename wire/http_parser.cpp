#include "wire/http_parser.h"

#include <algorithm>

#include "core/check.h"
#include "wire/output.h"

namespace sluice::wire {

namespace {

constexpr std::size_t kHeadBytesMax = 256 << 10;
constexpr std::size_t kTextBytesMax = 2 * kHeadBytesMax;  // with trailers
constexpr std::size_t kFieldsMax = 1000;
constexpr std::size_t kSegmentsMax = 512;

}  // namespace

llhttp_settings_t HttpConversation::Parser::make_settings() noexcept {
    llhttp_settings_t settings{};
    settings.on_header_field = [](llhttp_t* machine, const char* at, std::size_t size) {
        return self(machine).on_name({at, size});
    };
    settings.on_header_value = [](llhttp_t* machine, const char* at, std::size_t size) {
        return self(machine).on_value({at, size});
    };
    settings.on_header_value_complete = [](llhttp_t* machine) {
        self(machine).naming_ = false;
        self(machine).message_->trim_value();
        return 0;
    };
    settings.on_headers_complete = [](llhttp_t* machine) { return self(machine).on_head_end(); };
    settings.on_body = [](llhttp_t* machine, const char* at, std::size_t size) {
        self(machine).on_body({at, size});
        return 0;
    };
    settings.on_chunk_header = [](llhttp_t* machine) {
        self(machine).in_chunk_ = true;
        return 0;
    };
    settings.on_chunk_complete = [](llhttp_t* machine) {
        self(machine).in_chunk_ = false;
        return 0;
    };
    settings.on_message_complete = [](llhttp_t* machine) {
        self(machine).ended_ = true;
        return static_cast<int>(HPE_PAUSED);
    };
    return settings;
}

// A parser that has just read a first line that llhttp knows.
llhttp_t HttpConversation::Parser::make_machine(bool requests) noexcept {
    static const llhttp_settings_t settings = make_settings();
    llhttp_t machine;
    llhttp_init(&machine, requests ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    llhttp_set_lenient_headers(&machine, 1);
    llhttp_set_lenient_chunked_length(&machine, 1);
    const std::string_view line = requests ? "POST / HTTP/1.1\r\n" : "HTTP/1.1 200 \r\n";
    CHECK(llhttp_execute(&machine, line.data(), line.size()) == HPE_OK);
    return machine;
}

int HttpConversation::Parser::on_name(std::string_view part) {
    if (!naming_) {
        if (message_->field_count() == kFieldsMax) {
            return -1;
        }
        message_->begin_field();
        naming_ = true;
    }
    message_->append_name(part);
    return message_->text_bytes() > kTextBytesMax ? -1 : 0;
}

int HttpConversation::Parser::on_value(std::string_view part) {
    if (message_->field_count() > 0) {
        message_->append_value(part);
        if (is_secret(message_->last_name())) {
            hide(part);
        }
    }
    return message_->text_bytes() > kTextBytesMax ? -1 : 0;
}

int HttpConversation::Parser::on_head_end() {
    machine_.upgrade = 0;  // only a request for it; 101 grants it
    if (message_->head_complete) {
        return 0;
    }
    message_->head_complete = true;
    mode_ = Mode::body;
    message_->has_length = (machine_.flags & F_CONTENT_LENGTH) != 0;
    message_->announced_bytes = message_->has_length ? machine_.content_length : 0;
    const int status = message_->status;
    bool bodiless = status == 204 || status == 304 || (!requests_ && status < 200);
    const std::string_view method = exchange_->request.method();
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

void HttpConversation::Parser::give_up(std::string_view why, Origin origin) {
    if (message_ != nullptr) {
        message_->error = why;
        message_->last = origin;
        owner_.emit(HttpEventKind::cut, direction_, exchange_, requests_);
        if (!requests_) {
            owner_.response_ended(*exchange_);
        }
    }
    leave(Mode::seek);
}

// `part` is within the current bytes.
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

// Takes the start line, however segments cut it; returns the rest.
std::string_view HttpConversation::Parser::take_line(std::string_view bytes, Origin origin) {
    if (message_ == nullptr) {
        // An empty line before a message is allowed (RFC 9112 section 2.2).
        const std::size_t start = bytes.find_first_not_of("\r\n");
        if (start == std::string_view::npos) {
            return {};
        }
        bytes.remove_prefix(start);
        if (!(requests_ ? looks_like_request(bytes) : looks_like_response(bytes))) {
            owner_.emit(HttpEventKind::not_http, direction_, nullptr, requests_);
            hide(bytes);
            mode_ = Mode::seek;
            return {};
        }
        begin(origin);
    }
    const std::size_t end = bytes.find('\n');
    const std::size_t take = end == std::string_view::npos ? bytes.size() : end + 1;
    message_->append_line(bytes.substr(0, take));
    account(take, origin);
    if (message_->text_bytes() > kHeadBytesMax) {
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

// llhttp continues after a first line that it knows, with this message's status.
void HttpConversation::Parser::line_complete(Origin origin) {
    if (!(requests_ ? message_->split_request_line()
                    : message_->split_status_line(message_->status))) {
        give_up("its first line is not one of HTTP", origin);
        return;
    }
    static const llhttp_t kBegun[] = {make_machine(false), make_machine(true)};
    machine_ = kBegun[requests_ ? 1 : 0];
    machine_.data = this;
    if (!requests_) {
        machine_.status_code = static_cast<std::uint16_t>(message_->status);
    }
    mode_ = Mode::fields;
}

std::string_view HttpConversation::Parser::execute(std::string_view bytes, Origin origin) {
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
        // llhttp did not pass on a value that the error cuts off: hide all of these bytes.
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
        (status == 101 || (exchange->request.method() == "CONNECT" && status / 100 == 2));
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
    const bool content = content_ahead() >= bytes;
    if (!content) {
        // A late copy of these bytes is not parsed.
        const std::uint64_t begin = owner_.position_[direction_];
        owner_.secrets_[direction_].hide({begin, begin + bytes});
    }
    if (message_ == nullptr) {
        mode_ = mode_ == Mode::dead ? Mode::dead : Mode::seek;
        return;
    }
    message_->gap = true;
    const bool open_end = message_->framing == Framing::until_close;
    if (!content) {
        give_up("bytes of it are not in the capture", origin);
        return;
    }
    // llhttp only counts a body: one byte stands for all that are missing.
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

}  // namespace sluice::wire

#include "http1/parser.h"

#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "http/field.h"
#include "http/status.h"
#include "http/swar.h"
#include "http/syntax.h"

namespace sluice::http {
namespace {

constexpr int kStop = HPE_USER;  // a callback's way of ending llhttp's run

// HTTP-version = "HTTP/" DIGIT "." DIGIT, case-sensitive (RFC 9112 section 2.3).
constexpr std::size_t kVersionBytes = 8;

// CTL of RFC 5234 except HTAB, which is ordinary white space in field values.
constexpr bool is_forbidden(char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}

// The first control byte at or after `from`; the end if there is none.
std::size_t find_control(std::string_view bytes, std::size_t from) {
    for (; from + 8 <= bytes.size(); from += 8) {
        const std::uint64_t word = swar::load8(bytes.data() + from);
        if ((swar::any_below(word, 0x20) | swar::any_equal(word, 0x7f)) != 0) {
            for (const std::size_t stop = from + 8; from < stop; ++from) {
                if (is_forbidden(bytes[from])) {
                    return from;
                }
            }
            from -= 8;  // a tab
        }
    }
    while (from < bytes.size() && !is_forbidden(bytes[from])) {
        ++from;
    }
    return from;
}

}  // namespace

RequestParser::RequestParser(const Limits& limits)
    : head_bytes_max_(limits.head_bytes),
      line_bytes_max_(limits.request_line_bytes),
      fields_max_(limits.fields),
      // Joining copies a list once for every line that interrupts it; heads that need more room
      // than this are refused as too large.
      joined_(std::size_t{2} * limits.head_bytes) {
    llhttp_settings_init(&settings_);
    settings_.on_header_value = on_value;
    settings_.on_headers_complete = on_fields_end;
    llhttp_init(&after_line_, HTTP_REQUEST, &settings_);
    constexpr std::string_view kLine = "GET / HTTP/1.1\r\n";
    CHECK(llhttp_execute(&after_line_, kLine.data(), kLine.size()) == HPE_OK);
    after_line_.data = this;
}

HeadResult RequestParser::parse(std::string_view bytes, HeadScan& scan) noexcept {
    if (scan.scanned == 0) {
        if (const std::size_t head = parse_at_once(bytes); head != 0) {
            return {kOk, head};
        }
    }
    return parse_scanned(bytes, scan);
}

// The fast path: the length of the head, or 0 for "not sure". Refusals and limits are left to the
// scan, but the scan would accept whatever this accepts.
std::size_t RequestParser::parse_at_once(std::string_view bytes) noexcept {
    bytes = bytes.substr(0, head_bytes_max_);
    // RFC 9112 section 2.2: an empty line before the request line is ignored, once.
    const std::size_t first = bytes.starts_with("\r\n") ? 2 : 0;
    const std::size_t window = std::min(bytes.size() - first, line_bytes_max_ + 1);
    const void* found = std::memchr(bytes.data() + first, '\r', window);
    if (found == nullptr) {
        return 0;
    }
    const char* line = bytes.data() + first;
    const char* line_end = static_cast<const char*>(found);
    const char* end = bytes.data() + bytes.size();
    if (end - line_end < 2 || line_end[1] != '\n' || parse_line({line, line_end}) != kOk ||
        parse_fields(line_end + 2, end) != kOk || check_request() != kOk) {
        return 0;
    }
    return static_cast<std::size_t>(line_start_ + 2 - bytes.data());
}

HeadResult RequestParser::parse_scanned(std::string_view bytes, HeadScan& scan) noexcept {
    const HeadResult framed = scan_head(bytes.substr(0, head_bytes_max_), scan);
    if (framed.incomplete() && bytes.size() >= head_bytes_max_) {
        return {kHeadTooLarge, 0};
    }
    if (!framed.complete()) {
        return framed;
    }
    const char* line = bytes.data() + scan.first_line;
    const char* end = bytes.data() + framed.bytes;
    const char* line_end = std::find(line, end, '\r');
    std::uint16_t verdict = parse_line({line, line_end});
    if (verdict == kOk) {
        verdict = parse_fields(line_end + 2, end);
    }
    if (verdict == kOk) {
        verdict = check_request();
    }
    // The scan saw the end of the head; fields that do not end there are malformed.
    return {verdict == 0 ? kBadRequest : verdict, framed.bytes};
}

// Finds the end of the head and refuses on the way what no well-formed head has: control bytes
// (RFC 9110 section 5.5), bare CR and bare LF (RFC 9112 section 2.2), folded lines (section 5.2).
// The request line is judged as soon as it is there, so that a client of another protocol gets its
// answer at once. May stop after any byte and go on from `scan`.
HeadResult RequestParser::scan_head(std::string_view bytes, HeadScan& scan) noexcept {
    constexpr HeadResult kBad{kBadRequest, 0};
    while (scan.scanned < bytes.size()) {
        if (scan.fields && scan.scanned == scan.line_start && is_ows(bytes[scan.scanned])) {
            return kBad;
        }
        const std::size_t at = find_control(bytes, scan.scanned);
        if (!scan.fields && at - scan.line_start > line_bytes_max_) {
            return {kUriTooLong, 0};
        }
        scan.scanned = static_cast<std::uint32_t>(at);
        if (at == bytes.size()) {
            break;
        }
        if (bytes[at] != '\r') {
            return kBad;
        }
        if (at + 1 == bytes.size()) {
            break;
        }
        if (bytes[at + 1] != '\n') {
            return kBad;
        }
        const std::uint32_t next = static_cast<std::uint32_t>(at) + 2;
        if (at != scan.line_start) {
            if (!scan.fields) {
                const std::uint16_t verdict =
                    parse_line(bytes.substr(scan.line_start, at - scan.line_start));
                if (verdict != kOk) {
                    return {verdict, 0};
                }
                scan.fields = true;
            }
        } else if (scan.fields) {
            return {kOk, next};
        } else if (scan.first_line != 0) {
            return kBad;
        } else {
            scan.first_line = next;
        }
        scan.line_start = next;
        scan.scanned = next;
    }
    return {};
}

// request-line = method SP request-target SP HTTP-version (RFC 9112 section 3), with exactly one
// space at both places.
std::uint16_t RequestParser::parse_line(std::string_view line) noexcept {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || line.size() < space + 2 + 1 + kVersionBytes) {
        return kBadRequest;
    }
    const std::string_view version = line.substr(line.size() - kVersionBytes);
    const std::string_view method = line.substr(0, space);
    const std::string_view target =
        line.substr(space + 1, line.size() - kVersionBytes - 1 - (space + 1));
    if (line[line.size() - kVersionBytes - 1] != ' ' || !version.starts_with("HTTP/") ||
        !is_digit(version[5]) || version[6] != '.' || !is_digit(version[7])) {
        return kBadRequest;
    }
    request_ = Http1Request{};
    authority_ = {};
    request_.method = method_of(method);
    if (request_.method == Method::unknown && !is_token(method)) {
        return kBadRequest;
    }
    request_.method_text = method;
    request_.target = target;
    // The version decides what a target may be, so HTTP/2's "PRI *" gets 505 as well.
    if (version[5] != '1') {
        return kVersionNotSupported;
    }
    // A higher minor version is processed as the highest that is known here (RFC 9110 section 2.5).
    request_.version_minor = version[7] == '0' ? 0 : 1;
    return parse_target(target);
}

// The four forms of RFC 9112 section 3.2. Bytes beyond ASCII pass here (clients do send raw UTF-8);
// the path decides what they mean. A fragment never belongs in a request.
std::uint16_t RequestParser::parse_target(std::string_view target) noexcept {
    const bool bad = swar::any(target, [](std::uint64_t word) {
        return swar::any_below(word, 0x21) | swar::any_equal(word, 0x7f) |
               swar::any_equal(word, '#');
    });
    if (bad) {
        return kBadRequest;
    }
    if (request_.method == Method::other_known && request_.method_text == "CONNECT") {
        authority_ = target;
        return is_authority_form(target) ? kOk : kBadRequest;
    }
    if (target[0] == '/') {
        split_path(target);
        return kOk;
    }
    if (target == "*") {
        request_.asterisk = true;
        return request_.method == Method::options ? kOk : kBadRequest;
    }
    return parse_absolute(target) ? kOk : kBadRequest;
}

// absolute-form: a server must accept it, and its authority replaces Host (RFC 9112 section 3.2.2).
// User information is refused (RFC 9110 section 4.2.4), as is an empty host (section 4.2.1).
bool RequestParser::parse_absolute(std::string_view target) noexcept {
    const std::size_t colon = target.find(':');
    if (colon == std::string_view::npos || !target.substr(colon).starts_with("://")) {
        return false;
    }
    const std::string_view scheme = target.substr(0, colon);
    if (!equals_lower(scheme, "http") && !equals_lower(scheme, "https")) {
        return false;
    }
    const std::string_view rest = target.substr(colon + 3);
    const std::size_t authority = std::min(rest.find_first_of("/?"), rest.size());
    authority_ = rest.substr(0, authority);
    if (authority_.empty() || authority_[0] == ':' || !is_host(authority_)) {
        return false;
    }
    const std::string_view path = rest.substr(authority);
    if (path.empty() && request_.method == Method::options) {
        request_.asterisk = true;  // RFC 9112 section 3.2.4
        return true;
    }
    split_path(path);
    return true;
}

void RequestParser::split_path(std::string_view path) noexcept {
    const std::size_t question = std::min(path.find('?'), path.size());
    request_.raw_path = path.substr(0, question);
    request_.query = path.substr(question);
    if (request_.raw_path.empty()) {
        request_.raw_path = "/";  // RFC 9110 section 4.2.3
    }
}

// Runs llhttp over the fields. Returns 0 when the empty line that ends them is not there yet.
std::uint16_t RequestParser::parse_fields(const char* begin, const char* end) noexcept {
    line_start_ = begin;
    end_ = end;
    fields_ = 0;
    hosts_ = 0;
    refusal_ = 0;
    has_length_ = false;
    says_close_ = false;
    says_keep_alive_ = false;
    transfer_encoding_ = {};
    joined_bytes_ = 0;

    llhttp_t machine = after_line_;
    const llhttp_errno_t status =
        llhttp_execute(&machine, begin, static_cast<std::size_t>(end - begin));
    if (status == HPE_OK) {
        return 0;
    }
    if (status != HPE_PAUSED) {
        return status == HPE_USER ? refusal_ : kBadRequest;
    }
    // llhttp and field(), which checks line by line, must have come to the same end.
    const bool agreed = llhttp_get_error_pos(&machine) == line_start_ + 2 &&
                        line_start_[0] == '\r' && line_start_[1] == '\n';
    return agreed ? kOk : kBadRequest;
}

int RequestParser::on_fields_end(llhttp_t*) {
    return HPE_PAUSED;
}

int RequestParser::on_value(llhttp_t* machine, const char* at, std::size_t size) {
    return static_cast<RequestParser*>(machine->data)->field(at, size);
}

// One field line, found from its value: the line must begin where the one before ended, and must be
// exactly field-name ":" OWS field-value OWS CRLF (RFC 9112 section 5). A folded line comes as a
// second value without a name, so it is refused.
int RequestParser::field(const char* at, std::size_t size) noexcept {
    if (size == 0) {
        // llhttp reports an empty value after the end of its line.
        if (at - line_start_ < 3) {
            refusal_ = kBadRequest;
            return kStop;
        }
        at -= 2;
    }
    const char* value_end = at + size;
    if (end_ - value_end < 2) {
        return kStop;  // incomplete: refusal_ is 0
    }
    const char* colon = at;
    while (colon > line_start_ && is_ows(colon[-1])) {
        --colon;
    }
    --colon;
    // Spaces are checked here because llhttp lets them pass (section 5.1); it checks the rest of
    // the name.
    const bool framed = colon > line_start_ && *colon == ':' && value_end[0] == '\r' &&
                        value_end[1] == '\n' &&
                        !swar::any({line_start_, colon},
                                   [](std::uint64_t word) { return swar::any_below(word, 0x21); });
    if (!framed) {
        refusal_ = kBadRequest;
        return kStop;
    }
    if (++fields_ > fields_max_) {
        refusal_ = kHeadTooLarge;
        return kStop;
    }
    const std::string_view name{line_start_, colon};
    while (value_end > at && is_ows(value_end[-1])) {
        --value_end;
    }
    line_start_ = at + size + 2;
    return store(name, {at, value_end}) ? 0 : kStop;
}

// Keeps the fields that http::Request has. When a field that is no list is repeated, the last one
// counts (RFC 9110 section 5.3 leaves it open), except for Host, Content-Length and
// Transfer-Encoding.
bool RequestParser::store(std::string_view name, std::string_view value) noexcept {
    using swar::equals_folded;
    const char* text = name.data();
    switch (name.size()) {
        case 4:
            if (equals_folded(text, "host")) {
                ++hosts_;
                request_.authority = value;
            }
            return true;
        case 5:
            if (equals_folded(text, "range")) {
                request_.range = value;
            }
            return true;
        case 6:
            // Other expectations may be ignored (RFC 9110 section 10.1.1).
            if (equals_folded(text, "expect")) {
                request_.expect_continue = equals_lower(value, "100-continue");
            }
            return true;
        case 7:
            if (equals_folded(text, "referer")) {
                request_.referer = value;
            }
            return true;
        case 8:
            if (equals_folded(text, "if-match")) {
                return store_list(request_.if_match, value);
            }
            if (equals_folded(text, "if-range")) {
                request_.if_range = value;
            }
            return true;
        case 10:
            if (equals_folded(text, "user-agent")) {
                request_.user_agent = value;
            } else if (equals_folded(text, "connection")) {
                store_connection(value);
            }
            return true;
        case 13:
            if (equals_folded(text, "if-none-match")) {
                return store_list(request_.if_none_match, value);
            }
            return true;
        case 14: return !equals_folded(text, "content-length") || store_length(value);
        case 15:
            if (equals_folded(text, "accept-encoding")) {
                return store_list(request_.accept_encoding, value);
            }
            return true;
        case 17:
            if (equals_folded(text, "if-modified-since")) {
                request_.if_modified_since = value;
            } else if (equals_folded(text, "transfer-encoding")) {
                refusal_ = present(transfer_encoding_) ? kBadRequest : refusal_;
                transfer_encoding_ = value;
            }
            return refusal_ == 0;
        case 19:
            if (equals_folded(text, "if-unmodified-since")) {
                request_.if_unmodified_since = value;
            }
            return true;
        default: return true;
    }
}

// RFC 9112 section 6.3 allows a list of equal lengths, but no honest client sends one.
bool RequestParser::store_length(std::string_view value) noexcept {
    const auto length = parse_length(value);
    if (has_length_ || !length) {
        refusal_ = kBadRequest;
        return false;
    }
    has_length_ = true;
    request_.content_length = *length;
    return true;
}

bool RequestParser::store_list(std::string_view& list, std::string_view value) noexcept {
    if (!present(list)) {
        list = value;
        return true;
    }
    const bool last = list.data() + list.size() == joined_.data() + joined_bytes_;
    const std::size_t needed = (last ? 0 : list.size()) + 2 + value.size();
    if (needed > joined_.size() - joined_bytes_) {
        refusal_ = kHeadTooLarge;
        return false;
    }
    char* out = joined_.data() + joined_bytes_;
    const char* begin = last ? list.data() : out;
    if (!last) {
        out = std::copy(list.begin(), list.end(), out);
    }
    out = std::copy_n(", ", 2, out);
    out = std::copy(value.begin(), value.end(), out);
    joined_bytes_ = static_cast<std::size_t>(out - joined_.data());
    list = {begin, out};
    return true;
}

// Connection = #connection-option (RFC 9110 section 7.6.1). llhttp's own flags also obey
// Proxy-Connection, which no server should.
void RequestParser::store_connection(std::string_view value) noexcept {
    while (!value.empty()) {
        const std::string_view option = cut(value, ',');
        says_close_ = says_close_ || equals_lower(option, "close");
        says_keep_alive_ = says_keep_alive_ || equals_lower(option, "keep-alive");
    }
}

std::uint16_t RequestParser::check_request() noexcept {
    Http1Request& request = request_;
    const bool http_1_0 = request.version_minor == 0;
    // RFC 9112 section 3.2: exactly one Host, though HTTP/1.0 may do without.
    if (hosts_ > 1 || (hosts_ == 0 && !http_1_0) || (hosts_ == 1 && !is_host(request.authority))) {
        return kBadRequest;
    }
    if (present(authority_)) {
        request.authority = authority_;
    }
    // RFC 9112 section 6.1: never both framings, never in HTTP/1.0, and no coding except chunked.
    if (present(transfer_encoding_)) {
        if (has_length_ || http_1_0 || !equals_lower(transfer_encoding_, "chunked")) {
            return kBadRequest;
        }
        request.body = BodyKind::chunked;
    } else if (request.content_length != 0) {
        request.body = BodyKind::length;
    }
    // RFC 9112 section 9.3.
    request.keep_alive = !says_close_ && (!http_1_0 || says_keep_alive_);
    // RFC 9110 section 10.1.1: not from HTTP/1.0, and not without a body.
    request.expect_continue =
        request.expect_continue && !http_1_0 && request.body != BodyKind::none;
    return kOk;
}

}  // namespace sluice::http

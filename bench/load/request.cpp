#include "bench/load/request.h"

#include <algorithm>
#include <cctype>

namespace sluice::load {

namespace {

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 ||
               std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) !=
                   std::string_view::npos;
    });
}

bool same_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
        return std::tolower(x) == std::tolower(y);
    });
}

Result<void> check_field(const std::string& field) {
    const std::size_t colon = field.find(':');
    if (colon == std::string::npos || !is_token(std::string_view(field).substr(0, colon))) {
        return fail(Status::address_invalid,
                    "'" + field + "' is no header field; expected 'Name: value'");
    }
    if (std::any_of(field.begin(), field.end(),
                    [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; })) {
        return fail(Status::address_invalid, "a header field holds a control character");
    }
    return {};
}

}  // namespace

Result<Request> make_request(const Url& url, std::string_view method,
                             const std::vector<std::string>& fields) {
    if (!is_token(method)) {
        return fail(Status::address_invalid, "'" + std::string(method) + "' is no HTTP method");
    }
    const auto given = [&](std::string_view name) {
        return std::any_of(fields.begin(), fields.end(), [&](const std::string& field) {
            return same_name(std::string_view(field).substr(0, field.find(':')), name);
        });
    };
    std::string head = std::string(method) + " " + url.target + " HTTP/1.1\r\n";
    if (!given("Host")) {
        head += "Host: " + url.authority + "\r\n";
    }
    for (const std::string& field : fields) {
        if (auto fine = check_field(field); !fine) {
            return std::unexpected(fine.error());
        }
        head += field + "\r\n";
    }
    Request request;
    request.bytes = head + "\r\n";
    request.last_bytes = given("Connection") ? request.bytes : head + "Connection: close\r\n\r\n";
    request.is_head = method == "HEAD";
    request.target = url.target;
    return request;
}

}  // namespace sluice::load

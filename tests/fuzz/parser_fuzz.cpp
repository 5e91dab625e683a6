// The request parser must come to the same outcome for every cut of its bytes, keep its views
// inside what it was given, and agree with a slow reader of its own on where a head ends.
//
// Input: one byte that chooses the cuts, then the bytes of a request.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/check.h"
#include "http/syntax.h"
#include "http1/parser.h"

namespace {

using namespace sluice;
using namespace sluice::http;

Limits small_limits() {
    Limits limits;
    limits.request_line_bytes = 200;
    limits.head_bytes = 600;
    limits.fields = 12;
    return limits;
}

std::string describe(const HeadResult& result, const Http1Request& r) {
    std::string text = std::to_string(result.status);
    if (!result.complete()) {
        return text;
    }
    text += ' ' + std::to_string(result.bytes) + ' ' + std::to_string(static_cast<int>(r.method)) +
            ' ' + std::to_string(r.version_minor) + (r.keep_alive ? " k" : " c") +
            (r.asterisk ? " *" : "") + (r.expect_continue ? " e" : "") + ' ' +
            std::to_string(static_cast<int>(r.body)) + ' ' + std::to_string(r.content_length);
    for (const std::string_view view :
         {r.method_text, r.target, r.query, r.raw_path, r.authority, r.range, r.if_match,
          r.if_none_match, r.if_modified_since, r.if_unmodified_since, r.if_range,
          r.accept_encoding, r.user_agent, r.referer}) {
        text += present(view) ? '|' + std::string(view) : "|-";
    }
    return text;
}

// An accepted head consists of lines that end in CRLF and an empty line at the end. Each field line
// has a token before its colon, and no line has a control byte.
void check_accepted(std::string_view head) {
    CHECK(head.ends_with("\r\n\r\n"));
    head.remove_suffix(2);
    if (head.starts_with("\r\n")) {
        head.remove_prefix(2);
    }
    for (bool first = true; !head.empty(); first = false) {
        const std::size_t end = head.find("\r\n");
        CHECK(end != std::string_view::npos && end != 0);
        const std::string_view line = head.substr(0, end);
        head.remove_prefix(end + 2);
        CHECK(std::ranges::none_of(line, [](char c) {
            return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
        }));
        CHECK(first ? std::ranges::count(line, ' ') == 2
                    : is_token(line.substr(0, line.find(':'))));
        CHECK(first || line.find(':') != std::string_view::npos);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Limits limits = small_limits();
    static RequestParser parser(limits);
    if (size < 2) {
        return 0;
    }
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    HeadScan whole_scan;
    const HeadResult whole = parser.parse(bytes, whole_scan);
    const std::string expected = describe(whole, parser.request());
    if (whole.complete()) {
        check_accepted(bytes.substr(0, whole.bytes));
    }

    // Steps of changing length, at least one byte; each prefix in memory of its own size.
    std::uint32_t random = data[0] + 1U;
    HeadScan scan;
    HeadResult result;
    std::string got = "0";
    for (std::size_t at = 0; at < bytes.size() && result.incomplete();) {
        random = random * 1'664'525U + 1'013'904'223U;
        const std::size_t step = data[0] == 0 ? 1 : 1 + (random >> 16) % (data[0] + 1U);
        at = std::min(at + step, bytes.size());
        const std::unique_ptr<char[]> copy(new char[at]);
        bytes.copy(copy.get(), at);
        result = parser.parse({copy.get(), at}, scan);
        got = describe(result, parser.request());
    }
    CHECK(got == expected);
    return 0;
}

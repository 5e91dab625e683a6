#include "http/pages.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace sluice::http {
namespace {

struct Source {
    std::uint16_t status;
    std::string_view phrase;
    std::string_view extra_fields;
};

// RFC 9110 section 15 gives the phrases; 431 is RFC 6585 section 5.
constexpr auto kSources = std::to_array<Source>({
    {301, "Moved Permanently", ""},
    {400, "Bad Request", ""},
    {403, "Forbidden", ""},
    {404, "Not Found", ""},
    {405, "Method Not Allowed", "Allow: GET, HEAD, OPTIONS\r\n"},  // section 15.5.6 asks for it
    {408, "Request Timeout", ""},
    {412, "Precondition Failed", ""},
    {413, "Content Too Large", ""},
    {414, "URI Too Long", ""},
    {416, "Range Not Satisfiable", ""},
    {417, "Expectation Failed", ""},
    {431, "Request Header Fields Too Large", ""},
    {500, "Internal Server Error", ""},
    {501, "Not Implemented", ""},
    {503, "Service Unavailable", "Retry-After: 1\r\n"},  // seconds, section 10.2.3
    {505, "HTTP Version Not Supported", ""},
});

// A page's three texts, one behind the other.
struct Text {
    std::array<char, 512> bytes{};
    std::size_t used = 0;
    std::size_t fields_at = 0;
    std::size_t body_at = 0;

    constexpr void put(std::string_view text) {
        std::copy(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(used));
        used += text.size();
    }
    constexpr void put(std::size_t number) {
        std::array<char, 8> digits{};
        std::size_t count = 0;
        do {
            digits[count++] = static_cast<char>('0' + number % 10);
            number /= 10;
        } while (number != 0);
        while (count > 0) {
            put(std::string_view(&digits[--count], 1));
        }
    }
    [[nodiscard]] constexpr std::string_view between(std::size_t from, std::size_t to) const {
        return {bytes.data() + from, to - from};
    }
};

constexpr void put_title(Text& text, const Source& source) {
    text.put(source.status);
    text.put(" ");
    text.put(source.phrase);
}

constexpr Text body_of(const Source& source) {
    Text text;
    text.put("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>");
    put_title(text, source);
    text.put("</title>\n</head>\n<body>\n<h1>");
    put_title(text, source);
    text.put("</h1>\n</body>\n</html>\n");
    return text;
}

constexpr Text text_of(const Source& source) {
    const Text body = body_of(source);
    Text text;
    text.put("HTTP/1.1 ");
    put_title(text, source);
    text.put("\r\nServer: sluice\r\n");
    text.fields_at = text.used;
    text.put("Content-Type: text/html; charset=utf-8\r\nContent-Length: ");
    text.put(body.used);
    text.put("\r\n");
    text.put(source.extra_fields);
    text.put("X-Content-Type-Options: nosniff\r\n");
    text.body_at = text.used;
    text.put(body.between(0, body.used));
    return text;
}

constexpr std::size_t kPages = kSources.size();

constexpr auto kTexts = [] {
    std::array<Text, kPages> texts{};
    std::transform(kSources.begin(), kSources.end(), texts.begin(), text_of);
    return texts;
}();

constexpr auto kPageList = [] {
    std::array<Page, kPages> pages{};
    for (std::size_t i = 0; i < kPages; ++i) {
        const Text& text = kTexts[i];
        pages[i] = {kSources[i].status, text.between(0, text.fields_at),
                    text.between(text.fields_at, text.body_at),
                    text.between(text.body_at, text.used)};
    }
    return pages;
}();

}  // namespace

const Page& page_of(std::uint16_t status) noexcept {
    const auto* page = std::ranges::find(kPageList, status, &Page::status);
    if (page == kPageList.end()) {
        page = std::ranges::find(kPageList, 500, &Page::status);
    }
    return *page;
}

}  // namespace sluice::http

// Pages: the answers that are about the message and not about content: errors and redirects. Their
// text is put together by the compiler; at run time it is copied. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::http {

struct Field {
    std::string_view name;
    std::string_view value;
};

struct Page {
    std::uint16_t status = 0;
    std::string_view phrase;
    std::string_view content_length;  // of the body, as text
    Field extra;                      // without a name: none
    std::string_view body;            // text/html; charset=utf-8
};

// Text that the compiler puts together.
template <std::size_t Room>
struct StaticText {
    std::array<char, Room> bytes{};
    std::size_t used = 0;

    constexpr StaticText& put(std::string_view text) {
        std::copy(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(used));
        used += text.size();
        return *this;
    }
    constexpr StaticText& put(std::size_t number) {
        std::array<char, 8> digits{};
        std::size_t count = 0;
        do {
            digits[count++] = static_cast<char>('0' + number % 10);
            number /= 10;
        } while (number != 0);
        while (count > 0) {
            put(std::string_view(&digits[--count], 1));
        }
        return *this;
    }
    [[nodiscard]] constexpr std::string_view text() const { return {bytes.data(), used}; }
};

namespace pages {

struct Source {
    std::uint16_t status;
    std::string_view phrase;
    Field extra;
};

// RFC 9110 section 15 gives the phrases; 431 is RFC 6585 section 5.
inline constexpr auto kSources = std::to_array<Source>({
    {301, "Moved Permanently", {}},
    {400, "Bad Request", {}},
    {403, "Forbidden", {}},
    {404, "Not Found", {}},
    {405, "Method Not Allowed", {"Allow", "GET, HEAD, OPTIONS"}},  // section 15.5.6 asks for it
    {408, "Request Timeout", {}},
    {412, "Precondition Failed", {}},
    {413, "Content Too Large", {}},
    {414, "URI Too Long", {}},
    {416, "Range Not Satisfiable", {}},
    {417, "Expectation Failed", {}},
    {431, "Request Header Fields Too Large", {}},
    {500, "Internal Server Error", {}},
    {501, "Not Implemented", {}},
    {503, "Service Unavailable", {"Retry-After", "1"}},  // seconds, section 10.2.3
    {505, "HTTP Version Not Supported", {}},
});

struct Texts {
    StaticText<320> body;
    StaticText<8> length;
};

constexpr Texts texts_of(const Source& source) {
    Texts texts;
    texts.body.put("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>")
        .put(source.status)
        .put(" ")
        .put(source.phrase)
        .put("</title>\n</head>\n<body>\n<h1>")
        .put(source.status)
        .put(" ")
        .put(source.phrase)
        .put("</h1>\n</body>\n</html>\n");
    texts.length.put(texts.body.used);
    return texts;
}

inline constexpr auto kTexts = [] {
    std::array<Texts, kSources.size()> texts{};
    std::transform(kSources.begin(), kSources.end(), texts.begin(), texts_of);
    return texts;
}();

}  // namespace pages

// All that there are.
inline constexpr auto kPages = [] {
    std::array<Page, pages::kSources.size()> list{};
    for (std::size_t i = 0; i < list.size(); ++i) {
        const pages::Source& source = pages::kSources[i];
        const pages::Texts& texts = pages::kTexts[i];
        list[i] = {source.status, source.phrase, texts.length.text(), source.extra,
                   texts.body.text()};
    }
    return list;
}();

// The page of a status that has one; of 500 for any other.
[[nodiscard]] const Page& page_of(std::uint16_t status) noexcept;

// The fields that all answers with this page have, in their order: put(name, value).
template <typename Put>
constexpr void page_fields(const Page& page, Put&& put) {
    put("Content-Type", "text/html; charset=utf-8");
    put("Content-Length", page.content_length);
    if (!page.extra.name.empty()) {
        put(page.extra.name, page.extra.value);
    }
    put("X-Content-Type-Options", "nosniff");
}

}  // namespace sluice::http

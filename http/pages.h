// Pages: the answers that are about the message and not about content: errors and redirects. Their
// text is put together by the compiler; at run time they are copied. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::http {

struct Page {
    std::uint16_t status = 0;
    std::string_view start;   // status line and Server
    std::string_view fields;  // lines that come after Date and Connection; no empty line
    std::string_view body;    // text/html; charset=utf-8
};

// The page of a status that has one; of 500 for any other.
[[nodiscard]] const Page& page_of(std::uint16_t status) noexcept;

}  // namespace sluice::http

// The fields of an answer, the same in every version of HTTP: HTTP/1 prints them, HTTP/2 will
// encode them. The fields of the connection (Server, Date, Connection) are not here: each version
// has its own.
//
// put(name, value) is called for each field in order; the views last until it returns. Pure.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "http/date.h"
#include "http/multipart.h"
#include "http/pages.h"
#include "http/plan.h"

namespace sluice::http {

// A number as text.
class NumberText {
  public:
    explicit NumberText(std::uint64_t number) noexcept
        : size_(static_cast<std::size_t>(
              std::to_chars(text_.data(), text_.data() + text_.size(), number).ptr -
              text_.data())) {}
    [[nodiscard]] std::string_view text() const noexcept { return {text_.data(), size_}; }

  private:
    std::array<char, 20> text_;
    std::size_t size_;
};

constexpr std::string_view coding_name(Coding coding) noexcept {
    switch (coding) {
        case Coding::identity: return "";
        case Coding::br: return "br";
        case Coding::zstd: return "zstd";
        case Coding::gzip: return "gzip";
    }
    return "";
}

// Body bytes that the answer announces in Content-Length (of the page, ranges, multipart ...). A
// HEAD announces those of the GET, though none are sent.
[[nodiscard]] std::uint64_t body_bytes(const ResponsePlan& plan) noexcept;

namespace fields {

template <typename Put>
void vary(const Entry& entry, Put&& put) {
    if (entry.vary) {
        put("Vary", "Accept-Encoding");
    }
}

// What belongs to the representation, whole or in part.
template <typename Put>
void representation(const Entry& entry, Put&& put) {
    if (!entry.etag.empty()) {
        put("ETag", entry.etag);
    }
    if (entry.mtime_seconds > 0) {
        std::array<char, kImfDateBytes> modified;
        format_http_date(entry.mtime_seconds, modified.data());
        put("Last-Modified", std::string_view(modified.data(), modified.size()));
    }
    put("Accept-Ranges", "bytes");  // RFC 9110 section 14.3
    if (entry.coding != Coding::identity) {
        put("Content-Encoding", coding_name(entry.coding));
    }
    vary(entry, put);
    put("X-Content-Type-Options", "nosniff");
}

// RFC 9110 section 15.3.7. The representation's fields are sent as with a 200. With If-Range the
// section prefers fewer, but a recipient that kept nothing needs them.
template <typename Put>
void partial(const ResponsePlan& plan, Put&& put) {
    const Entry& entry = *plan.entry;
    if (plan.shape == BodyShape::multipart) {
        put("Content-Type", MultipartType(entry).text());
    } else {
        put("Content-Type", entry.content_type);
    }
    put("Content-Length", NumberText(body_bytes(plan)).text());
    if (plan.shape == BodyShape::ranges) {
        put("Content-Range", ContentRange(plan.ranges[0], entry.size).text());
    }
    representation(entry, put);
}

// The fields that only some answers with this page have. The caller puts Location itself, because
// it can be as long as a request.
template <typename Put>
void of_page(const ResponsePlan& plan, Put&& put) {
    if (plan.status == 416 && plan.entry != nullptr) {  // RFC 9110 section 15.5.17
        put("Content-Range", ContentRange(plan.entry->size).text());
    }
    // Whether 412 or 416 depends on the variant that was chosen (RFC 9110 section 12.5.5).
    if (plan.identity != nullptr) {
        vary(*plan.identity, put);
    }
}

}  // namespace fields

// All fields of the answer except Location (put_location() in http1/response.cpp).
template <typename Put>
void fields_of(const ResponsePlan& plan, Put&& put) {
    switch (plan.status) {
        case 200:
            put("Content-Type", plan.entry->content_type);
            put("Content-Length", NumberText(plan.entry->size).text());
            fields::representation(*plan.entry, put);
            return;
        case 204:
            // RFC 9110 section 9.3.7 and, for the missing Content-Length, section 8.6.
            put("Allow", "GET, HEAD, OPTIONS");
            return;
        case 206: fields::partial(plan, put); return;
        case 304:
            // RFC 9110 section 15.4.5: of a 200's fields, only those that steer caches.
            if (!plan.entry->etag.empty()) {
                put("ETag", plan.entry->etag);
            }
            fields::vary(*plan.entry, put);
            return;
        default:
            page_fields(page_of(plan.status), put);
            fields::of_page(plan, put);
            return;
    }
}

}  // namespace sluice::http

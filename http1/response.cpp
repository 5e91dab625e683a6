// From a plan to bytes. Order of lines: status, Server, Date, Connection, then what belongs to the
// representation or page.
#include "http1/response.h"

#include <array>
#include <cstring>
#include <string>

#include "core/check.h"
#include "http/date.h"
#include "http/multipart.h"
#include "http/pages.h"
#include "http/writer.h"

namespace sluice::http {
namespace {

constexpr std::string_view kStart200 = "HTTP/1.1 200 OK\r\nServer: sluice\r\n";
constexpr std::string_view kStart204 = "HTTP/1.1 204 No Content\r\nServer: sluice\r\n";
constexpr std::string_view kStart206 = "HTTP/1.1 206 Partial Content\r\nServer: sluice\r\n";
constexpr std::string_view kStart304 = "HTTP/1.1 304 Not Modified\r\nServer: sluice\r\n";
// RFC 9110 section 9.3.7 and, for the missing Content-Length, section 8.6.
constexpr std::string_view kOptionsFields = "Allow: GET, HEAD, OPTIONS\r\n\r\n";
constexpr std::string_view kVary = "Vary: Accept-Encoding\r\n";
constexpr std::string_view kEnd = "\r\n";

constexpr std::string_view connection_line(ConnectionField connection) noexcept {
    switch (connection) {
        case ConnectionField::none: return "";
        case ConnectionField::close: return "Connection: close\r\n";
        case ConnectionField::keep_alive: return "Connection: keep-alive\r\n";
    }
    return "";
}

constexpr std::string_view encoding_name(Coding coding) noexcept {
    switch (coding) {
        case Coding::identity: return "";
        case Coding::br: return "br";
        case Coding::zstd: return "zstd";
        case Coding::gzip: return "gzip";
    }
    return "";
}

void write_start(Writer& writer, std::string_view start, const DateLine& date,
                 ConnectionField connection, std::string_view more_fields) noexcept {
    writer.put(start);
    writer.put(date.text());
    writer.put(connection_line(connection));
    writer.put(more_fields);
}

// Everything that depends on the entry alone was made when the entry was: one copy of head and
// body together.
bool write_from_memory(Writer& writer, const Entry& entry) noexcept {
    if (!entry.in_memory() || writer.left() < entry.block_head_bytes + entry.size) {
        return false;
    }
    writer.put({entry.block.get(), entry.block_head_bytes + entry.size});
    return true;
}

// RFC 9110 section 15.3.7. The representation's lines are sent as with a 200 even to If-Range,
// where the section would rather have fewer: a recipient that kept nothing needs them.
void write_partial(Writer& writer, const ResponsePlan& plan) noexcept {
    const Entry& entry = *plan.entry;
    if (plan.shape == BodyShape::multipart) {
        writer.put("Content-Type: multipart/byteranges; boundary=");
        writer.put(Boundary(entry).text());
    } else {
        writer.put("Content-Type: ");
        writer.put(entry.content_type);
    }
    writer.put("\r\nContent-Length: ");
    writer.put_number(body_bytes(plan));
    writer.put(kEnd);
    if (plan.shape == BodyShape::ranges) {
        put_content_range(writer, plan.ranges[0], entry.size);
    }
    writer.put(entry.head_common);
    writer.put(kEnd);
}

// The query goes back as it came, except for bytes that no field value or URI may hold.
constexpr bool is_query_byte(char c) noexcept {
    return c > 0x20 && c < 0x7f && c != '"' && c != '<' && c != '>' && c != '#';
}

// RFC 3986 section 3.3: pchar and the slash.
constexpr bool is_path_byte(char c) noexcept {
    constexpr std::string_view kMarks = "/-._~!$&'()*+,;=:@";
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
}

template <typename IsAllowed>
void put_escaped(Writer& writer, std::string_view text, IsAllowed is_allowed) noexcept {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    for (const char c : text) {
        if (is_allowed(c)) {
            writer.put({&c, 1});
        } else {
            const auto byte = static_cast<unsigned char>(c);
            const char escape[] = {'%', kHex[byte >> 4], kHex[byte & 0xf]};
            writer.put({escape, 3});
        }
    }
}

// A directory without its slash. Location (RFC 9110 section 10.2.2) is made of the normalised path
// and not of the target: it has no authority, starts with exactly one slash, and a backslash or a
// control byte leaves as an escape; so it can lead to no other host and end no line.
void put_location(Writer& writer, const ResponsePlan& plan) noexcept {
    writer.put("Location: ");
    put_escaped(writer, plan.redirect_path, is_path_byte);
    writer.put("/");
    put_escaped(writer, plan.redirect_query, is_query_byte);
    writer.put(kEnd);
}

void write_page(Writer& writer, const Page& page, const ResponsePlan& plan) noexcept {
    writer.put(page.fields);
    if (page.status == 301) {
        put_location(writer, plan);
    }
    if (page.status == 416 && plan.entry != nullptr) {  // RFC 9110 section 15.5.17
        writer.put("Content-Range: bytes */");
        writer.put_number(plan.entry->size);
        writer.put("\r\n");
    }
    // Whether 412 or 416 depends on the variant that was chosen (RFC 9110 section 12.5.5).
    if (plan.identity != nullptr && plan.identity->vary) {
        writer.put(kVary);
    }
    writer.put(kEnd);
    if (!plan.head_only) {
        writer.put(page.body);
    }
}

// RFC 9110 section 8.8.2.1: no modification is later than the message; a time in the future (the
// file was made so, or the clock was set back) is replaced by the Date. The line is in the head as
// it was prepared, and both dates are of one length.
void replace_last_modified(char* out, std::size_t size, const DateLine& date) noexcept {
    constexpr std::string_view kName = "\r\nLast-Modified: ";
    constexpr std::string_view kDateName = "Date: ";
    const std::string_view written(out, size);
    const std::size_t at = written.substr(0, written.find("\r\n\r\n")).find(kName);
    if (at != std::string_view::npos) {
        std::memcpy(out + at + kName.size(), date.text().data() + kDateName.size(), kImfDateBytes);
    }
}

void append_line(std::string& head, std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

std::size_t write_response(const ResponsePlan& plan, const DateLine& date,
                           ConnectionField connection, char* out, std::size_t room,
                           bool* body_written, std::string_view more_fields) noexcept {
    DCHECK(!plan.needs_load);
    Writer writer(out, room);
    *body_written = true;
    switch (plan.status) {
        case 200:
            write_start(writer, kStart200, date, connection, more_fields);
            if (plan.head_only) {  // RFC 9110 section 9.3.2: the head of the GET
                writer.put(plan.entry->head_200);
            } else if (!write_from_memory(writer, *plan.entry)) {
                writer.put(plan.entry->head_200);
                *body_written = plan.entry->size == 0;
            }
            break;
        case 204:
            write_start(writer, kStart204, date, connection, more_fields);
            writer.put(kOptionsFields);
            break;
        case 206:
            write_start(writer, kStart206, date, connection, more_fields);
            write_partial(writer, plan);
            *body_written = false;
            break;
        case 304:
            write_start(writer, kStart304, date, connection, more_fields);
            writer.put(plan.entry->head_304);
            break;
        default: {
            const Page& page = page_of(plan.status);
            write_start(writer, page.start, date, connection, more_fields);
            write_page(writer, page, plan);
            break;
        }
    }
    if (plan.entry != nullptr && plan.entry->mtime_seconds > date.second()) [[unlikely]] {
        replace_last_modified(out, writer.written(), date);
    }
    return writer.written();
}

std::uint64_t body_bytes(const ResponsePlan& plan) noexcept {
    switch (plan.status) {
        case 200: return plan.entry->size;
        case 204:
        case 304: return 0;
        case 206:
            return plan.shape == BodyShape::multipart ? multipart_bytes(plan)
                                                      : plan.ranges[0].length;
        default: return page_of(plan.status).body.size();
    }
}

void prepare_heads(Entry& entry) {
    if (entry.content_type.empty()) {
        entry.content_type = "application/octet-stream";
    }
    std::string validators;
    if (!entry.etag.empty()) {
        append_line(validators, "ETag", entry.etag);
    }
    const std::string_view vary = entry.vary ? kVary : std::string_view();

    std::string& common = entry.head_common;
    common = validators;
    if (entry.mtime_seconds > 0) {
        std::array<char, kImfDateBytes> modified;
        format_http_date(entry.mtime_seconds, modified.data());
        append_line(common, "Last-Modified", {modified.data(), modified.size()});
    }
    append_line(common, "Accept-Ranges", "bytes");  // RFC 9110 section 14.3
    if (entry.coding != Coding::identity) {
        append_line(common, "Content-Encoding", encoding_name(entry.coding));
    }
    common.append(vary);
    append_line(common, "X-Content-Type-Options", "nosniff");

    entry.head_200.clear();
    append_line(entry.head_200, "Content-Type", entry.content_type);
    append_line(entry.head_200, "Content-Length", std::to_string(entry.size));
    entry.head_200.append(common).append(kEnd);

    // RFC 9110 section 15.4.5: of what a 200 has, the fields that steer caches and no others.
    entry.head_304 = validators;
    entry.head_304.append(vary).append(kEnd);
}

}  // namespace sluice::http

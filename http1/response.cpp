// Turns a plan into bytes. Order of lines: status, Server, Date, Connection, then what belongs to
// the representation or page.
#include "http1/response.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "core/check.h"
#include "http/date.h"
#include "http/fields.h"
#include "http/pages.h"
#include "http/writer.h"

namespace sluice::http {
namespace {

constexpr std::string_view kStart200 = "HTTP/1.1 200 OK\r\nServer: sluice\r\n";
constexpr std::string_view kStart204 = "HTTP/1.1 204 No Content\r\nServer: sluice\r\n";
constexpr std::string_view kStart206 = "HTTP/1.1 206 Partial Content\r\nServer: sluice\r\n";
constexpr std::string_view kStart304 = "HTTP/1.1 304 Not Modified\r\nServer: sluice\r\n";
constexpr std::string_view kEnd = "\r\n";

constexpr std::string_view connection_line(ConnectionField connection) noexcept {
    switch (connection) {
        case ConnectionField::none: return "";
        case ConnectionField::close: return "Connection: close\r\n";
        case ConnectionField::keep_alive: return "Connection: keep-alive\r\n";
    }
    return "";
}

// Prints fields as lines.
class Lines {
  public:
    explicit Lines(Writer& writer) : writer_(writer) {}
    void operator()(std::string_view name, std::string_view value) const noexcept {
        writer_.put(name);
        writer_.put(": ");
        writer_.put(value);
        writer_.put(kEnd);
    }

  private:
    Writer& writer_;
};

// What each page begins with: the status line and Server, and the lines of all its answers.
struct PageHead {
    StaticText<96> start;
    StaticText<192> fields;
};

constexpr PageHead head_of(const Page& page) {
    PageHead head;
    head.start.put("HTTP/1.1 ").put(page.status).put(" ").put(page.phrase);
    head.start.put("\r\nServer: sluice\r\n");
    page_fields(page, [&head](std::string_view name, std::string_view value) {
        head.fields.put(name).put(": ").put(value).put("\r\n");
    });
    return head;
}

constexpr auto kPageHeads = [] {
    std::array<PageHead, kPages.size()> heads{};
    std::transform(kPages.begin(), kPages.end(), heads.begin(), head_of);
    return heads;
}();

void write_start(Writer& writer, std::string_view start, const DateLine& date,
                 ConnectionField connection, std::string_view more_fields) noexcept {
    writer.put(start);
    writer.put(date.text());
    writer.put(connection_line(connection));
    writer.put(more_fields);
}

// Everything that depends only on the entry was prepared with it, so one copy writes head and body
// together.
bool write_from_memory(Writer& writer, const Entry& entry) noexcept {
    if (!entry.in_memory() || writer.left() < entry.block_head_bytes + entry.size) {
        return false;
    }
    writer.put({entry.block.get(), entry.block_head_bytes + entry.size});
    return true;
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

void write_page(Writer& writer, const Page& page, const PageHead& head,
                const ResponsePlan& plan) noexcept {
    writer.put(head.fields.text());
    if (page.status == 301) {
        put_location(writer, plan);
    }
    fields::of_page(plan, Lines(writer));
    writer.put(kEnd);
    if (!plan.head_only) {
        writer.put(page.body);
    }
}

// RFC 9110 section 8.8.2.1: no modification is later than the message; a time in the future (the
// file was made so, or the clock was set back) is replaced by the Date. It is replaced inside the
// prepared head, since both dates have the same length.
void replace_last_modified(char* out, std::size_t size, const DateLine& date) noexcept {
    constexpr std::string_view kName = "\r\nLast-Modified: ";
    constexpr std::string_view kDateName = "Date: ";
    const std::string_view written(out, size);
    const std::size_t at = written.substr(0, written.find("\r\n\r\n")).find(kName);
    if (at != std::string_view::npos) {
        std::memcpy(out + at + kName.size(), date.text().data() + kDateName.size(), kImfDateBytes);
    }
}

// All fields of an answer with this status as lines, and the empty line.
std::string lines_of(const Entry& entry, std::uint16_t status) {
    ResponsePlan plan;
    plan.status = status;
    plan.entry = &entry;
    std::string lines;
    fields_of(plan, [&lines](std::string_view name, std::string_view value) {
        lines.append(name).append(": ").append(value).append(kEnd);
    });
    return lines.append(kEnd);
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
            fields_of(plan, Lines(writer));
            writer.put(kEnd);
            break;
        case 206:
            write_start(writer, kStart206, date, connection, more_fields);
            fields_of(plan, Lines(writer));
            writer.put(kEnd);
            *body_written = false;
            break;
        case 304:
            write_start(writer, kStart304, date, connection, more_fields);
            writer.put(plan.entry->head_304);
            break;
        default: {
            const Page& page = page_of(plan.status);
            const PageHead& head = kPageHeads[static_cast<std::size_t>(&page - kPages.data())];
            write_start(writer, head.start.text(), date, connection, more_fields);
            write_page(writer, page, head, plan);
            break;
        }
    }
    if (plan.entry != nullptr && plan.entry->mtime_seconds > date.second()) [[unlikely]] {
        replace_last_modified(out, writer.written(), date);
    }
    return writer.written();
}

void prepare_heads(Entry& entry) {
    if (entry.content_type.empty()) {
        entry.content_type = "application/octet-stream";
    }
    entry.head_200 = lines_of(entry, 200);
    entry.head_304 = lines_of(entry, 304);
}

}  // namespace sluice::http

#include "wire/output.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "http/field.h"
#include "wire/tcp.h"

namespace sluice::wire {

namespace {

// The length of the well-formed UTF-8 sequence at the beginning, or 0 (RFC 3629 section 4).
std::size_t utf8_length(std::string_view text) noexcept {
    const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const auto tail = [&](std::size_t i) { return i < text.size() && (at(i) & 0xc0) == 0x80; };
    const std::uint8_t lead = at(0);
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        return tail(1) ? 2 : 0;
    }
    if (lead >= 0xe0 && lead <= 0xef && tail(1) && tail(2)) {
        const bool overlong = lead == 0xe0 && at(1) < 0xa0;
        const bool surrogate = lead == 0xed && at(1) > 0x9f;
        return overlong || surrogate ? 0 : 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4 && tail(1) && tail(2) && tail(3)) {
        const bool outside = (lead == 0xf0 && at(1) < 0x90) || (lead == 0xf4 && at(1) > 0x8f);
        return outside ? 0 : 4;
    }
    return 0;
}

bool is_wide(std::string_view sequence) noexcept {
    if (sequence.size() == 4) {
        return true;
    }
    if (sequence.size() != 3) {
        return false;
    }
    const unsigned code = (static_cast<std::uint8_t>(sequence[0]) & 0x0fU) << 12 |
                          (static_cast<std::uint8_t>(sequence[1]) & 0x3fU) << 6 |
                          (static_cast<std::uint8_t>(sequence[2]) & 0x3fU);
    // Hangul Jamo to CJK symbols, ideographs, Hangul, compatibility forms, full-width forms, and
    // the quotation marks that are wide in Chinese fonts.
    return (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
           (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
           (code >= 0xfe30 && code <= 0xfe4f) || (code >= 0xff00 && code <= 0xff60) ||
           code == 0x201c || code == 0x201d;
}

}  // namespace

std::size_t display_width(std::string_view text) noexcept {
    std::size_t width = 0;
    while (!text.empty()) {
        const std::size_t size = std::max<std::size_t>(utf8_length(text), 1);
        width += is_wide(text.substr(0, size)) ? 2U : 1U;
        text.remove_prefix(size);
    }
    return width;
}

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
    if (text.size() <= width) {
        return {std::string(text)};  // no character takes more columns than bytes
    }
    std::vector<std::string> lines(1);
    std::size_t used = 0;
    std::size_t break_at = 0;  // where the last line may be broken
    while (!text.empty()) {
        const std::size_t size = std::max<std::size_t>(utf8_length(text), 1);
        const std::string_view one = text.substr(0, size);
        text.remove_prefix(size);
        const std::size_t columns = is_wide(one) ? 2U : 1U;
        if (used + columns > width && one == " ") {
            break_at = lines.back().size();
        }
        if (used + columns > width) {
            std::string& full = lines.back();
            std::string rest = break_at == 0 ? "" : full.substr(break_at);
            if (break_at != 0) {
                full.resize(break_at);
            }
            while (full.ends_with(' ')) {
                full.pop_back();
            }
            rest.erase(0, std::min(rest.find_first_not_of(' '), rest.size()));
            lines.push_back(std::move(rest));
            used = display_width(lines.back());
            break_at = 0;
        }
        if (one == " " && lines.back().empty() && lines.size() > 1) {
            continue;
        }
        lines.back() += one;
        used += columns;
        if (one == " " || columns == 2) {
            break_at = lines.back().size();
        }
    }
    return lines;
}

void append_printable(std::string& out, std::string_view bytes) {
    if (std::all_of(bytes.begin(), bytes.end(), [](char c) { return c >= 0x20 && c < 0x7f; })) {
        out += bytes;
        return;
    }
    while (!bytes.empty()) {
        const std::size_t size = utf8_length(bytes);
        const auto lead = static_cast<std::uint8_t>(bytes[0]);
        // C1 control characters are two bytes in UTF-8 and still control a terminal.
        const bool control =
            lead < 0x20 || lead == 0x7f ||
            (size == 2 && lead == 0xc2 && static_cast<std::uint8_t>(bytes[1]) < 0xa0);
        if (size == 0 || control) {
            out += fmt::format("\\x{:02x}", lead);
            bytes.remove_prefix(1);
            continue;
        }
        out += bytes.substr(0, size);
        bytes.remove_prefix(size);
    }
}

std::string printable(std::string_view bytes) {
    std::string text;
    append_printable(text, bytes);
    return text;
}

void append_json(fmt::memory_buffer& out, std::string_view bytes) {
    const auto plain = [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
    while (!bytes.empty()) {
        std::size_t size = 0;  // bytes that need no escape
        while (size < bytes.size() && plain(bytes[size])) {
            ++size;
        }
        out.append(bytes.substr(0, size));
        bytes.remove_prefix(size);
        if (bytes.empty()) {
            return;
        }
        const auto lead = static_cast<std::uint8_t>(bytes[0]);
        const std::size_t character = utf8_length(bytes);
        size = std::max<std::size_t>(character, 1);
        if (lead == '"' || lead == '\\') {
            out.push_back('\\');
            out.push_back(bytes[0]);
        } else if (lead < 0x20 || lead == 0x7f || character == 0) {
            // Bytes that are no UTF-8 are read as Latin-1, so that the document stays valid.
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", lead);
        } else {
            out.append(bytes.substr(0, size));
        }
        bytes.remove_prefix(size);
    }
}

bool is_secret(std::string_view field_name) noexcept {
    static constexpr std::string_view kNames[] = {"authorization", "proxy-authorization", "cookie",
                                                  "set-cookie", "authentication-info"};
    return std::any_of(std::begin(kNames), std::end(kNames),
                       [&](std::string_view name) { return http::equals_lower(field_name, name); });
}

std::string shown_value(const HttpField& field, bool show_secrets) {
    if (!show_secrets && is_secret(field.name)) {
        return fmt::format("(hidden, {} bytes)", field.value.size());
    }
    return printable(field.value);
}

void append_start_line(std::string& out, const HttpMessage& message) {
    if (message.request) {
        append_printable(out, message.method());
        out += ' ';
        append_printable(out, message.target());
        out += ' ';
        append_printable(out, message.version());
        return;
    }
    append_printable(out, message.version());
    const fmt::format_int status(message.status);
    out.append(" ").append(status.data(), status.size());
    if (!message.reason().empty()) {
        out += ' ';
        append_printable(out, message.reason());
    }
}

std::string start_line(const HttpMessage& message) {
    std::string line;
    append_start_line(line, message);
    return line;
}

void append_body_summary(std::string& out, const HttpMessage& message) {
    if (const auto type = message.field("Content-Type")) {
        append_printable(out, *type);
        out += ", ";
    }
    const fmt::format_int size(message.body_bytes);
    out.append(size.data(), size.size()).append(" bytes");
}

std::string analysis_text(const SegmentAnalysis& result) {
    static constexpr struct {
        std::uint32_t bit;
        std::string_view text;
    } kTexts[] = {
        {analysis::second_copy, "second copy"},
        {analysis::ports_reused, "TCP Port numbers reused"},
        {analysis::previous_lost, "TCP Previous segment not captured"},
        {analysis::acked_unseen, "TCP ACKed unseen segment"},
        {analysis::retransmission, "TCP Retransmission"},
        {analysis::fast_retransmission, "TCP Fast Retransmission"},
        {analysis::spurious_retransmission, "TCP Spurious Retransmission"},
        {analysis::out_of_order, "TCP Out-Of-Order"},
        {analysis::window_update, "TCP Window Update"},
        {analysis::window_full, "TCP Window Full"},
        {analysis::keep_alive, "TCP Keep-Alive"},
        {analysis::keep_alive_ack, "TCP Keep-Alive ACK"},
        {analysis::zero_window_probe, "TCP ZeroWindowProbe"},
        {analysis::zero_window, "TCP ZeroWindow"},
        {analysis::zero_window_probe_ack, "TCP ZeroWindowProbeAck"},
    };
    std::string text;
    for (const auto& [bit, name] : kTexts) {
        if ((result.bits & bit) != 0) {
            text += text.empty() ? "" : ", ";
            text += name;
        }
    }
    if ((result.bits & analysis::duplicate_ack) != 0) {
        text += fmt::format("{}TCP Dup ACK {}#{}", text.empty() ? "" : ", ", result.duplicate_of,
                            result.duplicate_number);
    }
    return text;
}

}  // namespace sluice::wire

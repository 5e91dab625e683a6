#include "content/charset.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "http/field.h"
#include "http/swar.h"

namespace sluice::http {
namespace {

constexpr std::string_view kUtf8Mark = "\xef\xbb\xbf";

constexpr bool is_space(char c) noexcept {  // ASCII whitespace of the HTML Standard
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

constexpr bool is_letter(char c) noexcept {
    const char lower = to_lower(c);
    return lower >= 'a' && lower <= 'z';
}

bool starts_with_lower(std::string_view text, std::string_view lower) noexcept {
    return equals_lower(text.substr(0, lower.size()), lower);
}

void skip_spaces(std::string_view& text) noexcept {
    while (!text.empty() && is_space(text.front())) {
        text.remove_prefix(1);
    }
}

std::string_view trim_spaces(std::string_view text) noexcept {
    skip_spaces(text);
    while (!text.empty() && is_space(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

// The labels of the Encoding Standard, section 4.2. HTML and CSS treat a document that declares
// UTF-16 as UTF-8: its declaration was readable as ASCII, so UTF-16 cannot be true.
bool names_utf8(std::string_view label, bool utf16_too) noexcept {
    constexpr auto kUtf8 =
        std::to_array<std::string_view>({"unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8",
                                         "utf-8", "utf8", "x-unicode20utf8"});
    constexpr auto kUtf16 = std::to_array<std::string_view>(
        {"csunicode", "iso-10646-ucs-2", "ucs-2", "unicode", "unicodefeff", "unicodefffe", "utf-16",
         "utf-16be", "utf-16le"});
    const auto is_label = [label](std::string_view lower) { return equals_lower(label, lower); };
    return std::ranges::any_of(kUtf8, is_label) ||
           (utf16_too && std::ranges::any_of(kUtf16, is_label));
}

// ---- HTML --------------------------------------------------------------------------------------

struct Attribute {
    std::string_view name;
    std::string_view value;
};

// "Get an attribute" of the prescan; nothing at the end of the tag. `text` becomes empty when the
// bytes end inside the tag.
std::optional<Attribute> next_attribute(std::string_view& text) noexcept {
    while (!text.empty() && (is_space(text.front()) || text.front() == '/')) {
        text.remove_prefix(1);
    }
    if (text.empty() || text.front() == '>') {
        return std::nullopt;
    }
    std::size_t end = 1;  // an equals sign that comes first belongs to the name
    while (end < text.size() && !is_space(text[end]) && text[end] != '=' && text[end] != '/' &&
           text[end] != '>') {
        ++end;
    }
    Attribute attribute{.name = text.substr(0, end), .value = {}};
    text.remove_prefix(end);
    skip_spaces(text);
    if (!text.starts_with('=')) {
        return attribute;
    }
    text.remove_prefix(1);
    skip_spaces(text);
    if (text.starts_with('"') || text.starts_with('\'')) {
        const std::size_t quote = text.find(text.front(), 1);
        if (quote == std::string_view::npos) {
            text = {};
            return std::nullopt;
        }
        attribute.value = text.substr(1, quote - 1);
        text.remove_prefix(quote + 1);
        return attribute;
    }
    end = 0;
    while (end < text.size() && !is_space(text[end]) && text[end] != '>') {
        ++end;
    }
    attribute.value = text.substr(0, end);
    text.remove_prefix(end);
    return attribute;
}

// "Extracting a character encoding from a meta element": the label; empty when there is none.
std::string_view charset_of_content(std::string_view text) noexcept {
    constexpr std::string_view kName = "charset";
    for (; text.size() >= kName.size(); text.remove_prefix(1)) {
        if (!starts_with_lower(text, kName)) {
            continue;
        }
        std::string_view rest = text.substr(kName.size());
        skip_spaces(rest);
        if (!rest.starts_with('=')) {
            continue;
        }
        rest.remove_prefix(1);
        skip_spaces(rest);
        if (rest.starts_with('"') || rest.starts_with('\'')) {
            const std::size_t quote = rest.find(rest.front(), 1);
            return quote == std::string_view::npos ? std::string_view() : rest.substr(1, quote - 1);
        }
        return rest.substr(0, rest.find_first_of("; \t\n\f\r"));
    }
    return {};
}

// The label of a <meta>; empty when it has none. `text` begins behind the name.
std::string_view label_of_meta(std::string_view& text) noexcept {
    std::string_view label;
    std::optional<bool> needs_pragma;
    bool has_pragma = false;
    bool seen_pragma = false;
    bool seen_content = false;
    bool seen_charset = false;  // of two attributes with the same name the first counts
    while (const std::optional<Attribute> attribute = next_attribute(text)) {
        if (equals_lower(attribute->name, "http-equiv") && !std::exchange(seen_pragma, true)) {
            has_pragma = equals_lower(attribute->value, "content-type");
        } else if (equals_lower(attribute->name, "content") && !std::exchange(seen_content, true)) {
            const std::string_view found = charset_of_content(attribute->value);
            if (!found.empty() && !needs_pragma) {
                label = found;
                needs_pragma = true;
            }
        } else if (equals_lower(attribute->name, "charset") && !std::exchange(seen_charset, true)) {
            label = attribute->value;
            needs_pragma = false;
        }
    }
    // If the tag is cut off, nobody knows what else it would have contained.
    const bool counts = !text.empty() && needs_pragma && (!*needs_pragma || has_pragma);
    return counts ? trim_spaces(label) : std::string_view();
}

// The label of the first <meta> that names an encoding; empty when none does.
std::string_view label_in_html(std::string_view text) noexcept {
    while (!text.empty()) {
        if (text.front() != '<') {
            text.remove_prefix(std::min(text.find('<'), text.size()));
        } else if (text.starts_with("<!--")) {
            // The dashes of the end may also be those of the beginning.
            const std::size_t end = text.find("-->", 2);
            text.remove_prefix(end == std::string_view::npos ? text.size() : end + 3);
        } else if (starts_with_lower(text, "<meta") && text.size() > 5 &&
                   (is_space(text[5]) || text[5] == '/')) {
            text.remove_prefix(5);
            if (const std::string_view label = label_of_meta(text); !label.empty()) {
                return label;
            }
        } else if (const std::size_t name = text.starts_with("</") ? 2 : 1;
                   name < text.size() && is_letter(text[name])) {
            std::size_t end = name;
            while (end < text.size() && !is_space(text[end]) && text[end] != '>') {
                ++end;
            }
            text.remove_prefix(end);
            while (next_attribute(text)) {
            }
        } else if (text.starts_with("<!") || text.starts_with("</") || text.starts_with("<?")) {
            text.remove_prefix(std::min(text.find('>'), text.size()));
        } else {
            text.remove_prefix(1);
        }
    }
    return {};
}

// ---- XML and CSS -------------------------------------------------------------------------------

std::string_view label_in_xml(std::string_view text) noexcept {
    constexpr std::string_view kName = "encoding";
    if (!text.starts_with("<?xml")) {
        return {};
    }
    text = text.substr(0, text.find('>'));
    const std::size_t name = text.find(kName);
    if (name == std::string_view::npos) {
        return {};
    }
    text.remove_prefix(name + kName.size());
    skip_spaces(text);
    if (!text.starts_with('=')) {
        return {};
    }
    text.remove_prefix(1);
    skip_spaces(text);
    if (!text.starts_with('"') && !text.starts_with('\'')) {
        return {};
    }
    const std::size_t quote = text.find(text.front(), 1);
    return quote == std::string_view::npos ? std::string_view() : text.substr(1, quote - 1);
}

std::string_view label_in_css(std::string_view text) noexcept {
    constexpr std::string_view kRule = "@charset \"";
    if (!text.starts_with(kRule)) {
        return {};
    }
    text.remove_prefix(kRule.size());
    const std::size_t quote = text.find('"');
    return quote != std::string_view::npos && text.substr(quote).starts_with("\";")
               ? text.substr(0, quote)
               : std::string_view();
}

}  // namespace

void Utf8Check::look(std::string_view bytes) noexcept {
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    while (valid_ && at != end) {
        if (left_ == 0) {
            while (end - at >= 8 && (swar::load8(at) & swar::kHighs) == 0) {
                at += 8;
            }
            if (at == end) {
                return;
            }
        }
        const auto byte = static_cast<unsigned char>(*at++);
        if (left_ != 0) {
            valid_ = byte >= low_ && byte <= high_;
            low_ = 0x80;
            high_ = 0xbf;
            --left_;
        } else if (byte >= 0x80) {
            valid_ = byte >= 0xc2 && byte <= 0xf4;
            left_ = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
            low_ = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
            high_ = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
        }
    }
}

bool declares_other_charset(std::string_view start, Declaration where) noexcept {
    if (start.starts_with(kUtf8Mark)) {
        return false;  // a byte order mark outranks every declaration
    }
    // Marks of UTF-16 and UTF-32 are not UTF-8. Without a mark, ASCII text in either contains
    // zeros.
    if (start.starts_with("\xff\xfe") || start.starts_with("\xfe\xff") ||
        start.substr(0, kSniffBytes).find('\0') != std::string_view::npos) {
        return true;
    }
    start = start.substr(0, kDeclarationBytes);
    std::string_view label;
    switch (where) {
        case Declaration::none: break;
        case Declaration::html:
            label = label_in_html(start);
            label = label.empty() ? label_in_xml(start) : label;
            break;
        case Declaration::xml: label = label_in_xml(start); break;
        case Declaration::css: label = label_in_css(start); break;
    }
    label = trim_spaces(label);
    return !label.empty() && !names_utf8(label, where != Declaration::xml);
}

bool looks_like_text(std::string_view start) noexcept {
    start = start.substr(0, kSniffBytes);
    if (start.starts_with(kUtf8Mark) || start.starts_with("\xff\xfe") ||
        start.starts_with("\xfe\xff")) {
        return true;
    }
    return std::ranges::none_of(start, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\f' && byte != '\r' &&
               byte != 0x1b;
    });
}

}  // namespace sluice::http

#include "content/mime.h"

#include <algorithm>
#include <cstddef>

#include "http/field.h"
#include "http/syntax.h"
#include "media_types.h"

namespace sluice::http {
namespace {

// Sorted, and no extension appears twice.
static_assert(std::ranges::adjacent_find(kMediaTypes, std::ranges::greater_equal{},
                                         &MediaTypeOfExtension::extension) == kMediaTypes.end());

std::string lower_case(std::string_view text) {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), to_lower);
    return lower;
}

// quoted-string, RFC 9110 section 5.6.4, at the start of `text`; its length, or 0.
std::size_t quoted_bytes(std::string_view text) {
    if (!text.starts_with('"')) {
        return 0;
    }
    for (std::size_t i = 1; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (text[i] == '"') {
            return i + 1;
        }
        i += text[i] == '\\' ? 1U : 0U;
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
            return 0;
        }
    }
    return 0;
}

// parameters = *( OWS ";" OWS parameter ), RFC 9110 section 5.6.6; empty ones are refused.
bool are_parameters(std::string_view text) {
    while (!text.empty()) {
        text = trim(text);
        if (!text.starts_with(';')) {
            return false;
        }
        text = trim(text.substr(1));
        const std::size_t equals = text.find('=');
        if (equals == std::string_view::npos || !is_token(text.substr(0, equals))) {
            return false;
        }
        text.remove_prefix(equals + 1);
        std::size_t value = quoted_bytes(text);
        if (value == 0) {
            value = std::min(text.find_first_of("; \t"), text.size());
            if (!is_token(text.substr(0, value))) {
                return false;
            }
        }
        text.remove_prefix(value);
    }
    return true;
}

bool is_media_type(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::size_t end = std::min(text.find_first_of("; \t"), text.size());
    return slash < end && is_token(text.substr(0, slash)) &&
           is_token(text.substr(slash + 1, end - slash - 1)) && are_parameters(text.substr(end));
}

bool is_extension(std::string_view text) {
    return !text.empty() && std::ranges::none_of(text, [](char c) {
        return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '/';
    });
}

// For messages, which are one line.
std::string quoted(std::string_view text) {
    std::string quoted = "'" + std::string(text) + "'";
    std::ranges::replace_if(
        quoted, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    return quoted;
}

std::string_view from_table(std::string_view extension) {
    const auto* type =
        std::ranges::lower_bound(kMediaTypes, extension, {}, &MediaTypeOfExtension::extension);
    return type != kMediaTypes.end() && type->extension == extension ? type->type
                                                                     : std::string_view();
}

}  // namespace

Result<MimeRule> parse_mime_rule(std::string_view text) {
    const std::size_t equals = text.find('=');
    std::string_view extension = text.substr(0, equals);
    extension.remove_prefix(extension.starts_with('.') ? 1 : 0);
    if (equals == std::string_view::npos || !is_extension(extension)) {
        return fail(Status::not_supported, quoted(text) + " is not EXT=TYPE, as in md=text/plain");
    }
    const std::string_view type = trim(text.substr(equals + 1));
    if (!is_media_type(type)) {
        return fail(Status::not_supported,
                    quoted(type) +
                        " is no media type, as text/plain is one, or text/plain; "
                        "charset=utf-8");
    }
    return MimeRule{lower_case(extension), std::string(type)};
}

MediaTypes::MediaTypes(std::span<const MimeRule> rules) {
    for (const MimeRule& rule : rules) {
        rules_.insert_or_assign(rule.extension, rule.type);
    }
}

std::string_view MediaTypes::of(std::string_view path) const {
    const std::string name = lower_case(path.substr(path.rfind('/') + 1));
    std::string_view rest = name;
    for (std::size_t dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
        rest.remove_prefix(dot + 1);
        if (const auto rule = rules_.find(rest); rule != rules_.end()) {
            return rule->second;
        }
        if (const std::string_view type = from_table(rest); !type.empty()) {
            return type;
        }
    }
    return {};
}

}  // namespace sluice::http

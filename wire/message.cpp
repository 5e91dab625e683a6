#include "wire/message.h"

#include <algorithm>
#include <charconv>

#include "http/field.h"

namespace sluice::wire {

namespace {

bool is_version(std::string_view text) noexcept {
    return text.size() == 8 && text.starts_with("HTTP/") && http::is_digit(text[5]) &&
           text[6] == '.' && http::is_digit(text[7]);
}

}  // namespace

std::string_view to_string(Framing framing) noexcept {
    switch (framing) {
        case Framing::none: return "none";
        case Framing::length: return "length";
        case Framing::chunked: return "chunked";
        case Framing::until_close: return "until_close";
    }
    return "";
}

std::optional<std::string_view> HttpHead::field(std::string_view name) const noexcept {
    for (const Field& one : fields_) {
        if (std::ranges::equal(at(one.name), name, {}, http::to_lower, http::to_lower)) {
            return at(one.value);
        }
    }
    return std::nullopt;
}

void HttpHead::append_line(std::string_view part) {
    constexpr std::size_t kUsualBytes = 480;  // of a whole head
    if (text_.empty()) {
        text_.reserve(kUsualBytes);
    }
    text_ += part;
}

// Without its line end.
std::string_view HttpHead::line() const noexcept {
    std::string_view line(text_);
    while (line.ends_with('\n') || line.ends_with('\r')) {
        line.remove_suffix(1);
    }
    return line;
}

// "GET /path HTTP/1.1"
bool HttpHead::split_request_line() {
    const std::string_view line = this->line();
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == 0 || last <= first ||
        !is_version(line.substr(last + 1))) {
        return false;
    }
    const auto target = static_cast<std::uint32_t>(first + 1);
    const auto version = static_cast<std::uint32_t>(last + 1);
    method_ = {0, target - 1};
    target_ = {target, version - 1 - target};
    version_ = {version, static_cast<std::uint32_t>(line.size()) - version};
    return true;
}

// "HTTP/1.1 200 OK"; the reason may be missing.
bool HttpHead::split_status_line(int& status) {
    const std::string_view line = this->line();
    if (line.size() < 12 || !is_version(line.substr(0, 8)) || line[8] != ' ') {
        return false;
    }
    const auto [end, error] = std::from_chars(line.data() + 9, line.data() + 12, status);
    if (error != std::errc{} || end != line.data() + 12 || status < 100) {
        return false;
    }
    version_ = {0, 8};
    if (line.size() > 13) {
        reason_ = {13, static_cast<std::uint32_t>(line.size()) - 13};
    }
    return true;
}

void HttpHead::begin_field() {
    constexpr std::size_t kUsual = 12;  // space for these is reserved at once
    if (fields_.empty()) {
        fields_.reserve(kUsual);
    }
    fields_.emplace_back();
}

void HttpHead::trim_value() {
    Span& value = fields_.back().value;
    while (value.size > 0 && http::is_ows(text_[value.begin + value.size - 1])) {
        --value.size;
    }
}

}  // namespace sluice::wire

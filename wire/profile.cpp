#include "wire/profile.h"

#include <algorithm>
#include <array>

#include "wire/output.h"

namespace sluice::wire {

namespace {

std::string trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) {
        return {};
    }
    return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

std::string without_tags(std::string_view html) {
    std::string text;
    bool in_tag = false;
    for (const char c : html) {
        if (c == '<') {
            in_tag = true;
        } else if (c == '>') {
            in_tag = false;
        } else if (!in_tag) {
            text += c;
        }
    }
    return trimmed(text);
}

// Finds the next `<tag ...>content</tag>` from `at` on, and moves `at` behind it.
bool next_element(std::string_view html, std::string_view tag, std::size_t& at,
                  std::string& content) {
    const std::string open = "<" + std::string(tag);
    const std::string close = "</" + std::string(tag) + ">";
    const std::size_t begin = html.find(open, at);
    const std::size_t inside = begin == std::string_view::npos ? begin : html.find('>', begin);
    const std::size_t end = inside == std::string_view::npos ? inside : html.find(close, inside);
    if (end == std::string_view::npos) {
        return false;
    }
    content = without_tags(html.substr(inside + 1, end - inside - 1));
    at = end + close.size();
    return true;
}

// Resolves a path of the page to the request's (RFC 3986 section 5.2, without dot segments).
std::string resolved(std::string_view source, std::string_view page) {
    if (source.starts_with('/')) {
        return std::string(source);
    }
    if (source.starts_with("./")) {
        source.remove_prefix(2);
    }
    const std::string_view path = page.substr(0, page.find_first_of("?#"));
    return std::string(path.substr(0, path.rfind('/') + 1)) + std::string(source);
}

}  // namespace

std::vector<std::vector<std::string>> facts_of(std::string_view html) {
    std::vector<std::vector<std::string>> facts;
    std::size_t at = 0;
    std::string label;
    std::string value;
    while (next_element(html, "dt", at, label) && next_element(html, "dd", at, value)) {
        facts.push_back({label, value});
    }
    if (!facts.empty()) {
        return facts;
    }
    static constexpr std::array<std::string_view, 6> kLabels = {"姓名", "学号",   "专业",
                                                                "Name", "Number", "Major"};
    for (const std::string_view wanted : kLabels) {
        const std::size_t begin = html.find(wanted);
        if (begin == std::string_view::npos) {
            continue;
        }
        std::string_view rest = html.substr(begin + wanted.size());
        const std::size_t colon = rest.starts_with("：") ? 3 : rest.starts_with(":") ? 1 : 0;
        if (colon != 0) {
            rest.remove_prefix(colon);
            facts.push_back({std::string(wanted), trimmed(rest.substr(0, rest.find('<')))});
        }
    }
    return facts;
}

std::string logo_source_of(std::string_view html) {
    const std::size_t begin = html.find("<img");
    const std::size_t end = begin == std::string_view::npos ? begin : html.find('>', begin);
    if (end == std::string_view::npos) {
        return {};
    }
    const std::string_view tag = html.substr(begin, end - begin);
    const std::size_t source = tag.find("src=\"");
    if (source == std::string_view::npos) {
        return {};
    }
    const std::string_view target = tag.substr(source + 5);
    return std::string(target.substr(0, target.find('"')));
}

Profile read_profile(const std::vector<ConnectionRecord>& connections, const HttpExchange& page) {
    Profile profile;
    profile.facts = facts_of(page.response.body);
    for (std::vector<std::string>& fact : profile.facts) {
        std::ranges::transform(fact, fact.begin(),
                               [](const std::string& text) { return printable(text); });
    }
    profile.logo_source = logo_source_of(page.response.body);
    if (profile.logo_source.empty()) {
        return profile;
    }
    profile.logo_target = resolved(profile.logo_source, page.request.target());
    for (const ConnectionRecord& record : connections) {
        for (const auto& exchange : record.exchanges) {
            const HttpMessage& response = exchange->response;
            const auto type = response.field("Content-Type");
            if (exchange->request.target() == profile.logo_target && response.status == 200 &&
                response.complete && !response.gap && type && type->starts_with("image/") &&
                response.body.size() == response.body_bytes && !response.body.empty()) {
                profile.logo_type = type->substr(0, type->find(';'));
                profile.logo = response.body;
                return profile;
            }
        }
    }
    return profile;
}

}  // namespace sluice::wire

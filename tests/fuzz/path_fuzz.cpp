// Any bytes as a target path: the result is canonical, below the root, and normalises to itself.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "http/path.h"

namespace {

using sluice::http::normalise_path;
using sluice::http::Path;
using sluice::http::PathStatus;

void check_canonical(std::string_view path) {
    CHECK(path.starts_with('/'));
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        CHECK(byte >= 0x20 && byte != 0x7f);
    }
    CHECK(path.find("//") == std::string_view::npos);
    for (std::size_t at = 1; at <= path.size();) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        const std::string_view segment = path.substr(at, end - at);
        CHECK(segment != "." && segment != "..");
        at = end + 1;
    }
}

// The shortest spelling that means exactly this path.
std::string escape(std::string_view path) {
    std::string raw;
    for (const char c : path) {
        if (c == '%') {
            raw += "%25";
        } else {
            raw += c;
        }
    }
    return raw;
}

// The longest spelling: every byte is escaped except the slashes.
std::string escape_all(std::string_view path) {
    constexpr std::string_view kHex = "0123456789aBcDeF";
    std::string raw;
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '/') {
            raw += c;
        } else {
            raw += {'%', kHex[byte >> 4], kHex[byte & 0xf]};
        }
    }
    return raw;
}

std::string normalised(const std::string& raw) {
    std::vector<char> out(raw.size());
    const Path path = normalise_path(raw, out.data());
    CHECK(path.status == PathStatus::ok);
    return std::string(path.text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string raw(data, data + size);
    std::vector<char> out(raw.size());
    const Path path = normalise_path(raw, out.data());
    if (path.status != PathStatus::ok) {
        CHECK(path.text.empty());
        CHECK(path.status == PathStatus::bad || raw.find("%2") != std::string::npos);
        return 0;
    }
    CHECK(raw.empty() || path.text.size() <= raw.size());
    check_canonical(path.text);
    CHECK(normalised(escape(path.text)) == path.text);
    CHECK(normalised(escape_all(path.text)) == path.text);
    return 0;
}

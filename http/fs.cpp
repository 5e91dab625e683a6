#include "http/fs.h"

#include <algorithm>

namespace sluice::http::fs {

bool servable_name(std::string_view name) noexcept {
    if ((name.starts_with('.') && name != ".well-known") || !plain_name(name)) {
        return false;
    }
    return std::all_of(name.begin(), name.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte >= 0x20 && byte != 0x7f;
    });
}

}  // namespace sluice::http::fs

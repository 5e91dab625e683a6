#include "content/files.h"

#include <algorithm>
#include <utility>

namespace sluice::fs {

bool servable_name(std::string_view name) noexcept {
    if ((name.starts_with('.') && name != ".well-known") || !plain_name(name)) {
        return false;
    }
    return std::all_of(name.begin(), name.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte >= 0x20 && byte != 0x7f;
    });
}

File File::closed_by(std::function<void(std::intptr_t)> close) && {
    return {std::exchange(handle_, -1),
            std::make_shared<const RemoteRef>(nullptr, "", std::move(close))};
}

Reach Root::reach_of(std::string_view below, char separator, Kind kind) noexcept {
    Reach reach = Reach::inside;
    while (!below.empty()) {
        below.remove_prefix(1);
        const std::string_view name = below.substr(0, below.find(separator));
        below.remove_prefix(name.size());
        if (name.empty() || servable_name(name)) {
            continue;
        }
        const bool directory = !below.empty() || kind == Kind::directory;
        if (!directory || !name.starts_with("..") || !servable_name(name.substr(2))) {
            return Reach::hidden;
        }
        reach = Reach::dotted;
    }
    return reach;
}

}  // namespace sluice::fs

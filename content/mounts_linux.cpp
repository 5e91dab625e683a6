// /proc/self/mountinfo: proc_pid_mountinfo(5).
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include "content/mounts.h"

namespace sluice::http {

namespace {

struct Line {
    std::uint64_t parent = 0;
    std::string point;
    Mount mount;
};

std::string_view take_word(std::string_view& rest) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return word;
}

std::uint64_t number(std::string_view word) {
    std::uint64_t value = 0;
    std::from_chars(word.data(), word.data() + word.size(), value);
    return value;
}

// Spaces, tabs, newlines and backslashes are written as three octal digits.
std::string unescape(std::string_view word) {
    std::string text;
    for (std::size_t i = 0; i < word.size(); ++i) {
        unsigned value = 0;
        if (word[i] == '\\' && i + 3 < word.size() &&
            std::from_chars(&word[i + 1], &word[i + 1] + 3, value, 8).ptr == &word[i + 1] + 3) {
            text.push_back(static_cast<char>(value));
            i += 3;
        } else {
            text.push_back(word[i]);
        }
    }
    return text;
}

std::optional<Line> parse_line(std::string_view rest) {
    Line line;
    line.mount.id = number(take_word(rest));
    line.parent = number(take_word(rest));
    line.mount.device = take_word(rest);
    line.mount.root = take_word(rest);
    line.point = unescape(take_word(rest));
    const std::size_t dash = rest.find(" - ");
    if (dash == std::string_view::npos || line.point.empty() || line.point.front() != '/') {
        return std::nullopt;
    }
    rest.remove_prefix(dash + 3);
    line.mount.kind = fs::filesystem_kind_of_type(take_word(rest));
    if (line.point == "/") {
        line.point.clear();
    }
    return line;
}

// Whether `path` is `above` or lies below it.
bool lies_in(std::string_view path, std::string_view above) {
    return path.starts_with(above) && (path.size() == above.size() || path[above.size()] == '/');
}

using Children = std::multimap<std::uint64_t, const Line*>;

// Adds the visible mounts on `id`, and continues with the mounts on those.
void collect(const Children& children, std::uint64_t id, std::string_view root, Mounts& seen) {
    const auto [begin, end] = children.equal_range(id);
    for (auto child = begin; child != end; ++child) {
        const Line& line = *child->second;
        const bool covered = std::any_of(begin, end, [&line](const auto& other) {
            return other.second->point.size() < line.point.size() &&
                   lies_in(line.point, other.second->point);
        });
        if (covered) {
            continue;
        }
        if (lies_in(line.point, root)) {
            seen[line.point.substr(root.size())] = line.mount;
        } else if (lies_in(root, line.point)) {
            seen[""] = line.mount;
        }
        collect(children, line.mount.id, root, seen);
    }
}

}  // namespace

Mounts parse_mounts(std::string_view text, std::string_view root) {
    std::vector<Line> lines;
    std::set<std::uint64_t> ids;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (auto line = parse_line(text.substr(0, end))) {
            ids.insert(line->mount.id);
            lines.push_back(std::move(*line));
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    constexpr std::uint64_t kOutside = 0;  // parents hidden by chroot(2); ids begin at 1
    Children children;
    for (const Line& line : lines) {
        const bool known = line.parent != line.mount.id && ids.contains(line.parent);
        children.emplace(known ? line.parent : kOutside, &line);
    }
    Mounts seen;
    collect(children, kOutside, root, seen);
    return seen;
}

fs::File MountTable::open_table() noexcept {
    return fs::File(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
}

bool MountTable::changed() noexcept {
    pollfd wait{static_cast<int>(table_.handle()), POLLPRI, 0};
    return ::poll(&wait, 1, 0) == 1 && (wait.revents & POLLPRI) != 0;
}

std::vector<std::string> MountTable::read(std::string_view root) {
    const int table = static_cast<int>(table_.handle());
    std::string text;
    std::array<char, 16 * 1024> part{};
    ::lseek(table, 0, SEEK_SET);
    for (ssize_t got = 0; (got = ::read(table, part.data(), part.size())) > 0;) {
        text.append(part.data(), static_cast<std::size_t>(got));
    }
    const Mounts before = std::exchange(mounts_, parse_mounts(text, root));
    std::vector<std::string> changed;
    for (const auto& [path, mount] : mounts_) {
        const auto known = before.find(path);
        if (known == before.end() || known->second != mount) {
            changed.push_back(path);
        }
    }
    for (const auto& [path, mount] : before) {
        if (!mounts_.contains(path)) {
            changed.push_back(path);
        }
    }
    return changed;
}

}  // namespace sluice::http

#include "bench/load/replay.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <map>
#include <optional>
#include <tuple>

namespace sluice::load {

namespace {

struct Line {
    std::int64_t second = 0;  // since 1970
    ReplayLog::Target target;
};

template <typename T>
bool number(std::string_view text, T& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
}

// "10/Oct/2000:13:55:36 -0700"
std::optional<std::int64_t> instant_of(std::string_view text) {
    constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    unsigned day = 0;
    int year = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    int zone = 0;
    if (text.size() != 26 || !number(text.substr(0, 2), day) || !number(text.substr(7, 4), year) ||
        !number(text.substr(12, 2), hour) || !number(text.substr(15, 2), minute) ||
        !number(text.substr(18, 2), second) || !number(text.substr(22, 4), zone)) {
        return std::nullopt;
    }
    const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(3, 3));
    const std::chrono::year_month_day date{
        std::chrono::year(year),
        std::chrono::month(static_cast<unsigned>(month - kMonths.begin()) + 1),
        std::chrono::day(day)};
    if (month == kMonths.end() || !date.ok()) {
        return std::nullopt;
    }
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    const int offset = (zone / 100 * 60 + zone % 100) * 60 * (text[21] == '-' ? -1 : 1);
    return ((days * 24 + hour) * 60 + minute) * 60 + second - offset;
}

// host ident user [instant] "METHOD target HTTP/x" ...
std::optional<Line> parse(std::string_view text) {
    const std::size_t open = text.find('[');
    const std::size_t close = text.find("] \"", open == std::string_view::npos ? 0 : open);
    if (open == std::string_view::npos || close == std::string_view::npos) {
        return std::nullopt;
    }
    const auto instant = instant_of(text.substr(open + 1, close - open - 1));
    std::string_view request = text.substr(close + 3);
    request = request.substr(0, request.find('"'));
    const std::size_t first = request.find(' ');
    const std::size_t last = request.rfind(' ');
    if (!instant || first == std::string_view::npos || last <= first ||
        !request.substr(last + 1).starts_with("HTTP/")) {
        return std::nullopt;
    }
    const std::string_view method = request.substr(0, first);
    const std::string_view path = request.substr(first + 1, last - first - 1);
    const bool clean =
        path.starts_with('/') && path.find('\\') == std::string_view::npos &&
        std::all_of(path.begin(), path.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
    if ((method != "GET" && method != "HEAD") || !clean) {
        return std::nullopt;
    }
    return Line{*instant, {std::string(method), std::string(path)}};
}

struct Found {
    std::int64_t second;
    std::size_t order;  // in the log
    std::uint32_t target;
};

}  // namespace

ReplayLog read_replay_log(std::string_view text) {
    ReplayLog log;
    std::vector<Found> found;
    std::map<std::pair<std::string, std::string>, std::uint32_t> known;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const auto line = parse(text.substr(0, end));
        if (line) {
            const auto [place, is_new] =
                known.try_emplace({line->target.method, line->target.path},
                                  static_cast<std::uint32_t>(log.targets.size()));
            if (is_new) {
                log.targets.push_back(line->target);
            }
            found.push_back({line->second, found.size(), place->second});
        } else if (end > 0) {
            ++log.left_out;
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    // A log is written when answers end, so its instants may step back a little.
    std::ranges::sort(found, [](const Found& a, const Found& b) {
        return std::tie(a.second, a.order) < std::tie(b.second, b.order);
    });
    for (std::size_t i = 0; i < found.size();) {
        std::size_t end = i;
        while (end < found.size() && found[end].second == found[i].second) {
            ++end;
        }
        const Nanos second = (found[i].second - found[0].second) * kSecond;
        for (std::size_t k = i; k < end; ++k) {
            const Nanos within = static_cast<Nanos>(k - i) * kSecond / static_cast<Nanos>(end - i);
            log.entries.push_back({second + within, found[k].target});
        }
        i = end;
    }
    return log;
}

}  // namespace sluice::load

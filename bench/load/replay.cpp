#include "bench/load/replay.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>

namespace sluice::load {

namespace {

// Whether the text has these characters at these positions.
bool has(std::string_view text, std::initializer_list<std::pair<std::size_t, char>> marks) {
    return std::ranges::all_of(marks,
                               [&](const auto& mark) { return text[mark.first] == mark.second; });
}

struct LogLine {
    std::int64_t second = 0;  // since 1970
    ReplayLog::Target target;
};

template <typename T>
bool number(std::string_view text, T& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
}

std::optional<std::int64_t> seconds_of(unsigned year, unsigned month, unsigned day, unsigned hour,
                                       unsigned minute, unsigned second) {
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                           std::chrono::month(month), std::chrono::day(day)};
    if (!date.ok() || hour > 23 || minute > 59 || second > 60) {  // 60: a leap second
        return std::nullopt;
    }
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

// "10/Oct/2000:13:55:36 -0700"
std::optional<std::int64_t> instant_of(std::string_view text) {
    constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    unsigned day = 0;
    unsigned year = 0;
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
    unsigned zone = 0;
    if (text.size() != 26 || !has(text, {{2, '/'}, {6, '/'}, {11, ':'}, {14, ':'}, {17, ':'}}) ||
        text[20] != ' ' || (text[21] != '+' && text[21] != '-') ||
        !number(text.substr(0, 2), day) || !number(text.substr(7, 4), year) ||
        !number(text.substr(12, 2), hour) || !number(text.substr(15, 2), minute) ||
        !number(text.substr(18, 2), second) || !number(text.substr(22, 4), zone)) {
        return std::nullopt;
    }
    const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(3, 3));
    const auto local = seconds_of(year, static_cast<unsigned>(month - kMonths.begin()) + 1, day,
                                  hour, minute, second);
    if (!local) {
        return std::nullopt;
    }
    const std::int64_t ahead = (zone / 100 * 60 + zone % 100) * 60;
    return text[21] == '-' ? *local + ahead : *local - ahead;
}

// "2000-10-10T20:55:36Z"
std::optional<std::int64_t> iso_instant_of(std::string_view text) {
    unsigned year = 0;
    unsigned month = 0;
    unsigned day = 0;
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
    if (text.size() != 20 ||
        !has(text, {{4, '-'}, {7, '-'}, {10, 'T'}, {13, ':'}, {16, ':'}, {19, 'Z'}}) ||
        !number(text.substr(0, 4), year) || !number(text.substr(5, 2), month) ||
        !number(text.substr(8, 2), day) || !number(text.substr(11, 2), hour) ||
        !number(text.substr(14, 2), minute) || !number(text.substr(17, 2), second)) {
        return std::nullopt;
    }
    return seconds_of(year, month, day, hour, minute, second);
}

// Only what can be requested again.
std::optional<LogLine> line_of(std::optional<std::int64_t> instant, std::string_view method,
                               std::string_view path) {
    const bool clean =
        path.starts_with('/') && path.find('\\') == std::string_view::npos &&
        std::all_of(path.begin(), path.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
    if (!instant || (method != "GET" && method != "HEAD") || !clean) {
        return std::nullopt;
    }
    return LogLine{*instant, {std::string(method), std::string(path)}};
}

// {"time": ..., "method": ..., "target": ...}; a request that was malformed has neither of the last
// two.
std::optional<LogLine> parse_json(std::string_view text) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    const auto member = [&](const char* name) -> std::string_view {
        if (!json.is_object()) {
            return {};
        }
        const auto found = json.find(name);
        return found != json.end() && found->is_string()
                   ? std::string_view(found->get_ref<const std::string&>())
                   : std::string_view();
    };
    return line_of(iso_instant_of(member("time")), member("method"), member("target"));
}

// host ident user [instant] "METHOD target HTTP/x" ...
std::optional<LogLine> parse(std::string_view text) {
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
    if (first == std::string_view::npos || last <= first ||
        !request.substr(last + 1).starts_with("HTTP/")) {
        return std::nullopt;
    }
    return line_of(instant, request.substr(0, first), request.substr(first + 1, last - first - 1));
}

struct Found {
    std::int64_t second;
    std::size_t order;  // in the log
    std::uint32_t target;
};

}  // namespace

Result<ReplayLog> read_replay_log(std::string_view text) {
    ReplayLog log;
    std::vector<Found> found;
    std::map<std::pair<std::string, std::string>, std::uint32_t> known;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view one = text.substr(0, end);
        const auto line = one.starts_with('{') ? parse_json(one) : parse(one);
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
    // A line is written when its answer ends, so timestamps may go back a little.
    std::ranges::sort(found, [](const Found& a, const Found& b) {
        return std::tie(a.second, a.order) < std::tie(b.second, b.order);
    });
    if (!found.empty() && found.back().second - found.front().second > kReplaySecondsMax) {
        return fail(Status::not_supported,
                    "its first and its last request are " +
                        std::to_string((found.back().second - found.front().second) / (24 * 3600)) +
                        " days apart, and a run would take as long");
    }
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

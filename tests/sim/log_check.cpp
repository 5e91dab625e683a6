#include "tests/sim/log_check.h"

#include <charconv>
#include <ctime>
#include <map>
#include <optional>
#include <string_view>

namespace sluice::sim {

namespace {

// The completion of a send may be held back until something else happens; the reactor asks after
// 50 ms at the latest.
constexpr Nanos kLineLate = 60 * kMillisecond + 4 * kTurnMax;

struct Line {
    int status = 0;
    std::uint64_t bytes = 0;
    std::int64_t second = 0;
    std::string text;
};

// host - - [17/Nov/2023:00:00:00 +0000] "GET /x?r=000001x HTTP/1.1" 200 9001
std::optional<Line> parse(const std::string& text) {
    const std::size_t time = text.find('[');
    const std::size_t quote = text.rfind('"');
    if (time == std::string::npos || quote == std::string::npos) {
        return std::nullopt;
    }
    Line line;
    line.text = text;
    std::tm parts{};
    if (::strptime(text.c_str() + time, "[%d/%b/%Y:%H:%M:%S +0000]", &parts) == nullptr) {
        return std::nullopt;
    }
    line.second = ::timegm(&parts);
    const char* end = text.data() + text.size();
    const auto status = std::from_chars(text.data() + quote + 2, end, line.status);
    if (status.ec != std::errc{} || status.ptr == end ||
        std::from_chars(status.ptr + 1, end, line.bytes).ptr != end) {
        return std::nullopt;
    }
    return line;
}

std::string_view id_in(std::string_view text) {
    constexpr std::size_t kIdBytes = 9;  // World::next_id()
    const std::size_t at = text.find("r=");
    const std::string_view id = at == std::string_view::npos ? "" : text.substr(at, kIdBytes);
    return id.size() == kIdBytes && id.back() == 'x' ? id : std::string_view();
}

std::string compare(const World& world, const Answer& answer, const Line& line) {
    const std::string where = " in '" + line.text + "' of a response ";
    if (line.status != answer.status) {
        return "status" + where + std::to_string(answer.status);
    }
    const bool fits =
        answer.whole ? line.bytes == answer.body_bytes : line.bytes >= answer.body_bytes;
    if (!fits) {
        return "length" + where + "with " + std::to_string(answer.body_bytes) + " bytes of body";
    }
    const Nanos to = answer.whole && answer.alone ? answer.to + kLineLate : world.now();
    if (!world.network().wall_showed(line.second, answer.from, to)) {
        return "time" + where + "from " + std::to_string(answer.from / kMicrosecond) + " to " +
               std::to_string(to / kMicrosecond) + " us";
    }
    return "";
}

}  // namespace

std::string log_complaint(World& world, const std::vector<std::unique_ptr<Client>>& clients) {
    std::map<std::string, Line, std::less<>> lines;
    for (const std::string& text : world.take_log()) {
        const std::optional<Line> line = parse(text);
        if (!line) {
            return "not a line of the log: '" + text + "'";
        }
        const std::string_view id = id_in(text);
        if (!id.empty() && !lines.emplace(id, *line).second) {
            return "a second line for one request: '" + text + "'";
        }
    }
    std::uint64_t missing = 0;
    std::string last;
    for (const auto& client : clients) {
        for (const Answer& answer : client->answers()) {
            if (answer.id.empty()) {
                continue;
            }
            const auto line = lines.find(answer.id);
            if (line == lines.end()) {
                ++missing;
                last = answer.id + " (" + std::to_string(answer.status) + ")";
            } else if (std::string wrong = compare(world, answer, line->second); !wrong.empty()) {
                return wrong;
            }
        }
    }
    // Where memory is short, a head may be refused before even its first line has come.
    const std::uint64_t lost = world.log_lines_lost() + world.allocations_refused();
    return missing <= lost ? ""
                           : std::to_string(missing) + " responses are not in the log, the last " +
                                 last + "; it lost " + std::to_string(lost) + " lines";
}

}  // namespace sluice::sim

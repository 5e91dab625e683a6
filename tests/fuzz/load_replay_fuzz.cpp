// Any bytes as an access log to be replayed: every line is taken or counted; what is taken can be
// requested and comes in order, within a time that a run can last; and the same requests, written
// down again as a log, make the same plan.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "bench/load/replay.h"
#include "core/check.h"
#include "log/access_log.h"

namespace {

using namespace sluice;
using namespace sluice::load;

constexpr std::int64_t kFirstSecond = 1'790'000'000;

std::uint64_t lines_of(std::string_view text) {
    std::uint64_t lines = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines += end > 0 ? 1 : 0;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

void check_plan(const ReplayLog& log) {
    CHECK(log.entries.empty() == log.targets.empty());
    Nanos before = 0;
    for (const ReplayLog::Entry& entry : log.entries) {
        CHECK(entry.at >= before && entry.at <= (kReplaySecondsMax + 1) * kSecond);
        CHECK(entry.target < log.targets.size());
        before = entry.at;
    }
    CHECK(log.entries.empty() || log.entries.front().at == 0);
    for (const ReplayLog::Target& target : log.targets) {
        CHECK(target.method == "GET" || target.method == "HEAD");
        CHECK(target.path.starts_with('/'));
        CHECK(std::ranges::all_of(target.path, [](char c) { return c > ' ' && c < 0x7f; }));
        CHECK(std::ranges::count(log.targets, target) == 1);
    }
}

// As our server would have logged these requests.
std::string write_log(const ReplayLog& log, http::LogFormat format) {
    std::string text;
    std::string line(http::kLogLineMax, '\0');
    http::LogClock clock;
    const Endpoint peer{.family = Family::ipv4, .address = {192, 0, 2, 7}, .port = 1, .path = {}};
    for (const ReplayLog::Entry& entry : log.entries) {
        const ReplayLog::Target& target = log.targets[entry.target];
        const std::string request = target.method + " " + target.path + " HTTP/1.1";
        clock.update(kFirstSecond + entry.at / kSecond);
        http::LogRecord record;
        record.peer = &peer;
        record.request_line = request;
        text.append(line.data(), http::format_log_line(format, record, clock, line.data()));
    }
    return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(data, data + size);
    const auto log = read_replay_log(text);
    if (!log) {
        return 0;
    }
    CHECK(log->entries.size() + log->left_out == lines_of(text));
    check_plan(*log);
    // A log escapes quotes and cuts long texts, and neither is read back.
    const bool plain = std::ranges::all_of(log->targets, [](const ReplayLog::Target& target) {
        return target.path.find('"') == std::string::npos &&
               target.path.size() < http::kLogTextMax - 32;
    });
    for (const auto format : {http::LogFormat::combined, http::LogFormat::json}) {
        if (!plain) {
            break;
        }
        const auto again = read_replay_log(write_log(*log, format));
        CHECK(again.has_value() && again->left_out == 0);
        // Targets are in the order of their lines, entries in that of their instants.
        CHECK(again->targets.size() == log->targets.size());
        CHECK(again->entries.size() == log->entries.size());
        for (std::size_t i = 0; i < log->entries.size(); ++i) {
            CHECK(again->entries[i].at == log->entries[i].at);
            CHECK(again->targets[again->entries[i].target] == log->targets[log->entries[i].target]);
        }
    }
    return 0;
}

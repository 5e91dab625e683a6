// Replay: an access log (common or combined format, or the JSON lines of `sluice serve --log-format
// json`) as a plan: the same requests at the same spacing. Pure.
//
// The time in these formats is in whole seconds; the requests of a second are spread evenly over
// it, in the log's order. Lines that are no such request, and methods other than GET and HEAD
// (their bodies are not in the log), are left out and counted. A run takes as long as its log, so a
// log of more than a year is an error: one of its dates is wrong.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace sluice::load {

struct ReplayLog {
    struct Target {
        std::string method;
        std::string path;
        friend bool operator==(const Target&, const Target&) = default;
    };
    struct Entry {
        Nanos at = 0;  // from the log's first second
        std::uint32_t target = 0;
    };
    std::vector<Target> targets;  // each once
    std::vector<Entry> entries;   // in order of time
    std::uint64_t left_out = 0;
};

inline constexpr std::int64_t kReplaySecondsMax = 366 * 24 * 3600;

[[nodiscard]] Result<ReplayLog> read_replay_log(std::string_view text);

}  // namespace sluice::load

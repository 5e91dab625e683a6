// Against an earlier run: has anything become slower? Pure.
//
// Compares the ratio to the baseline where both runs have the same one: ratios carry over between
// hours, and partly between machines; microseconds do not. Otherwise it compares the cost itself.
// The two runs share no restarts, so the samples are not paired.
#pragma once

#include <string>
#include <vector>

#include "bench/compare/result.h"
#include "core/result.h"

namespace sluice::compare {

struct Change {
    std::string scenario;
    std::string server;  // its label
    std::string figure;  // "ratio to floor_epoll", "cost"
    double then = 0;     // medians
    double now = 0;
    load::Comparison comparison = {};  // now / then
};

struct Changes {
    std::string file;
    std::string date;  // of the earlier run
    double noise = 0;
    std::vector<Change> all = {};
    std::vector<std::string> absent = {};  // cells that only one of the runs has
    [[nodiscard]] bool regressed() const;
};

// `json`: what json_report() wrote; fails when it is something else.
[[nodiscard]] Result<Changes> against(const std::string& json, const Report& now, double noise);

}  // namespace sluice::compare

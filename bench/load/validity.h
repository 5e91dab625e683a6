// judge(): may the numbers of a run be believed? A pure function of what was measured; it comes
// first in every report and decides the exit code.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench/load/plan.h"
#include "bench/load/quantiles.h"
#include "bench/load/run.h"

namespace sluice::load {

enum class Level : std::uint8_t { ok, note, invalid };
[[nodiscard]] std::string_view to_string(Level level);

struct Finding {
    Level level = Level::ok;
    std::string name;  // one word
    std::string text;  // what was measured and, when it is not ok, what that means
};

struct Validity {
    std::vector<Finding> findings;
    [[nodiscard]] bool valid() const;
};

// The limits, in one place; docs/bench.md explains them.
inline constexpr double kRateShareMin = 0.98;     // achieved of offered
inline constexpr double kLatenessShareMax = 0.5;  // of own lateness or pauses, of a quantile
inline constexpr Nanos kLatenessMin = 250 * kMicrosecond;  // below this it does not matter
inline constexpr double kLittleResidualMax = 0.05;
inline constexpr double kWaitedShareMax = 0.10;  // of the time, ready but without a CPU
inline constexpr double kBusyShare = 0.90;       // of a CPU: the generator may be the limit
inline constexpr double kFailedShareMax = 0.001;

[[nodiscard]] Validity judge(const Plan& plan, const Outcome& outcome);

// Whether most of a latency statistic is gone once the waits for the generator are subtracted.
[[nodiscard]] bool pauses_explain(Nanos latency, Nanos unpaused);

// How far the mean number of requests in flight is from rate times mean latency, relative.
[[nodiscard]] double little_residual(const Outcome& outcome);

}  // namespace sluice::load

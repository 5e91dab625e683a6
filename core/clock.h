// Time. Durations and instants are signed 64-bit nanoseconds; instants count from an arbitrary
// origin (monotonic). Code above the backends never reads a clock of its own: it asks its backend,
// so that the simulator can own time.
#pragma once

#include <cstdint>

namespace sluice {

using Nanos = std::int64_t;

inline constexpr Nanos kMicrosecond = 1'000;
inline constexpr Nanos kMillisecond = 1'000'000;
inline constexpr Nanos kSecond = 1'000'000'000;
inline constexpr Nanos kNever = INT64_MAX;

[[nodiscard]] constexpr double in_seconds(Nanos duration) noexcept {
    return static_cast<double>(duration) / static_cast<double>(kSecond);
}

}  // namespace sluice

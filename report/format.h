// Numbers as people read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/clock.h"

namespace sluice::report {

[[nodiscard]] std::string duration_human(double nanos);  // "812 ns", "45.1 us", "1.20 s"
[[nodiscard]] inline std::string duration_human(Nanos duration) {
    return duration_human(static_cast<double>(duration));
}
[[nodiscard]] inline std::string duration_human(std::optional<Nanos> duration) {
    return duration ? duration_human(static_cast<double>(*duration)) : "-";
}
[[nodiscard]] std::string count_human(std::uint64_t count);  // "1,234,567"
[[nodiscard]] std::string rate_human(double per_second);     // "12,345.6"
[[nodiscard]] std::string bytes_human(double bytes);         // "1.2 MB": powers of 1,000
[[nodiscard]] std::string percent_human(double share);       // "99.3 %"

}  // namespace sluice::report

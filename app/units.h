// Numbers, sizes and durations as a person writes them: "64"; "8k", "256MiB", "1.5G"; "10s",
// "500ms", "2m".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"

namespace sluice {

// A whole number within bounds, in digits alone.
[[nodiscard]] Result<std::uint64_t> parse_number(std::string_view text, std::uint64_t low,
                                                 std::uint64_t high);
// More than zero, and finite: "1000", "0.5".
[[nodiscard]] Result<double> parse_rate(std::string_view text);
// Bytes. Units: none or b, k/kb/kib, m..., g... in any case; all of them powers of 1,024.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);
// Nanoseconds. Units: ns, us, ms, s, m, h; none means seconds. More than zero.
[[nodiscard]] Result<Nanos> parse_duration(std::string_view text);

[[nodiscard]] std::string size_text(std::uint64_t bytes);
[[nodiscard]] std::string duration_text(Nanos duration);

}  // namespace sluice

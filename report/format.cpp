#include "report/format.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace sluice::report {

namespace {

// Three significant digits, which is what a histogram holds.
std::string three_digits(double value) {
    const int decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    return fmt::format("{:.{}f}", value, decimals);
}

}  // namespace

std::string duration_human(double nanos) {
    if (nanos < 999.5) {
        return fmt::format("{:.0f} ns", nanos);
    }
    if (nanos < 999.5e3) {
        return three_digits(nanos / 1e3) + " us";
    }
    if (nanos < 999.5e6) {
        return three_digits(nanos / 1e6) + " ms";
    }
    return three_digits(nanos / 1e9) + " s";
}

std::string count_human(std::uint64_t count) {
    std::string digits = std::to_string(count);
    for (std::size_t at = digits.size(); at > 3;) {
        at -= 3;
        digits.insert(at, ",");
    }
    return digits;
}

std::string rate_human(double per_second) {
    const double rounded = std::round(per_second * 10) / 10;
    const auto whole = static_cast<std::uint64_t>(rounded);
    if (whole >= 1000) {
        return count_human(static_cast<std::uint64_t>(std::llround(per_second)));
    }
    return fmt::format("{:.1f}", rounded);
}

std::string bytes_human(double bytes) {
    constexpr std::array<const char*, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
    std::size_t unit = 0;
    while (bytes >= 999.5 && unit + 1 < kUnits.size()) {
        bytes /= 1000;
        ++unit;
    }
    return (unit == 0 ? fmt::format("{:.0f}", bytes) : three_digits(bytes)) + " " + kUnits[unit];
}

std::string percent_human(double share) {
    return fmt::format("{:.1f} %", share * 100);
}

}  // namespace sluice::report

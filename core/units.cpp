#include "core/units.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>

namespace sluice {

namespace {

struct Quantity {
    double number = 0;
    std::string unit;
};

Result<Quantity> split(std::string_view text, const char* example) {
    Quantity quantity;
    const char* end = text.data() + text.size();
    const auto [rest, error] =
        std::from_chars(text.data(), end, quantity.number, std::chars_format::fixed);
    if (error != std::errc{} || !(quantity.number >= 0)) {
        return fail(Status::io_error,
                    "'" + std::string(text) + "': expected something like " + example);
    }
    quantity.unit.assign(rest, end);
    std::transform(quantity.unit.begin(), quantity.unit.end(), quantity.unit.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return quantity;
}

constexpr double kTooMuch = 9.0e18;  // what 63 bits hold
constexpr double kTooLong = 1.0e18;  // 31 years: a few of these add up in 63 bits

}  // namespace

Result<std::uint64_t> parse_number(std::string_view text, std::uint64_t low, std::uint64_t high) {
    std::uint64_t number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || rest != text.data() + text.size() || number < low ||
        number > high) {
        return fail(Status::io_error, "'" + std::string(text) + "' is not a whole number from " +
                                          std::to_string(low) + " to " + std::to_string(high));
    }
    return number;
}

Result<double> parse_rate(std::string_view text) {
    double number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || rest != text.data() + text.size() || !(number > 0) ||
        number > kTooMuch) {
        return fail(Status::io_error,
                    "'" + std::string(text) + "' is not a number above 0; expected 1000 or 0.5");
    }
    return number;
}

Result<std::uint64_t> parse_size(std::string_view text) {
    constexpr const char* kExample = "4096, 8k, 256M or 1.5G";
    auto quantity = split(text, kExample);
    if (!quantity) {
        return std::unexpected(quantity.error());
    }
    std::string unit = quantity->unit;
    if (unit.ends_with("ib")) {
        unit.resize(unit.size() - 2);
    } else if (unit.ends_with("b")) {
        unit.resize(unit.size() - 1);
    }
    constexpr std::array<std::pair<std::string_view, double>, 5> kUnits = {
        {{"", 1}, {"k", 1024.0}, {"m", 1048576.0}, {"g", 1073741824.0}, {"t", 1099511627776.0}}};
    for (const auto& [name, factor] : kUnits) {
        if (unit == name && quantity->number * factor < kTooMuch) {
            return static_cast<std::uint64_t>(quantity->number * factor);
        }
    }
    return fail(Status::io_error,
                "'" + std::string(text) + "' is not a size; expected " + kExample);
}

Result<Nanos> parse_duration(std::string_view text) {
    constexpr const char* kExample = "10s, 500ms or 2m";
    auto quantity = split(text, kExample);
    if (!quantity) {
        return std::unexpected(quantity.error());
    }
    constexpr std::array<std::pair<std::string_view, double>, 7> kUnits = {
        {{"", 1e9}, {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};
    for (const auto& [name, factor] : kUnits) {
        const double nanos = quantity->number * factor;
        if (quantity->unit != name || nanos >= kTooLong) {
            continue;
        }
        if (nanos < 1) {
            return fail(Status::io_error, "'" + std::string(text) + "' is too short a time");
        }
        return static_cast<Nanos>(nanos);
    }
    return fail(Status::io_error,
                "'" + std::string(text) + "' is not a duration; expected " + kExample);
}

std::string size_text(std::uint64_t bytes) {
    constexpr std::array<std::pair<std::uint64_t, char>, 3> kUnits = {
        {{1ULL << 30, 'G'}, {1ULL << 20, 'M'}, {1ULL << 10, 'k'}}};
    for (const auto& [factor, name] : kUnits) {
        if (bytes >= factor && bytes % factor == 0) {
            return std::to_string(bytes / factor) + name;
        }
    }
    return std::to_string(bytes);
}

std::string duration_text(Nanos duration) {
    constexpr std::array<std::pair<Nanos, const char*>, 3> kUnits = {
        {{kSecond, "s"}, {kMillisecond, "ms"}, {kMicrosecond, "us"}}};
    for (const auto& [factor, name] : kUnits) {
        if (duration >= factor && duration % factor == 0) {
            return std::to_string(duration / factor) + name;
        }
    }
    return std::to_string(duration) + "ns";
}

Result<std::string> parse_name(const std::string& text) {
    if (text.empty()) {
        return fail(Status::io_error, "the value is empty");
    }
    return text;
}

Choices<std::string> choices_of(const std::vector<std::string>& names) {
    Choices<std::string> choices;
    choices.reserve(names.size());
    for (const std::string& name : names) {
        choices.emplace_back(name, name);
    }
    return choices;
}

bool same_name(std::string_view a, std::string_view b) {
    return std::ranges::equal(
        a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace sluice

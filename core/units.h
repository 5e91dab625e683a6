// Values as a person writes them: numbers, sizes and durations ("64"; "8k", "256MiB", "1.5G";
// "10s", "500ms", "2m"), one of a few names, or any name. An error says what would be valid.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace sluice {

// A whole number within bounds, in digits alone.
[[nodiscard]] Result<std::uint64_t> parse_number(std::string_view text, std::uint64_t low,
                                                 std::uint64_t high);
// The same as another type of integer, which holds `high`.
template <typename T>
[[nodiscard]] Result<T> parse_number_as(std::string_view text, std::uint64_t low,
                                        std::uint64_t high) {
    const auto number = parse_number(text, low, high);
    if (!number) {
        return std::unexpected(number.error());
    }
    return static_cast<T>(*number);
}
// More than zero, and finite: "1000", "0.5".
[[nodiscard]] Result<double> parse_rate(std::string_view text);
// Bytes. Units: none or b, k/kb/kib, m..., g... in any case; all of them powers of 1,024.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);
// Nanoseconds. Units: ns, us, ms, s, m, h; none means seconds. More than zero.
[[nodiscard]] Result<Nanos> parse_duration(std::string_view text);

[[nodiscard]] std::string size_text(std::uint64_t bytes);
[[nodiscard]] std::string duration_text(Nanos duration);

// A name of a file, a directory and the like: any text that is not empty.
[[nodiscard]] Result<std::string> parse_name(const std::string& text);

// The names of a few values.
template <typename T>
using Choices = std::vector<std::pair<std::string, T>>;

// Of values that are names themselves.
[[nodiscard]] Choices<std::string> choices_of(const std::vector<std::string>& names);

// "a, b, c".
template <typename T>
[[nodiscard]] std::string names_of(const Choices<T>& choices) {
    std::string names;
    for (const auto& [name, value] : choices) {
        names += (names.empty() ? "" : ", ") + name;
    }
    return names;
}
[[nodiscard]] bool same_name(std::string_view a, std::string_view b);  // ignoring case
template <typename T>
[[nodiscard]] Result<T> parse_choice(const std::string& text, const Choices<T>& choices) {
    for (const auto& [name, value] : choices) {
        if (same_name(text, name)) {
            return value;
        }
    }
    return fail(Status::io_error, "'" + text + "' is none of " + names_of(choices));
}
// Empty when the value has no name.
template <typename T>
[[nodiscard]] std::string choice_text(const T& value, const Choices<T>& choices) {
    for (const auto& [name, other] : choices) {
        if (other == value) {
            return name;
        }
    }
    return {};
}

}  // namespace sluice

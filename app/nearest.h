// The name that was probably meant by an unknown one. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

// How many letters have to be added, removed, replaced, or swapped with their neighbour.
[[nodiscard]] std::size_t edit_distance(std::string_view from, std::string_view to);

// The nearest of `names`, the first of equals; empty when none is near: a third of the letters may
// differ, and one letter in any name of three or more.
[[nodiscard]] std::string nearest(std::string_view wrong, std::span<const std::string> names);

}  // namespace sluice

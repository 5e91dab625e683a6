// Entries made by hand, for the tests of what is done with them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bench/compare/result.h"

namespace sluice::compare {

inline Entry entry_of(const std::string& name, const std::vector<double>& costs) {
    Entry made{.name = name};
    for (unsigned round = 0; round < costs.size(); ++round) {
        made.blocks.push_back({.round = round, .cost = costs[round]});
    }
    return made;
}

// The same cost six times.
inline Entry entry_of(const std::string& name, double cost) {
    return entry_of(name, std::vector<double>(6, cost));
}

inline Entry floor_of(const std::string& name, double cost, bool reference = true) {
    Entry made = entry_of(name, cost);
    made.floor = true;
    made.reference = reference;
    return made;
}

// Entries can be moved only, which a list in braces cannot.
template <typename... Entries>
std::vector<Entry> together(Entries... entries) {
    std::vector<Entry> all;
    (all.push_back(std::move(entries)), ...);
    return all;
}

}  // namespace sluice::compare

// The order in which the variants of a scenario are loaded. Pure.
//
// BLOCKS. Rounds come in pairs, an order and its mirror (A B B A), so that an even drift (a core
// that gets warmer, a neighbour that wakes up) affects all alike. Each pair of rounds begins with
// another variant, so that none always runs behind the same one.
//
// SLICES. A pair (baseline and candidate) is compared in sequences of four slices: A B B A gives
// two ratios of adjacent slices. The next sequence of the pair is B A A B, and the next restart
// begins with the other order. Several pairs alternate by sequence, and begin with another pair
// each time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "bench/load/statistics.h"

namespace sluice::compare {

[[nodiscard]] inline std::vector<std::size_t> order_of_round(unsigned round, std::size_t variants) {
    std::vector<std::size_t> order(variants);
    for (std::size_t i = 0; i < variants; ++i) {
        order[i] = (i + round / 2) % variants;
    }
    if (round % 2 == 1) {
        std::reverse(order.begin(), order.end());
    }
    return order;
}

struct Turn {
    std::size_t pair = 0;
    bool candidate = false;
};

// One sequence of each pair: 4 x `pairs` slices.
[[nodiscard]] inline std::vector<Turn> order_of_sequence(unsigned restart, unsigned sequence,
                                                         std::size_t pairs) {
    std::vector<Turn> order;
    const bool first = (restart + sequence) % 2 == 1;  // the candidate begins
    for (const std::size_t pair : order_of_round(sequence, pairs)) {
        for (const bool candidate : {first, !first, !first, first}) {
            order.push_back({pair, candidate});
        }
    }
    return order;
}

// The ratios of one restart, from the costs of its slices in the order of their turns.
class Ratios {
  public:
    explicit Ratios(std::size_t pairs) : pairs_(pairs) {}
    // A cost that is not positive is missing: the adjacent slice is not compared then.
    void add(const Turn& turn, double cost) {
        Pair& pair = pairs_[turn.pair];
        if (!pair.begun) {
            pair.before = cost;
            pair.begun = true;
            return;
        }
        pair.begun = false;
        if (pair.before > 0 && cost > 0) {
            pair.ratios.push_back(turn.candidate ? cost / pair.before : pair.before / cost);
        }
    }
    // Their median; 0 when there are none.
    [[nodiscard]] double of(std::size_t pair) const { return load::median(pairs_[pair].ratios); }
    [[nodiscard]] std::size_t count(std::size_t pair) const { return pairs_[pair].ratios.size(); }

  private:
    struct Pair {
        bool begun = false;
        double before = 0;
        std::vector<double> ratios;
    };
    std::vector<Pair> pairs_;
};

}  // namespace sluice::compare

// The order in which a round runs its contenders. Pure.
//
// Rounds come in pairs, an order and its mirror (A B B A), so that whatever drifts evenly (a core
// that gets warmer, a neighbour that wakes up) falls on all alike. Each pair begins with another
// contender, so that nobody always runs behind the same one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace sluice::compare {

[[nodiscard]] inline std::vector<std::size_t> order_of_round(unsigned round,
                                                             std::size_t contenders) {
    std::vector<std::size_t> order(contenders);
    for (std::size_t i = 0; i < contenders; ++i) {
        order[i] = (i + round / 2) % contenders;
    }
    if (round % 2 == 1) {
        std::reverse(order.begin(), order.end());
    }
    return order;
}

}  // namespace sluice::compare

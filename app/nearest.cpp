#include "app/nearest.h"

#include <algorithm>
#include <vector>

namespace sluice {

// Optimal string alignment: three rows of the table of distances between prefixes.
std::size_t edit_distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> before_last(to.size() + 1);
    std::vector<std::size_t> last(to.size() + 1);
    std::vector<std::size_t> row(to.size() + 1);
    for (std::size_t j = 0; j <= to.size(); ++j) {
        row[j] = j;
    }
    for (std::size_t i = 1; i <= from.size(); ++i) {
        before_last.swap(last);
        last.swap(row);
        row[0] = i;
        for (std::size_t j = 1; j <= to.size(); ++j) {
            const std::size_t replaced = last[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
            if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1]) {
                row[j] = std::min(row[j], before_last[j - 2] + 1);
            }
        }
    }
    return row[to.size()];
}

std::string nearest(std::string_view wrong, std::span<const std::string> names) {
    std::string best;
    std::size_t best_distance =
        wrong.size() < 3 ? 1 : std::max<std::size_t>(wrong.size() / 3, 1) + 1;
    for (const std::string& name : names) {
        if (const std::size_t distance = edit_distance(wrong, name); distance < best_distance) {
            best = name;
            best_distance = distance;
        }
    }
    return best;
}

}  // namespace sluice

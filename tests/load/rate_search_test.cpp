#include "bench/load/rate_search.h"

#include <gtest/gtest.h>

namespace sluice::load {

namespace {

struct Found {
    double held;
    double failed;
    int trials;
};

// Of a server that holds every rate up to `limit`.
Found search(double start, double limit, double precision) {
    RateSearch rates(start, precision);
    int trials = 0;
    while (const auto rate = rates.next()) {
        rates.tell(*rate <= limit);
        if (++trials > 100) {
            break;
        }
    }
    return {rates.held(), rates.failed(), trials};
}

}  // namespace

TEST(RateSearch, BracketsTheLimit) {
    for (const double start : {1.0, 100.0, 5000.0, 1e6}) {
        for (const double limit : {3.0, 777.0, 5000.0, 123'456.0}) {
            const Found found = search(start, limit, 0.05);
            EXPECT_LE(found.held, limit);
            EXPECT_GT(found.failed, limit);
            EXPECT_LE(found.failed, found.held * 1.05 * (1 + 1e-12));
            EXPECT_LT(found.trials, 30) << start << " to " << limit;
        }
    }
}

TEST(RateSearch, WhereNothingHoldsItEnds) {
    const Found found = search(1000, 0, 0.05);
    EXPECT_EQ(found.held, 0);
    EXPECT_LT(found.trials, 12);
}

}  // namespace sluice::load

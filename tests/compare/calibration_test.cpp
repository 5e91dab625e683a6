// Are the verdicts of slices calibrated? Whole comparisons are simulated: each slice has noise of
// its own over a drift that all share, each restart of a server a level of its own; the schedule
// and the statistics are the real ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "bench/compare/schedule.h"
#include "bench/load/statistics.h"

namespace sluice::compare {

namespace {

struct Model {
    double slice_noise = 0.03;
    double restart_noise = 0.005;  // the memory layout of a process
    double difference = 0;
    double disturbed = 0;  // this share of all slices costs up to three times as much
    unsigned restarts = 8;
    unsigned sequences = 25;  // 100 slices of 20 ms: a second for each of the two
};

class Simulation {
  public:
    explicit Simulation(std::uint64_t seed) : random_(seed) {}

    load::Comparison compare(const Model& model) {
        std::vector<double> ratios;
        double drift = 0;
        for (unsigned restart = 0; restart < model.restarts; ++restart) {
            const double level[2] = {normal(model.restart_noise), normal(model.restart_noise)};
            Ratios slices(1);
            for (unsigned sequence = 0; sequence < model.sequences; ++sequence) {
                for (const Turn& turn : order_of_sequence(restart, sequence, 1)) {
                    drift += 0.002 + normal(0.01);  // shared: a core that warms up, a neighbour
                    double cost = drift + level[turn.candidate ? 1 : 0] + normal(model.slice_noise);
                    cost += turn.candidate ? std::log1p(model.difference) : 0;
                    cost += uniform() < model.disturbed ? uniform() * std::log(3.0) : 0;
                    slices.add(turn, 9000 * std::exp(cost));
                }
            }
            ratios.push_back(slices.of(0));
        }
        return load::judge_ratios(ratios, load::Better::lower);
    }

  private:
    double normal(double sigma) { return sigma * standard_(random_); }
    double uniform() { return share_(random_); }
    std::mt19937_64 random_;
    std::normal_distribution<double> standard_;
    std::uniform_real_distribution<double> share_;
};

constexpr unsigned kTrials = 1000;

struct Rates {
    double covered = 0;  // the interval holds the truth
    double slower = 0;   // claimed
    double faster = 0;
    double width = 0;  // half of the interval, on average
};

Rates rates_of(const Model& model, std::uint64_t seed) {
    Simulation simulation(seed);
    Rates rates;
    for (unsigned trial = 0; trial < kTrials; ++trial) {
        const load::Comparison one = simulation.compare(model);
        const double truth = 1 + model.difference;
        rates.covered += one.low <= truth && truth <= one.high ? 1.0 / kTrials : 0;
        rates.slower += one.verdict == load::Verdict::slower ? 1.0 / kTrials : 0;
        rates.faster += one.verdict == load::Verdict::faster ? 1.0 / kTrials : 0;
        rates.width += std::log(one.high / one.low) / 2 / kTrials;
    }
    return rates;
}

}  // namespace

TEST(Schedule, SequencesAreBalanced) {
    const auto text = [](unsigned restart, unsigned sequence, std::size_t pairs) {
        std::string order;
        for (const Turn& turn : order_of_sequence(restart, sequence, pairs)) {
            order += static_cast<char>((turn.candidate ? 'A' : 'a') + turn.pair);
        }
        return order;
    };
    EXPECT_EQ(text(0, 0, 1), "aAAa");
    EXPECT_EQ(text(0, 1, 1), "AaaA");
    EXPECT_EQ(text(1, 0, 1), "AaaA");  // the next restart has its orders swapped
    EXPECT_EQ(text(0, 0, 3), "aAAabBBbcCCc");
    EXPECT_EQ(text(0, 1, 3), "CccCBbbBAaaA");
    EXPECT_EQ(text(0, 2, 3), "bBBbcCCcaAAa");
}

TEST(Schedule, ADriftAffectsBothOfAPair) {
    for (const std::size_t pairs : {1UL, 2UL, 5UL}) {
        Ratios ratios(pairs);
        double now = 0;
        for (unsigned sequence = 0; sequence < 4; ++sequence) {
            for (const Turn& turn : order_of_sequence(0, sequence, pairs)) {
                ratios.add(turn, std::exp(0.01 * now++) * (turn.candidate ? 1.5 : 1));
            }
        }
        for (std::size_t pair = 0; pair < pairs; ++pair) {
            EXPECT_EQ(ratios.count(pair), 8U);
            EXPECT_NEAR(ratios.of(pair), 1.5, 1e-3);
        }
    }
}

TEST(Schedule, ASliceWithoutAnAnswerIsNotCompared) {
    Ratios ratios(1);
    const double costs[] = {10, 0, 12, 10, 11, 10, 10, 12};
    std::size_t at = 0;
    for (unsigned sequence = 0; sequence < 2; ++sequence) {
        for (const Turn& turn : order_of_sequence(0, sequence, 1)) {
            ratios.add(turn, costs[at++]);
        }
    }
    EXPECT_EQ(ratios.count(0), 3U);
    EXPECT_DOUBLE_EQ(ratios.of(0), 1.2);  // of 1.2, 1.1 and 1.2
}

// Equal servers: the interval holds 1 in 95 of 100 comparisons (within what 1,000 trials can show).
// So at most one in twenty claims a difference, and as often either way.
TEST(Calibration, EqualServersAreToldApartInOneOfTwentyAtMost) {
    std::uint64_t seed = 1;
    for (const unsigned restarts : {6U, 8U, 12U}) {
        for (const double noise : {0.01, 0.03, 0.06}) {
            const Rates rates = rates_of({.slice_noise = noise, .restarts = restarts}, seed++);
            EXPECT_NEAR(rates.covered, 0.95, 0.02) << restarts << ", " << noise;
            EXPECT_LE(rates.slower + rates.faster, 0.065) << restarts << ", " << noise;
            EXPECT_NEAR(rates.slower, rates.faster, 0.03) << restarts << ", " << noise;
        }
    }
}

// Something else disturbs one slice in ten: the interval grows and stays honest.
TEST(Calibration, ADisturbedMachineClaimsNoMore) {
    const Rates rates = rates_of({.slice_noise = 0.03, .disturbed = 0.1}, 20);
    EXPECT_NEAR(rates.covered, 0.95, 0.02);
    EXPECT_LE(rates.slower + rates.faster, 0.065);
}

// What is found, and that the interval holds the true difference, at the defaults.
TEST(Calibration, TrueDifferencesAreFound) {
    struct Case {
        double difference;
        double noise;
        double found_min;
    };
    std::uint64_t seed = 30;
    for (const Case& one :
         {Case{0.02, 0.01, 0.99}, Case{0.02, 0.03, 0.95}, Case{0.02, 0.06, 0.60},
          Case{0.05, 0.01, 0.99}, Case{0.05, 0.03, 0.99}, Case{0.05, 0.06, 0.99},
          Case{0.10, 0.01, 0.99}, Case{0.10, 0.03, 0.99}, Case{0.10, 0.06, 0.99}}) {
        const Rates rates =
            rates_of({.slice_noise = one.noise, .difference = one.difference}, seed++);
        RecordProperty("d" + std::to_string(std::lround(one.difference * 100)) + "n" +
                           std::to_string(std::lround(one.noise * 100)),
                       std::to_string(rates.slower));
        EXPECT_GE(rates.slower, one.found_min) << one.difference << ", " << one.noise;
        EXPECT_EQ(rates.faster, 0) << one.difference << ", " << one.noise;
        EXPECT_NEAR(rates.covered, 0.95, 0.02) << one.difference << ", " << one.noise;
    }
}

}  // namespace sluice::compare

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string_view>

#include "bench/compare/result.h"
#include "bench/compare/schedule.h"
#include "tests/compare/entries.h"

namespace sluice::compare {

namespace {

using testing::ElementsAre;

const Row& row_of(const ScenarioResult& result, std::string_view label) {
    for (const Row& row : result.rows) {
        if (row.label == label) {
            return row;
        }
    }
    ADD_FAILURE() << "no row " << label;
    return result.rows.front();
}

const Scenario kPage{.name = "page", .title = "page"};

}  // namespace

TEST(Schedule, RoundsComeInMirroredPairs) {
    EXPECT_THAT(order_of_round(0, 2), ElementsAre(0, 1));
    EXPECT_THAT(order_of_round(1, 2), ElementsAre(1, 0));
    EXPECT_THAT(order_of_round(2, 3), ElementsAre(1, 2, 0));
    EXPECT_THAT(order_of_round(3, 3), ElementsAre(0, 2, 1));
    for (unsigned round = 0; round < 20; round += 2) {
        std::vector<std::size_t> mirrored = order_of_round(round + 1, 5);
        std::reverse(mirrored.begin(), mirrored.end());
        EXPECT_EQ(order_of_round(round, 5), mirrored);
    }
}

// An even drift over a pair of rounds affects every variant alike.
TEST(Schedule, AnEvenDriftCancels) {
    for (const std::size_t variants : {2UL, 3UL, 7UL}) {
        std::vector<double> sums(variants, 0);
        double now = 0;
        for (unsigned round = 0; round < 2; ++round) {
            for (const std::size_t at : order_of_round(round, variants)) {
                sums[at] += now++;
            }
        }
        for (const double sum : sums) {
            EXPECT_EQ(sum, sums[0]);
        }
    }
}

TEST(Analysis, TheCheapestFloorIsTheBaseline) {
    const auto entries = together(floor_of("floor_epoll", 11), floor_of("floor_sendfile", 10),
                                  floor_of("floor_uring", 5, false), entry_of("sluice epoll", 12));
    const ScenarioResult result = analyse(kPage, entries, {});
    EXPECT_EQ(result.baseline, "floor_sendfile");
    EXPECT_TRUE(row_of(result, "floor_sendfile").against.empty());
    const Row& ours = row_of(result, "sluice epoll");
    EXPECT_EQ(ours.against, "floor_sendfile");
    EXPECT_NEAR(ours.comparison.ratio, 1.2, 1e-12);
    EXPECT_EQ(ours.comparison.verdict, load::Verdict::slower);
    EXPECT_EQ(row_of(result, "floor_uring").comparison.verdict, load::Verdict::faster);
}

TEST(Analysis, TheBaselineCanBeNamedAndIsElseTheFirstServer) {
    auto entries = together(entry_of("sluice epoll", 2), entry_of("nginx", 4));
    EXPECT_EQ(analyse(kPage, entries, {}).baseline, "sluice epoll");
    EXPECT_EQ(analyse(kPage, entries, {.baseline = "nginx"}).baseline, "nginx");
    // When the baseline failed there is none: no other takes its place.
    entries[1].invalid = "9 errors";
    const ScenarioResult result = analyse(kPage, entries, {.baseline = "nginx"});
    EXPECT_EQ(result.baseline, "");
    EXPECT_TRUE(row_of(result, "sluice epoll").against.empty());
}

// The second is compared with the first, also when it is cheaper.
TEST(Analysis, OfTwoOfTheSameNameTheFirstIsTheBaseline) {
    const auto entries = together(floor_of("floor_epoll", 11), floor_of("floor_epoll", 10));
    const ScenarioResult result = analyse(kPage, entries, {.baseline = "floor_epoll"});
    EXPECT_TRUE(result.rows[0].against.empty());
    EXPECT_EQ(result.rows[1].comparison.verdict, load::Verdict::faster);
}

TEST(Analysis, AnInvalidServerHasNoFigures) {
    auto entries = together(entry_of("sluice epoll", 2), entry_of("nginx", 1));
    entries[1].invalid = "12 of 900 answers have status 500, not 200";
    const ScenarioResult result = analyse(kPage, entries, {});
    const Row& bad = row_of(result, "nginx");
    EXPECT_EQ(bad.invalid, entries[1].invalid);
    EXPECT_EQ(bad.cost, 0);
    EXPECT_TRUE(bad.against.empty());
    EXPECT_EQ(bad.comparison.verdict, load::Verdict::cannot_tell);
    Report report;
    report.scenarios.push_back(result);
    EXPECT_FALSE(valid(report));
    report.scenarios[0].rows.pop_back();
    EXPECT_TRUE(valid(report));
}

// A server that was cut short is compared over the rounds that both have, and over no others.
TEST(Analysis, PairsAreOfTheSameRound) {
    auto entries = together(entry_of("sluice epoll", {10, 20, 40, 80, 10, 20, 40}),
                            entry_of("nginx", {11, 22, 44, 88, 11, 22, 44}));
    auto& blocks = entries[1].blocks;
    blocks.erase(blocks.begin() + 2);
    std::reverse(blocks.begin(), blocks.end());
    const ScenarioResult result = analyse(kPage, entries, {});
    const Row& row = row_of(result, "nginx");
    EXPECT_EQ(row.comparison.pairs, 6U);
    for (const double ratio : row.ratios) {
        EXPECT_NEAR(ratio, 1.1, 1e-12);
    }
    EXPECT_EQ(row.comparison.verdict, load::Verdict::slower);
}

TEST(Analysis, WithBaseParametersEachServerIsItsOwnBaseline) {
    Scenario scenario{.name = "logged", .title = "log / none"};
    scenario.base = Parameters{};
    scenario.base_title = "no log";
    auto entries = together(entry_of("sluice epoll", 10), entry_of("sluice epoll", 11),
                            entry_of("nginx", 30), entry_of("nginx", 60));
    entries[0].base = entries[2].base = true;
    const ScenarioResult result = analyse(scenario, entries, {});
    EXPECT_TRUE(row_of(result, "sluice epoll (no log)").against.empty());
    EXPECT_NEAR(row_of(result, "sluice epoll").comparison.ratio, 1.1, 1e-12);
    EXPECT_EQ(row_of(result, "nginx").against, "nginx (no log)");
    EXPECT_NEAR(row_of(result, "nginx").comparison.ratio, 2, 1e-12);
}

// The generator was kept from running: the server's CPU time stands, rate and latency do not.
TEST(Analysis, AFlawedBlockKeepsItsCostOnly) {
    auto entries = together(entry_of("sluice epoll", {10, 30, 20}));
    auto& blocks = entries[0].blocks;
    blocks[0].rate = 100;
    blocks[1].rate = 1;
    blocks[1].flaw = "generator: 40 % waiting for a CPU";
    blocks[2].rate = 200;
    const ScenarioResult result = analyse(kPage, entries, {});
    EXPECT_EQ(result.rows[0].cost, 20);
    EXPECT_EQ(result.rows[0].rate, 150);
    EXPECT_EQ(result.rows[0].flawed, 1U);
}

TEST(Analysis, TheNoiseIsNotClaimed) {
    const auto entries = together(entry_of("a", 100), entry_of("b", 103));
    EXPECT_EQ(analyse(kPage, entries, {}).rows[1].comparison.verdict, load::Verdict::slower);
    EXPECT_EQ(analyse(kPage, entries, {.noise = 0.05}).rows[1].comparison.verdict,
              load::Verdict::cannot_tell);
}

// The ratios of adjacent slices count, not the cost of the restart as a whole.
TEST(Analysis, RatiosOfSlicesGoBeforeThoseOfCosts) {
    auto entries = together(floor_of("floor_epoll", 10), entry_of("sluice epoll", 20));
    for (Block& block : entries[1].blocks) {
        block.ratio = 1.05;
        block.pairs = 50;
        block.busy = 0.9;
    }
    entries[1].blocks[2].pairs = 0;  // no slice of it was answered
    const Row row = analyse(kPage, entries, {}).rows[1];
    EXPECT_THAT(row.ratios, ElementsAre(1.05, 1.05, 1.05, 1.05, 1.05));
    EXPECT_NEAR(row.comparison.ratio, 1.05, 1e-12);
    EXPECT_EQ(row.comparison.verdict, load::Verdict::cannot_tell);  // of five restarts
    EXPECT_EQ(row.busy, 0.9);
}

TEST(Analysis, TheResolutionIsHalfOfTheIntervals) {
    Report report;
    EXPECT_FALSE(resolution_of(report).quiet());
    const auto result_of = [](double spread) {
        auto entries = together(floor_of("floor_epoll", 10), entry_of("sluice epoll", 12));
        double sign = 1;
        for (Block& block : entries[1].blocks) {
            block.ratio = 1.2 * std::exp(spread * (sign = -sign));
            block.pairs = 50;
        }
        return analyse(kPage, entries, {});
    };
    report.scenarios = {result_of(0.01), result_of(0.012), result_of(0.05)};
    const Resolution resolution = resolution_of(report);
    EXPECT_EQ(resolution.comparisons, 3U);
    // Six values at +-s: the standard error is s / sqrt(5), and half the interval is 2.571 of it.
    EXPECT_NEAR(resolution.usual, 2.571 * 0.012 / std::sqrt(5.0), 2e-4);
    EXPECT_NEAR(resolution.worst, 2.571 * 0.05 / std::sqrt(5.0), 4e-3);
    EXPECT_EQ(resolution.worst_cell, "page, sluice epoll");
    EXPECT_TRUE(resolution.quiet());
    report.scenarios = {result_of(0.05)};
    EXPECT_FALSE(resolution_of(report).quiet());
}

// Five of a hundred are expected to claim a difference, and chance adds some.
TEST(SelfTest, FailsWhenMoreIsClaimedThanChanceMakes) {
    SelfTest test;
    test.trials.assign(100, {.ratio = 1, .verdict = load::Verdict::cannot_tell});
    EXPECT_TRUE(test.passed());
    for (std::size_t i = 0; i < 9; ++i) {
        test.trials[i].verdict = load::Verdict::faster;
    }
    EXPECT_EQ(test.cannot_tell(), 91U);
    EXPECT_TRUE(test.passed());
    test.trials[9].verdict = load::Verdict::faster;
    EXPECT_FALSE(test.passed());
    EXPECT_FALSE(SelfTest{}.passed());
    Report report;
    report.self_tests.push_back(test);
    EXPECT_FALSE(valid(report));
}

TEST(SelfTest, AKnownDifferenceMustBeFoundInNineOfTen) {
    SelfTest test{.scenario = "page", .server = "floor_epoll", .spin = 270};
    test.trials.assign(10, {.ratio = 1.03, .verdict = load::Verdict::slower});
    EXPECT_TRUE(test.passed());
    test.trials[0].verdict = load::Verdict::faster;  // found, but the wrong way round
    EXPECT_EQ(test.found(), 9U);
    EXPECT_TRUE(test.passed());
    test.trials[1].verdict = load::Verdict::cannot_tell;
    EXPECT_FALSE(test.passed());
}

TEST(SelfTest, TheNoiseFloorIsWhatMostTrialsStayBelow) {
    SelfTest test;
    for (unsigned i = 1; i <= 100; ++i) {
        const double off = 1 + i / 1000.0;  // up to 10 %, either way
        test.trials.push_back({.ratio = i % 2 == 0 ? off : 1 / off});
    }
    EXPECT_NEAR(test.noise_floor(), 0.095, 1e-9);
}

}  // namespace sluice::compare

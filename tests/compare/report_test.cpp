#include "bench/compare/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "bench/compare/against.h"
#include "tests/compare/entries.h"

namespace sluice::compare {

namespace {

using testing::HasSubstr;
using testing::Not;

Entry entry(const std::string& name, double cost, unsigned rounds = 8) {
    Entry made{.name = name};
    for (unsigned round = 0; round < rounds; ++round) {
        // A spread of one per cent, the same for all.
        const double spread = 1 + 0.01 * ((round * 3) % 4 - 1.5) / 1.5;
        made.blocks.push_back({.round = round,
                               .cost = cost * spread,
                               .rate = 1e9 / cost,
                               .answers = 1000,
                               .p50 = 100'000,
                               .p99 = 300'000,
                               .p999 = 900'000,
                               .memory = 5e6});
    }
    return made;
}

Report report(double ours = 10'500) {
    auto entries = together(entry("floor_epoll", 10'000), entry("sluice epoll", ours),
                            entry("<nginx>", 20'000));
    entries[0].floor = entries[0].reference = true;
    entries[2].invalid = "3 errors";
    Report made{.command = "sluice compare --only page",
                .version = "0.1.0",
                .date = "2026-11-23",
                .machine = {"Linux", "a CPU", 2},
                .generator = "sluice",
                .rounds = 8,
                .duration = kSecond,
                .programs = {{"nginx", "1.22.1"}},
                .left_out = {"caddy: not installed"}};
    made.scenarios.push_back(
        analyse(choose_scenarios({"page"})->front(), entries, {.noise = 0.02}));
    return made;
}

const nlohmann::json& server(const nlohmann::json& json, std::size_t number) {
    return json["scenarios"][0]["servers"][number];
}

}  // namespace

TEST(Text, SaysWhatIsMeasuredAndWhatIsNot) {
    const std::string text = text_report(report());
    EXPECT_THAT(text, HasSubstr("page: 509-byte page; baseline floor_epoll\n"));
    EXPECT_THAT(text, HasSubstr("server"));
    EXPECT_THAT(text, HasSubstr("  floor_epoll       10.0 us     100,000  100 us  300 us  900 us"));
    EXPECT_THAT(text, HasSubstr("1.05  1.05 to 1.05  slower\n"));
    EXPECT_THAT(text, HasSubstr("  <nginx>       INVALID: 3 errors\n"));
    EXPECT_THAT(text, HasSubstr("left out: caddy: not installed\n"));
}

TEST(Markdown, IsATableWithTargets) {
    const std::string text = markdown_report(report());
    EXPECT_THAT(text,
                HasSubstr("a CPU, 2 CPUs, Linux, 2026-11-23; sluice 0.1.0, nginx 1.22.1\n\n"));
    EXPECT_THAT(text, HasSubstr("| work | to reach | floor_epoll | sluice epoll | <nginx> |\n"
                                "| --- | --- | --- | --- | --- |\n"
                                "| 509-byte page | ≤ 1.05 / ≤ 1.12 | 1.00 (10.0 us) | "
                                "1.05 (10.5 us) | invalid: 3 errors |\n"));
    EXPECT_THAT(markdown_report(report(12'000)), HasSubstr("| 1.20 (12.0 us) ✗ |"));
    EXPECT_THAT(markdown_report(report(10'050)), HasSubstr("| ≈ 1.00 (10.1 us) |"));
}

TEST(Json, HoldsEveryFigure) {
    const auto json = nlohmann::json::parse(json_report(report()));
    EXPECT_EQ(json["schema"], "sluice-compare/1");
    EXPECT_EQ(json["valid"], false);
    EXPECT_EQ(json["scenarios"][0]["figure"], "cpu_ns_per_request");
    EXPECT_EQ(server(json, 0)["against"], "");
    EXPECT_FALSE(server(json, 0).contains("comparison"));
    const auto& ours = server(json, 1);
    EXPECT_EQ(ours["server"], "sluice epoll");
    EXPECT_EQ(ours["comparison"]["verdict"], "slower");
    EXPECT_NEAR(ours["comparison"]["ratio"], 1.05, 1e-9);
    EXPECT_EQ(ours["costs"].size(), 8U);
    EXPECT_EQ(ours["blocks"][7]["round"], 7);
    EXPECT_EQ(ours["blocks"][0]["p99.9_ns"], 900'000);
    // What is invalid has a reason and no figure that could be read by mistake.
    EXPECT_EQ(server(json, 2)["invalid"], "3 errors");
    EXPECT_FALSE(server(json, 2).contains("cost"));
}

TEST(Html, NeedsNothingElseAndEscapesNames) {
    const std::string html = html_report(report());
    EXPECT_THAT(html, Not(HasSubstr("<nginx>")));
    EXPECT_THAT(html, HasSubstr("&lt;nginx&gt;"));
    EXPECT_THAT(html, Not(HasSubstr("http://")));
    EXPECT_THAT(html, Not(HasSubstr("<script")));
    EXPECT_THAT(html, HasSubstr("aria-label=\"Ratios of 509-byte page\""));
    EXPECT_THAT(html, HasSubstr("aria-label=\"Response times of 509-byte page\""));
    EXPECT_THAT(html, HasSubstr("<td class=\"slower\">slower</td>"));
    EXPECT_THAT(html, HasSubstr("invalid: 3 errors"));
}

TEST(Against, TheSameAgainIsNoRegression) {
    const auto changes = against(json_report(report()), report(), 0.02, 1);
    ASSERT_TRUE(changes.has_value());
    ASSERT_EQ(changes->all.size(), 1U);  // neither the floor nor what is invalid
    EXPECT_EQ(changes->all[0].figure, "ratio to floor_epoll");
    EXPECT_NEAR(changes->all[0].comparison.ratio, 1, 1e-9);
    EXPECT_FALSE(changes->regressed());
    EXPECT_THAT(changes->absent, testing::ElementsAre("page, <nginx>"));
    EXPECT_THAT(text_changes(*changes), HasSubstr("no regression\n"));
}

TEST(Against, APlantedRegressionIsFound) {
    const std::string earlier = json_report(report());
    const auto slower = against(earlier, report(10'500 * 1.2), 0.05, 1);
    ASSERT_TRUE(slower.has_value());
    EXPECT_TRUE(slower->regressed());
    EXPECT_NEAR(slower->all[0].comparison.ratio, 1.2, 1e-6);
    EXPECT_THAT(text_changes(*slower), HasSubstr("\nREGRESSION\n"));
    // Within the noise it is none, and faster is none either.
    EXPECT_FALSE(against(earlier, report(10'500 * 1.04), 0.05, 1)->regressed());
    const auto faster = against(earlier, report(10'500 / 1.2), 0.05, 1);
    EXPECT_FALSE(faster->regressed());
    EXPECT_EQ(faster->all[0].comparison.verdict, load::Verdict::faster);
}

// A machine that is half as fast today has a slower floor as well.
TEST(Against, RatiosAreComparedAndNotMicroseconds) {
    Report today = report();
    auto entries = together(entry("floor_epoll", 20'000), entry("sluice epoll", 21'000));
    entries[0].floor = entries[0].reference = true;
    today.scenarios = {analyse(choose_scenarios({"page"})->front(), entries, {})};
    EXPECT_FALSE(against(json_report(report()), today, 0.05, 1)->regressed());
    // Without the floor in both there is only the cost.
    entries.erase(entries.begin());
    today.scenarios = {analyse(choose_scenarios({"page"})->front(), entries, {})};
    const auto changes = against(json_report(report()), today, 0.05, 1);
    EXPECT_EQ(changes->all[0].figure, "cost");
    EXPECT_TRUE(changes->regressed());
}

TEST(Against, EqualRunsAreNotToldApart) {
    std::mt19937_64 random(3);
    std::normal_distribution<double> noise(0, 0.05);
    unsigned claimed = 0;
    for (unsigned trial = 0; trial < 200; ++trial) {
        std::vector<double> runs[2];
        for (auto& run : runs) {
            for (unsigned i = 0; i < 8; ++i) {
                run.push_back(1.1 * std::exp(noise(random)));
            }
        }
        claimed +=
            compare_unpaired(runs[0], runs[1], 0.02, trial).verdict == load::Verdict::cannot_tell
                ? 0U
                : 1U;
    }
    EXPECT_LE(claimed, 10U);
    // Few blocks claim nothing, whatever they say.
    const std::vector<double> few(5, 1);
    EXPECT_EQ(compare_unpaired(few, std::vector<double>(5, 9), 0, 1).verdict,
              load::Verdict::cannot_tell);
}

TEST(Against, WhatIsNoResultIsRefused) {
    EXPECT_FALSE(against("", report(), 0, 1).has_value());
    EXPECT_FALSE(against("{\"schema\":\"sluice-bench/1\"}", report(), 0, 1).has_value());
    EXPECT_FALSE(against("[1,2", report(), 0, 1).has_value());
    Report wrk = report();
    wrk.generator = "wrk";
    EXPECT_FALSE(against(json_report(wrk), report(), 0, 1).has_value());
    // Well-formed nonsense has nothing to compare with.
    const auto odd = against(R"({"schema":"sluice-compare/1","generator":"sluice",
        "scenarios":[1,{"name":"page","servers":[null,{"server":"sluice epoll","costs":["x"]}]}]})",
                             report(), 0, 1);
    ASSERT_TRUE(odd.has_value());
    EXPECT_FALSE(odd->regressed());
}

}  // namespace sluice::compare

#include "bench/compare/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

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
    // The verdict is what comes first.
    EXPECT_THAT(text, HasSubstr("  server        verdict   ratio        interval  CPU/request"));
    EXPECT_THAT(text, HasSubstr("  sluice epoll  slower    1.050  1.050 to 1.050      10.5 us"));
    EXPECT_THAT(text, HasSubstr("  <nginx>       INVALID: 3 errors\n"));
    EXPECT_THAT(text, HasSubstr("left out: caddy: not installed\n"));
}

TEST(Text, TheHeadlineSaysWhetherTheMachineWasQuiet) {
    Report made = report();
    EXPECT_THAT(headline(made),
                testing::StartsWith("the machine was quiet enough: differences of"));
    EXPECT_THAT(text_report(made), testing::StartsWith(headline(made)));
    Row& ours = made.scenarios[0].rows[1];
    ours.comparison.low = 0.9;
    ours.comparison.high = 1.2;
    EXPECT_THAT(headline(made), testing::StartsWith("the machine was NOT quiet enough to tell 2 %: "
                                                    "differences of 15 % can be told"));
    EXPECT_THAT(html_report(made), HasSubstr("<div class=\"verdict no\">"));
    ours.comparison.pairs = 3;
    made.rounds = 3;
    EXPECT_EQ(headline(made), "nothing is claimed of fewer than 6 restarts");
}

// A flaw of many servers and scenarios is one line.
TEST(Text, WhatIsRepeatedIsSaidOnce) {
    Report made = report();
    for (Row& row : made.scenarios[0].rows) {
        row.blocks[0].flaw = row.blocks[3].flaw = "generator: 31 % waiting for a CPU";
        row.busy = row.floor ? 0.99 : 0.7;
        row.idle_busy = 0.002;
    }
    made.scenarios.push_back(made.scenarios[0]);
    made.scenarios[1].scenario.name = "logo";
    made.scenarios[1].rows[1].idle_busy = 0.05;
    EXPECT_THAT(
        remarks(made),
        testing::ElementsAre(
            "12 of 48 restarts say nothing of rate and latency, in page, logo (generator: "
            "31 % waiting for a CPU)",
            "busy to different degrees than what they are compared with, so that part of "
            "the ratio is waking up: page, sluice epoll: 70 % and 99 %; logo, sluice epoll: "
            "70 % and 99 %",
            "not idle while others had their turn: logo, sluice epoll: 5.0 %"));
    for (const std::string& one : remarks(made)) {
        EXPECT_THAT(text_report(made), HasSubstr(one + "\n"));
        EXPECT_THAT(html_report(made), HasSubstr(one + "</p>"));
    }
}

TEST(Markdown, IsATableWithTargets) {
    const std::string text = markdown_report(report());
    EXPECT_THAT(text,
                HasSubstr("a CPU, 2 CPUs, Linux, 2026-11-23; sluice 0.1.0, nginx 1.22.1\n\n"));
    EXPECT_THAT(text, HasSubstr("| work | to reach | floor_epoll | sluice epoll | <nginx> |\n"
                                "| --- | --- | --- | --- | --- |\n"
                                "| 509-byte page | ≤ 1.05 / ≤ 1.12 | 1.000 (10.0 us) | "
                                "1.050 (10.5 us) | invalid: 3 errors |\n"));
    EXPECT_THAT(markdown_report(report(12'000)), HasSubstr("| 1.200 (12.0 us) ✗ |"));
    EXPECT_THAT(markdown_report(report(10'000)), HasSubstr("| ≈ 1.000 (10.0 us) |"));
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

TEST(Json, ABlockWithoutAnAnswerShowsNoFigures) {
    Report made = report();
    Row& ours = made.scenarios[0].rows[1];
    ours.blocks[2].answers = 0;
    ours.blocks[3].pairs = 50;
    ours.blocks[3].ratio = 1.04;
    ours.instructions = 3900;
    const auto json = nlohmann::json::parse(json_report(made));
    const auto& blocks = server(json, 1)["blocks"];
    EXPECT_FALSE(blocks[2].contains("p50_ns"));
    EXPECT_FALSE(blocks[2].contains("requests_per_second"));
    EXPECT_EQ(blocks[3]["ratio"], 1.04);
    EXPECT_EQ(blocks[3]["p50_ns"], 100'000);
    EXPECT_EQ(server(json, 1)["instructions_per_request"], 3900);
    EXPECT_EQ(json["resolution"]["quiet"], true);
    EXPECT_THAT(text_report(made), HasSubstr("instructions"));
}

TEST(Html, NeedsNothingElseAndEscapesNames) {
    const std::string html = html_report(report());
    EXPECT_THAT(html, Not(HasSubstr("<nginx>")));
    EXPECT_THAT(html, HasSubstr("&lt;nginx&gt;"));
    EXPECT_THAT(html, Not(HasSubstr("http://")));
    EXPECT_THAT(html, Not(HasSubstr("<script")));
    EXPECT_THAT(html, HasSubstr("aria-label=\"Ratios of 509-byte page\""));
    EXPECT_THAT(html, HasSubstr("aria-label=\"Response times of 509-byte page\""));
    EXPECT_THAT(html, HasSubstr("<td class=\"words\"><span class=\"bad\">slower</span></td>"));
    EXPECT_THAT(html, HasSubstr("invalid: 3 errors"));
    // A ratio of 1 has a line of its own; an interval is one box, restarts are dots.
    EXPECT_THAT(html, HasSubstr("class=\"one\"/>"));
    const std::string ratios = html.substr(html.find("Ratios of"));
    const std::string plot = ratios.substr(0, ratios.find("</svg>"));
    EXPECT_EQ(plot.find("class=\"box\""), plot.rfind("class=\"box\""));
    EXPECT_THAT(plot, Not(HasSubstr("thin")));
    EXPECT_THAT(plot, HasSubstr("<circle"));
}

TEST(Against, TheSameAgainIsNoRegression) {
    const auto changes = against(json_report(report()), report(), 0.02);
    ASSERT_TRUE(changes.has_value());
    ASSERT_EQ(changes->all.size(), 1U);  // neither the floor nor what is invalid
    EXPECT_EQ(changes->all[0].figure, "ratio to floor_epoll");
    EXPECT_NEAR(changes->all[0].comparison.ratio, 1, 1e-9);
    EXPECT_FALSE(changes->regressed());
    EXPECT_THAT(changes->absent, testing::ElementsAre("page, <nginx>"));
    EXPECT_THAT(text_changes(*changes), HasSubstr("no regression\n"));
}

TEST(Against, AKnownRegressionIsFound) {
    const std::string earlier = json_report(report());
    const auto slower = against(earlier, report(10'500 * 1.2), 0.05);
    ASSERT_TRUE(slower.has_value());
    EXPECT_TRUE(slower->regressed());
    EXPECT_NEAR(slower->all[0].comparison.ratio, 1.2, 1e-6);
    EXPECT_THAT(text_changes(*slower), HasSubstr("\nREGRESSION\n"));
    // Within the noise it is none, and faster is none either.
    EXPECT_FALSE(against(earlier, report(10'500 * 1.04), 0.05)->regressed());
    const auto faster = against(earlier, report(10'500 / 1.2), 0.05);
    EXPECT_FALSE(faster->regressed());
    EXPECT_EQ(faster->all[0].comparison.verdict, load::Verdict::faster);
}

// A machine that is half as fast today has a slower floor as well.
TEST(Against, RatiosAreComparedAndNotMicroseconds) {
    Report today = report();
    auto entries = together(entry("floor_epoll", 20'000), entry("sluice epoll", 21'000));
    entries[0].floor = entries[0].reference = true;
    today.scenarios = {analyse(choose_scenarios({"page"})->front(), entries, {})};
    EXPECT_FALSE(against(json_report(report()), today, 0.05)->regressed());
    // Without the floor in both there is only the cost.
    entries.erase(entries.begin());
    today.scenarios = {analyse(choose_scenarios({"page"})->front(), entries, {})};
    const auto changes = against(json_report(report()), today, 0.05);
    EXPECT_EQ(changes->all[0].figure, "cost");
    EXPECT_TRUE(changes->regressed());
}

TEST(Against, WhatIsNoResultIsRefused) {
    EXPECT_FALSE(against("", report(), 0).has_value());
    EXPECT_FALSE(against("{\"schema\":\"sluice-bench/1\"}", report(), 0).has_value());
    EXPECT_FALSE(against("[1,2", report(), 0).has_value());
    Report wrk = report();
    wrk.generator = "wrk";
    EXPECT_FALSE(against(json_report(wrk), report(), 0).has_value());
    // Well-formed nonsense has nothing to compare with.
    const auto odd = against(R"({"schema":"sluice-compare/1","generator":"sluice",
        "scenarios":[1,{"name":"page","servers":[null,{"server":"sluice epoll","costs":["x"]}]}]})",
                             report(), 0);
    ASSERT_TRUE(odd.has_value());
    EXPECT_FALSE(odd->regressed());
}

}  // namespace sluice::compare

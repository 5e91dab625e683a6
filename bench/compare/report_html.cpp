#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/compare/report.h"
#include "bench/load/format.h"
#include "bench/load/svg.h"

namespace sluice::compare {

namespace {

using load::html_escape;

constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--ink:#1d2733;--soft:#5c6b7a;--line:#dde3ea;--page:#fff;--panel:#f5f7fa;
--c1:#0b63ce;--c2:#d9480f;--good:#2b8a3e;--bad:#c92a2a}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf0;--soft:#9aa8b5;--line:#33404d;--page:#141a20;
--panel:#1c242c;--c1:#6cb2ff;--c2:#ff9466;--good:#69db7c;--bad:#ff8787}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);margin:0 auto;
max-width:1180px;padding:24px 20px}
h1{font-size:22px;margin:0 0 4px}h2{font-size:17px;margin:34px 0 4px}h3{font-size:14px;margin:14px 0 4px}
p{margin:6px 0}.soft{color:var(--soft);overflow-wrap:anywhere}.scroll{overflow-x:auto}
.headline{font-size:17px;border-left:5px solid var(--good);padding:6px 12px;background:var(--panel)}
.headline.loud{border-color:var(--bad)}
table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums;width:100%}
th,td{text-align:right;padding:4px 6px;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child,.words{text-align:left}
th:first-child,td:first-child{position:sticky;left:0;background:var(--page)}
.faster{color:var(--good);font-weight:600}.slower{color:var(--bad)}.unsure{color:var(--soft)}
.invalid{color:var(--bad);font-weight:600;white-space:normal;text-align:left}
.base{color:var(--soft)}
svg{width:100%;min-width:620px;height:auto;background:var(--panel)}
svg text{font:12px system-ui,sans-serif;fill:var(--soft)}svg text.axis{fill:var(--ink)}
.grid{stroke:var(--line);stroke-width:1}.line{fill:none;stroke-width:2}.thin{stroke-width:1.5}
.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.box{fill:var(--c1);opacity:.45}
.one{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:4 3}.dot{fill:var(--c1)}
@media print{body{max-width:none;padding:0}.scroll{overflow:visible}svg{min-width:0}
table{font-size:10px}h2{break-after:avoid}svg,tr{break-inside:avoid}}
)";

const char* class_of(const Row& row) {
    if (row.against.empty()) {
        return "base";
    }
    switch (row.comparison.verdict) {
        case load::Verdict::faster: return "faster";
        case load::Verdict::slower: return "slower";
        case load::Verdict::cannot_tell: return "unsure";
    }
    return "";
}

std::string scrolled(const std::string& content) {
    return "<div class=\"scroll\">" + content + "</div>\n";
}

bool compared(const Row& row) {
    return row.invalid.empty() && !row.against.empty() && row.comparison.pairs > 0;
}

// The ratio of each restart (dots), their mean (mark) and its interval (box).
std::string ratio_plot(const ScenarioResult& result) {
    std::vector<load::Range> ranges;
    double low = 1;
    double high = 1;
    for (const Row& row : result.rows) {
        if (!compared(row)) {
            continue;
        }
        const auto [least, most] = std::minmax_element(row.ratios.begin(), row.ratios.end());
        const load::Comparison& one = row.comparison;
        ranges.push_back({row.name, one.low, one.low, one.ratio, one.high, one.high, row.ratios});
        low = std::min({low, *least, one.low});
        high = std::max({high, *most, one.high});
    }
    if (ranges.empty() || low <= 0) {
        return "";
    }
    load::Axis axis;
    axis.log = true;
    axis.low = low / 1.03;
    axis.high = high * 1.03;
    axis.title = "ratio of cost: dots are restarts, the box is the 95 % interval (left is cheaper)";
    axis.marked = 1;
    double before = 0;
    for (const double tick :
         {0.02, 0.05, 0.1,  0.2, 0.3,  0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99, 1.0,  1.01,
          1.02, 1.03, 1.05, 1.1, 1.15, 1.2, 1.3, 1.5, 2.0,  3.0, 5.0,  10.0, 20.0, 50.0, 100.0}) {
        // No two numbers on top of each other; the 1 always has its own.
        const double room = std::pow(axis.high / axis.low, 0.045);
        const bool crowded = before > 0 && tick / before < room;
        if (tick < axis.low || tick > axis.high || (crowded && tick != 1.0) ||
            (tick < 1.0 && 1.0 / tick < room)) {
            continue;
        }
        axis.ticks.emplace_back(tick, fmt::format("{:g}", tick));
        before = tick;
    }
    return "<h3>Cost, relative to " +
           html_escape(result.baseline.empty() ? result.scenario.base_title : result.baseline) +
           "</h3>\n" +
           scrolled(load::svg_ranges("Ratios of " + result.scenario.title, axis, ranges));
}

// From p50 to p99.9, with a mark at p99.
std::string latency_plot(const ScenarioResult& result) {
    std::vector<load::Range> ranges;
    double low = 1e18;
    double high = 1;
    for (const Row& row : result.rows) {
        if (!row.invalid.empty() || row.p50 <= 0 || row.flawed == row.blocks.size()) {
            continue;
        }
        const auto p50 = static_cast<double>(row.p50);
        const auto p99 = static_cast<double>(row.p99);
        const auto p999 = static_cast<double>(row.p999);
        ranges.push_back({row.base ? row.label : row.name, p50, p50, p99, p99, p999});
        low = std::min(low, p50);
        high = std::max(high, p999);
    }
    return ranges.empty()
               ? ""
               : "<h3>Response time: p50 to p99 (box) and to p99.9 (line)</h3>\n" +
                     scrolled(load::svg_ranges(
                         "Response times of " + result.scenario.title,
                         load::duration_axis(low, high, true, "time (logarithmic)"), ranges));
}

std::string row_html(const ScenarioResult& result, const Row& row) {
    if (!row.invalid.empty()) {
        return "<tr><td>" + html_escape(row.label) +
               "</td><td class=\"invalid\" colspan=\"13\">invalid: " + html_escape(row.invalid) +
               "</td></tr>\n";
    }
    std::string text = "<tr>";
    const std::vector<std::string> cells = cells_of(result, row);
    for (std::size_t i = 0; i < cells.size(); ++i) {
        text += i == 1 ? fmt::format("<td class=\"words {}\">", class_of(row)) : "<td>";
        text += html_escape(cells[i]) + "</td>";
    }
    return text + "</tr>\n";
}

std::string scenario_html(const ScenarioResult& result) {
    const Scenario& scenario = result.scenario;
    std::string text =
        fmt::format("<h2 id=\"{0}\">{0}: {1}</h2>\n<div class=\"scroll\"><table><tr>",
                    html_escape(scenario.name), html_escape(scenario.title));
    const std::vector<std::string> names = heading(result);
    for (std::size_t i = 0; i < names.size(); ++i) {
        text += (i == 1 ? "<th class=\"words\">" : "<th>") + html_escape(names[i]) + "</th>";
    }
    text += "</tr>\n";
    for (const Row& row : result.rows) {
        text += row_html(result, row);
    }
    text += "</table></div>\n" + ratio_plot(result);
    return text + (scenario.kind == Kind::load ? latency_plot(result) : "");
}

std::string headline_html(const Report& report) {
    const std::string line = headline(report);
    return line.empty()
               ? ""
               : fmt::format("<p class=\"headline{}\">{}</p>\n",
                             resolution_of(report).quiet() ? "" : " loud", html_escape(line));
}

// The whole at a glance: a line for each scenario, a column for each server.
std::string overview_html(const Report& report) {
    const std::vector<std::string> names = columns(report);
    std::string text = "<div class=\"scroll\"><table><tr><th></th>";
    for (const std::string& name : names) {
        text += "<th>" + html_escape(name) + "</th>";
    }
    text += "</tr>\n";
    for (const ScenarioResult& result : report.scenarios) {
        text +=
            fmt::format("<tr><td><a href=\"#{0}\">{0}</a></td>", html_escape(result.scenario.name));
        for (const std::string& name : names) {
            const auto row =
                std::find_if(result.rows.begin(), result.rows.end(),
                             [&](const Row& one) { return !one.base && one.name == name; });
            if (row == result.rows.end()) {
                text += "<td></td>";
            } else if (!row->invalid.empty()) {
                text += "<td class=\"invalid\">invalid</td>";
            } else {
                text += fmt::format("<td class=\"{}\" title=\"{}\">{}</td>", class_of(*row),
                                    verdict_of(*row),
                                    ratio_human(row->against.empty() ? 1 : row->comparison.ratio));
            }
        }
        text += "</tr>\n";
    }
    return text +
           "</table></div>\n<p class=\"soft\">Cost relative to the baseline; <span "
           "class=\"faster\">faster</span>, <span class=\"slower\">slower</span>, <span "
           "class=\"unsure\">cannot tell</span>.</p>\n";
}

std::string self_test_html(const SelfTest& test) {
    if (!test.invalid.empty()) {
        return "<p class=\"invalid\">A/A: " + html_escape(test.invalid) + "</p>\n";
    }
    const std::string what =
        test.spin > 0 ? fmt::format("{} of {} trials find {} ns of work more for each answer",
                                    test.found(), test.trials.size(), test.spin)
                      : fmt::format("{} of {} trials say cannot tell; the noise floor is {}",
                                    test.cannot_tell(), test.trials.size(),
                                    load::percent_human(test.noise_floor()));
    return fmt::format("<h2>A/A: {} against itself, {}</h2>\n<p class=\"{}\">{}.</p>\n",
                       html_escape(test.server), html_escape(test.scenario),
                       test.passed() ? "faster" : "invalid", what);
}

}  // namespace

std::string html_report(const Report& report) {
    std::string versions;
    for (const Version& one : report.programs) {
        versions += "; " + one.name + " " + one.version;
    }
    std::string text = fmt::format(
                           "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                           "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                           "<title>sluice compare</title><style>{}</style></head><body>\n"
                           "<h1>sluice compare</h1>\n",
                           kStyle) +
                       headline_html(report);
    if (!report.scenarios.empty()) {
        text += overview_html(report);
    }
    text += fmt::format(
        "<p class=\"soft\">{}<br>{}; {}; {} CPUs; {}; sluice {}{}<br>{} restarts, in each {} of "
        "every "
        "server; generator: {}; priority: {}{}</p>\n",
        html_escape(report.command), html_escape(report.machine.kernel),
        html_escape(report.machine.cpu), report.machine.cpus, html_escape(report.date),
        html_escape(report.version), html_escape(versions), report.rounds,
        latency_human(report.duration), html_escape(report.generator), report.priority,
        report.noise > 0
            ? "; differences up to " + load::percent_human(report.noise) + " are not claimed"
            : "");
    for (const std::string& one : remarks(report)) {
        text += "<p class=\"soft\">" + html_escape(one) + "</p>\n";
    }
    for (const ScenarioResult& result : report.scenarios) {
        text += scenario_html(result);
    }
    for (const SelfTest& test : report.self_tests) {
        text += self_test_html(test);
    }
    for (const std::string& one : report.left_out) {
        text += "<p class=\"soft\">Left out: " + html_escape(one) + "</p>\n";
    }
    return text + "</body></html>\n";
}

}  // namespace sluice::compare

#include <fmt/format.h>

#include <algorithm>

#include "bench/load/format.h"
#include "bench/load/hdr_format.h"
#include "bench/load/report.h"
#include "bench/load/svg.h"

namespace sluice::load {

namespace {

constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--ink:#1d2733;--soft:#5c6b7a;--line:#dde3ea;--page:#fff;--panel:#f5f7fa;
--c1:#0b63ce;--c2:#d9480f;--c3:#2b8a3e;--c4:#862e9c;--good:#2b8a3e;--bad:#c92a2a;--note:#b35c00}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf0;--soft:#9aa8b5;--line:#33404d;--page:#141a20;
--panel:#1c242c;--c1:#6cb2ff;--c2:#ff9466;--c3:#69db7c;--c4:#da9dff;--good:#69db7c;--bad:#ff8787;
--note:#ffb454}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);margin:0 auto;
max-width:1000px;padding:24px 20px}
h1{font-size:22px;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:17px;margin:30px 0 8px}
p{margin:6px 0}.soft{color:var(--soft)}
.verdict{border-left:5px solid var(--good);background:var(--panel);padding:10px 16px;margin:18px 0}
.verdict.bad{border-color:var(--bad)}.verdict b{font-size:17px}
.verdict dl{display:grid;grid-template-columns:auto auto 1fr;gap:2px 14px;margin:8px 0 0;font-size:14px}
.verdict dt,.verdict dd{margin:0}.ok{color:var(--good)}.note{color:var(--note)}
.invalid{color:var(--bad);font-weight:600}
.figures{display:flex;flex-wrap:wrap;gap:14px;margin:18px 0}
.figures div{background:var(--panel);padding:10px 16px;min-width:120px}
.figures b{display:block;font-size:22px}.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums;width:100%}
th,td{text-align:right;padding:4px 8px;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child,td:last-child,th:last-child{text-align:left}
td:last-child{color:var(--soft);white-space:normal;min-width:150px}
svg{width:100%;height:auto;background:var(--panel)}
svg text{font:12px system-ui,sans-serif;fill:var(--soft)}svg text.axis{fill:var(--ink)}
.grid{stroke:var(--line);stroke-width:1}.line{fill:none;stroke-width:2}.thin{stroke-width:1.5}
.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{stroke:var(--c3)}.c4{stroke:var(--c4)}
.box{fill:var(--c1);opacity:.45}
)";

std::string verdict_html(const Validity& validity) {
    std::string text =
        fmt::format("<div class=\"verdict{}\"><b>{}</b><dl>\n", validity.valid() ? "" : " bad",
                    validity.valid() ? "Valid: nothing speaks against these numbers"
                                     : "Invalid: do not rely on these numbers");
    for (const Finding& finding : validity.findings) {
        const char* kind = finding.level == Level::ok     ? "ok"
                           : finding.level == Level::note ? "note"
                                                          : "invalid";
        text += fmt::format("<dt class=\"{0}\">{0}</dt><dd>{1}</dd><dd>{2}</dd>\n", kind,
                            html_escape(finding.name), html_escape(finding.text));
    }
    return text + "</dl></div>\n";
}

std::string figures_html(const Outcome& outcome) {
    const Tally& total = outcome.total;
    const double window = static_cast<double>(outcome.window) / 1e9;
    const auto rate =
        window > 0 ? static_cast<double>(total.answers() - total.answers_after_end) / window : 0;
    const auto figure = [](const std::string& value, const char* name) {
        return fmt::format("<div><b>{}</b>{}</div>", value, name);
    };
    return "<div class=\"figures\">" + figure(rate_human(rate), "requests per second") +
           figure(duration_human(known_quantile(total.response, 0.5)), "response time, p50") +
           figure(duration_human(known_quantile(total.response, 0.99)), "response time, p99") +
           figure(duration_human(total.response.max()), "response time, highest") +
           figure(count_human(total.requests_failed()), "requests failed") + "</div>\n";
}

Line percentile_line(const char* name, int color, const Histogram& values) {
    Line line{name, color, false, {}};
    for (const PercentilePoint& point : percentile_points(values)) {
        // The last point is that of the highest value: where the one before it would go on.
        const double beyond = point.percentile < 1
                                  ? 1 / (1 - point.percentile)
                                  : static_cast<double>(std::max<std::uint64_t>(1, values.count()));
        line.points.emplace_back(beyond, std::max(1.0, point.value));
    }
    return line;
}

std::string percentile_plot(const Plan& plan, const Tally& total) {
    const Histogram service = total.service_all();
    Axis x;
    x.log = true;
    x.low = 1;
    x.high = static_cast<double>(std::max<std::uint64_t>(10, total.answers()));
    x.title = "share of the requests that were at least as fast";
    const std::pair<double, const char*> names[] = {
        {1, "0 %"},      {2, "50 %"},      {10, "90 %"},      {100, "99 %"},
        {1e3, "99.9 %"}, {1e4, "99.99 %"}, {1e5, "99.999 %"}, {1e6, "99.9999 %"}};
    for (const auto& [value, name] : names) {
        if (value <= x.high) {
            x.ticks.emplace_back(value, name);
        }
    }
    const auto low = static_cast<double>(std::min(service.min(), total.response.min()));
    const auto high = static_cast<double>(std::max(service.max(), total.response.max()));
    std::vector<Line> lines;
    lines.push_back(percentile_line(plan.open_loop() ? "response (from the planned instant)"
                                                     : "response (from when it could be sent)",
                                    1, total.response));
    lines.push_back(percentile_line("service (from the send)", 2, service));
    return svg_plot("Latency by percentile", x, duration_axis(low, high, true, "latency"), lines);
}

Axis time_axis(const Outcome& outcome) {
    const double end = static_cast<double>(outcome.series.back().to) / 1e9;
    const bool warm_up = outcome.series.front().warmup;
    Axis axis =
        count_axis(end, warm_up ? "seconds since the start (its first step or point is the warm-up)"
                                : "seconds since the start");
    axis.high = end;
    std::erase_if(axis.ticks, [&](const auto& tick) { return tick.first > end; });
    return axis;
}

std::string rate_plot(const Outcome& outcome) {
    Line rate{"answers per second", 3, true, {}};
    double high = 0;
    for (const Second& second : outcome.series) {
        const double length = static_cast<double>(second.to - second.from) / 1e9;
        const double value = length > 0 ? static_cast<double>(second.answers) / length : 0;
        high = std::max(high, value);
        if (rate.points.empty()) {
            rate.points.emplace_back(static_cast<double>(second.from) / 1e9, value);
        }
        // A step's height belongs to the second that it spans.
        rate.points.back().second = value;
        rate.points.emplace_back(static_cast<double>(second.from) / 1e9, value);
        rate.points.emplace_back(static_cast<double>(second.to) / 1e9, value);
    }
    return svg_plot("Answers per second", time_axis(outcome),
                    count_axis(high, "answers per second"), {rate});
}

std::string latency_plot(const Outcome& outcome) {
    std::vector<Line> lines = {{"p50", 1, false, {}}, {"p99", 2, false, {}}, {"max", 4, false, {}}};
    double low = 1e18;
    double high = 1;
    for (const Second& second : outcome.series) {
        if (second.answers == 0) {
            continue;
        }
        const double at = static_cast<double>(second.from + second.to) / 2e9;
        const auto add = [&](Line& line, std::optional<Nanos> known) {
            if (known) {
                const auto value = static_cast<double>(std::max<Nanos>(1, *known));
                line.points.emplace_back(at, value);
                low = std::min(low, value);
                high = std::max(high, value);
            }
        };
        add(lines[0], second.response_p50);
        add(lines[1], second.response_p99);
        add(lines[2], second.response_max);
    }
    if (high < low) {
        return "";
    }
    return svg_plot("Response time over the run", time_axis(outcome),
                    duration_axis(low, high, true, "response time"), lines);
}

std::string phases_plot(const std::vector<Row>& rows) {
    std::vector<Range> ranges;
    double low = 1e18;
    double high = 1;
    for (const Row& row : rows) {
        const Histogram& values = row.values;
        if (values.count() == 0 || values.max() == 0) {
            continue;
        }
        const auto at = [&](double q) {
            return static_cast<double>(std::max<Nanos>(1, values.quantile(q)));
        };
        ranges.push_back({row.name, static_cast<double>(std::max<Nanos>(1, values.min())), at(0.25),
                          at(0.5), at(0.9), at(0.99)});
        // A range that begins at 0 begins at the left edge: it must not push the others to the
        // right.
        for (const double share : {0.0, 0.25, 0.5, 0.9, 0.99}) {
            if (const Nanos value = values.quantile(share); value > 0) {
                low = std::min(low, static_cast<double>(value));
                break;
            }
        }
        high = std::max(high, ranges.back().high);
    }
    if (ranges.empty()) {
        return "";
    }
    return svg_ranges("Phases", duration_axis(low, high, true, "time (logarithmic)"), ranges);
}

std::string table_html(const std::vector<Row>& rows) {
    std::string text = "<div class=\"scroll\"><table><tr><th></th>";
    for (const Quantile& quantile : kQuantiles) {
        text += fmt::format("<th>{}</th>", quantile.name);
    }
    text += "<th>max</th><th>mean</th><th>sd</th><th>count</th><th>from, to</th></tr>\n";
    for (const Row& row : rows) {
        text += fmt::format("<tr><td>{}</td>", html_escape(row.name));
        for (const Quantile& quantile : kQuantiles) {
            text += fmt::format("<td>{}</td>",
                                duration_human(known_quantile(row.values, quantile.share)));
        }
        text += fmt::format("<td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                            duration_human(row.values.max()), duration_human(row.values.mean()),
                            duration_human(row.values.deviation()), count_human(row.values.count()),
                            html_escape(row.meaning));
    }
    return text + "</table></div>\n";
}

}  // namespace

std::string html_report(const Report& report) {
    const Plan& plan = report.plan;
    const Outcome& outcome = report.outcome;
    const Machine here = machine();
    std::string text = fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
        "<title>sluice bench {0}</title><style>{1}</style></head><body>\n<h1>{0}</h1>\n"
        "<p class=\"soft\">{2}<br>{3}; {4}; {5} CPU{7}; sluice {6}</p>\n",
        html_escape(title_of(plan)), kStyle, html_escape(report.command), html_escape(here.kernel),
        html_escape(here.cpu), here.cpus, html_escape(report.version), here.cpus == 1 ? "" : "s");
    text += "<p>" + html_escape(describe_load(report)) + ".</p>\n";
    if (report.search != nullptr) {
        text += "<p><b>" + html_escape(search_text(*report.search)) +
                "</b> What follows is of the run at the highest rate that held, or of the last "
                "when none did.</p>\n";
    }
    text += verdict_html(report.validity);
    if (outcome.total.answers() > 0) {
        const std::vector<Row> handshakes = shown_handshake_rows(outcome.total);
        const std::vector<Row> requests = shown_rows(plan, outcome.total);
        text += figures_html(outcome);
        text += "<h2>Latency by percentile</h2>\n" + percentile_plot(plan, outcome.total);
        text += "<h2>Over the run</h2>\n";
        text += outcome.series.empty() ? "" : rate_plot(outcome) + latency_plot(outcome);
        text += "<h2>Handshakes</h2>\n" + phases_plot(handshakes) + table_html(handshakes);
        text += "<h2>Requests</h2>\n" + phases_plot(requests);
        text +=
            "<p class=\"soft\">Lines reach from the lowest value to p99, boxes from p25 to p90; "
            "the mark is p50. What is 0 lies at the left edge.</p>\n";
        text += table_html(requests);
    }
    return text + "</body></html>\n";
}

}  // namespace sluice::load

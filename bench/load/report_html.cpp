#include <fmt/format.h>

#include <algorithm>

#include "bench/load/hdr_format.h"
#include "bench/load/report.h"
#include "report/document.h"
#include "report/format.h"
#include "report/plot.h"

namespace sluice::load {

namespace {

using report::count_axis;
using report::count_human;
using report::duration_axis;
using report::duration_human;
using report::rate_human;
using report::svg_plot;
using report::svg_ranges;

using report::Axis;
using report::Cell;
using report::Column;
using report::ColumnKind;
using report::Document;
using report::Line;
using report::Range;
using report::Reason;
using report::Tone;

void write_verdict(Document& out, const Validity& validity) {
    std::vector<Reason> reasons;
    for (const Finding& finding : validity.findings) {
        switch (finding.level) {
            case Level::ok:
                reasons.push_back({Tone::good, "ok", finding.name, finding.text});
                break;
            case Level::note:
                reasons.push_back({Tone::plain, "note", finding.name, finding.text});
                break;
            default: reasons.push_back({Tone::bad, "invalid", finding.name, finding.text});
        }
    }
    out.verdict(validity.valid(),
                validity.valid() ? "Valid: nothing speaks against these numbers"
                                 : "Invalid: do not rely on these numbers",
                reasons);
}

void write_tiles(Document& out, const Outcome& outcome) {
    const Tally& total = outcome.total;
    const double window = static_cast<double>(outcome.window) / 1e9;
    const auto rate =
        window > 0 ? static_cast<double>(total.answers() - total.answers_after_end) / window : 0;
    out.tiles({{rate_human(rate), "requests per second"},
               {duration_human(known_quantile(total.response, 0.5)), "response time, p50"},
               {duration_human(known_quantile(total.response, 0.99)), "response time, p99"},
               {duration_human(total.response.max()), "response time, highest"},
               {count_human(total.requests_failed()), "requests failed"}});
}

Line percentile_line(const char* name, int color, const Histogram& values) {
    Line line{name, color, false, {}};
    for (const PercentilePoint& point : percentile_points(values)) {
        // The last point is that of the highest value (100 %): it is drawn at the number of values.
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
        // The height of a step belongs to the second that it spans.
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
        // A range from 0 begins at the left edge; the 0 must not widen the axis.
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

void write_table(Document& out, const std::vector<Row>& rows) {
    std::vector<Column> columns = {{"", ColumnKind::words}};
    for (const Quantile& quantile : kQuantiles) {
        columns.push_back({std::string(quantile.name)});
    }
    for (const char* name : {"max", "mean", "sd", "count"}) {
        columns.push_back({name});
    }
    columns.push_back({"from, to", ColumnKind::text});
    std::vector<std::vector<Cell>> cells;
    for (const Row& row : rows) {
        std::vector<Cell>& line = cells.emplace_back();
        line.push_back({row.name});
        for (const Quantile& quantile : kQuantiles) {
            line.push_back({duration_human(known_quantile(row.values, quantile.share))});
        }
        line.push_back({duration_human(row.values.max())});
        line.push_back({duration_human(row.values.mean())});
        line.push_back({duration_human(row.values.deviation())});
        line.push_back({count_human(row.values.count())});
        line.push_back({row.meaning});
    }
    out.figures(columns, cells);
}

void draw(Document& out, const std::string& svg) {
    if (!svg.empty()) {
        out.drawing(svg, "", "");
    }
}

void write_measured(Document& out, const Report& report) {
    const Outcome& outcome = report.outcome;
    const std::vector<Row> handshakes = shown_handshake_rows(outcome.total);
    const std::vector<Row> requests = shown_rows(report.plan, outcome.total);
    write_tiles(out, outcome);
    out.heading(2, "Latency by percentile");
    draw(out, percentile_plot(report.plan, outcome.total));
    out.heading(2, "Over the run");
    if (!outcome.series.empty()) {
        draw(out, rate_plot(outcome));
        draw(out, latency_plot(outcome));
    }
    out.heading(2, "Handshakes");
    draw(out, phases_plot(handshakes));
    write_table(out, handshakes);
    out.heading(2, "Requests");
    draw(out, phases_plot(requests));
    out.small_print(
        {"Lines reach from the lowest value to p99, boxes from p25 to p90; the mark is p50. What "
         "is "
         "0 lies at the left edge."});
    write_table(out, requests);
}

}  // namespace

std::string html_report(const Report& report) {
    const Machine here = machine();
    const auto out = report::make_html("en");
    out->title(title_of(report.plan));
    out->small_print(
        {report.command, fmt::format("{}; {}; {} CPU{}; sluice {}", here.kernel, here.cpu,
                                     here.cpus, here.cpus == 1 ? "" : "s", report.version)});
    out->paragraph(describe_load(report) + ".");
    if (report.search != nullptr) {
        out->paragraph("**" + search_text(*report.search) +
                       "** What follows is of the run at the highest rate that held, or of the "
                       "last when none did.");
    }
    write_verdict(*out, report.validity);
    if (report.outcome.total.answers() > 0) {
        write_measured(*out, report);
    }
    return out->finish();
}

}  // namespace sluice::load

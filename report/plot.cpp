#include "report/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/format.h"
#include "report/svg.h"

namespace sluice::report {

namespace {

constexpr double kWidth = 860;
constexpr double kHeight = 320;
constexpr double kLeft = 78;
constexpr double kRight = 30;
constexpr double kTop = 36;  // of the plot's area: the legend is above it
constexpr double kRangesTop = 14;
constexpr double kBottom = 46;
constexpr double kRowHeight = 30;

double place(const Axis& axis, double value, double from, double to) {
    value = std::clamp(value, std::min(axis.low, axis.high), std::max(axis.low, axis.high));
    const double share = axis.log ? std::log(value / axis.low) / std::log(axis.high / axis.low)
                                  : (value - axis.low) / (axis.high - axis.low);
    return from + share * (to - from);
}

void add_x_axis(Svg& svg, const Axis& x, double left, double top, double bottom) {
    for (const auto& [value, name] : x.ticks) {
        const double at = place(x, value, left, kWidth - kRight);
        svg.line({at, top}, {at, bottom}, "grid");
        svg.text({at, bottom + 16}, "mid", name);
    }
    if (x.marked != 0) {
        const double at = place(x, x.marked, left, kWidth - kRight);
        svg.line({at, top - 6}, {at, bottom + 4}, "one");
    }
    svg.text({(left + kWidth - kRight) / 2, bottom + 36}, "axis mid", x.title);
}

void add_y_axis(Svg& svg, const Axis& y, double bottom) {
    for (const auto& [value, name] : y.ticks) {
        const double at = place(y, value, bottom, kTop);
        svg.line({kLeft, at}, {kWidth - kRight, at}, "grid");
        svg.text({kLeft - 8, at + 4}, "end", name);
    }
    svg.text_upwards({12, (kTop + bottom) / 2}, "axis mid", y.title);
}

std::string color_of(int color) {
    return fmt::format("line c{}", color);
}

void add_line(Svg& svg, const Line& line, const Axis& x, const Axis& y, double bottom) {
    std::string steps;
    double before = 0;
    for (const auto& [px, py] : line.points) {
        const double at_x = place(x, px, kLeft, kWidth - kRight);
        const double at_y = place(y, py, bottom, kTop);
        if (line.steps && !steps.empty()) {
            steps += fmt::format("L{:.1f} {:.1f}", at_x, before);
        }
        steps += fmt::format("{}{:.1f} {:.1f}", steps.empty() ? 'M' : 'L', at_x, at_y);
        before = at_y;
    }
    svg.path(steps, color_of(line.color));
}

void add_legend(Svg& svg, const std::vector<Line>& lines) {
    double at = kLeft;
    for (const Line& line : lines) {
        svg.line({at, kTop - 16}, {at + 22, kTop - 16}, color_of(line.color));
        svg.text({at + 28, kTop - 12}, "", line.name);
        at += 46 + 7.5 * static_cast<double>(line.name.size());
    }
}

void add_range(Svg& svg, const Range& range, const Axis& x, double left, double y) {
    const auto at = [&](double value) { return place(x, value, left, kWidth - kRight); };
    svg.text({left - 10, y + 4}, "end", range.name);
    if (range.low < range.inner_low || range.high > range.inner_high) {
        svg.line({at(range.low), y}, {at(range.high), y}, "line c1 thin");
    }
    svg.rectangle({at(range.inner_low), y - 6},
                  std::max(1.0, at(range.inner_high) - at(range.inner_low)), 12, "box");
    svg.line({at(range.middle), y - 9}, {at(range.middle), y + 9}, "line c2");
    for (const double dot : range.dots) {
        svg.dot({at(dot), y}, 2, "dot");
    }
}

}  // namespace

Axis duration_axis(double low_ns, double high_ns, bool log, std::string title) {
    Axis axis;
    axis.log = log;
    axis.title = std::move(title);
    if (!log) {
        axis = count_axis(high_ns, axis.title);
        for (auto& [value, name] : axis.ticks) {
            name = duration_human(value);
        }
        return axis;
    }
    low_ns = std::max(low_ns, 1.0);
    high_ns = std::max(high_ns, low_ns * 1.01);
    const bool many = high_ns / low_ns > 3e3;
    for (int power = -1; power < 14; ++power) {
        for (const double factor : {1.0, 2.0, 5.0}) {
            const double value = factor * std::pow(10, power);
            // One tick below the lowest and one above the highest.
            const double next = many ? value * 10 : value * (factor == 2.0 ? 2.5 : 2.0);
            const double previous = many ? value / 10 : value / (factor == 5.0 ? 2.5 : 2.0);
            if ((!many || factor == 1.0) && next > low_ns && previous < high_ns) {
                axis.ticks.emplace_back(value, duration_human(value));
            }
        }
    }
    axis.low = axis.ticks.front().first;
    axis.high = axis.ticks.back().first;
    return axis;
}

Axis count_axis(double high, std::string title) {
    Axis axis;
    axis.title = std::move(title);
    high = std::max(high, 1e-9);
    const double power = std::pow(10, std::floor(std::log10(high)));
    const double step = high / power > 5 ? 2 * power : high / power > 2 ? power : power / 2;
    axis.high = std::ceil(high / step) * step;
    for (int i = 0; step * i <= axis.high * 1.0001; ++i) {
        const double value = step * i;
        axis.ticks.emplace_back(value,
                                value < 1000 ? fmt::format("{:g}", value) : rate_human(value));
    }
    return axis;
}

std::string svg_plot(const std::string& label, const Axis& x, const Axis& y,
                     const std::vector<Line>& lines) {
    const double bottom = kHeight - kBottom;
    Svg svg("plot", kWidth, label);
    add_x_axis(svg, x, kLeft, kTop, bottom);
    add_y_axis(svg, y, bottom);
    for (const Line& line : lines) {
        add_line(svg, line, x, y, bottom);
    }
    add_legend(svg, lines);
    return svg.finish(kHeight);
}

std::string svg_ranges(const std::string& label, const Axis& x, const std::vector<Range>& ranges) {
    // Room for the longest name.
    std::size_t longest = 0;
    for (const Range& range : ranges) {
        longest = std::max(longest, range.name.size());
    }
    const double names = std::clamp(26 + 6.4 * static_cast<double>(longest), 110.0, 260.0);
    const double bottom = kRangesTop + kRowHeight * static_cast<double>(ranges.size());
    Svg svg("plot", kWidth, label);
    add_x_axis(svg, x, names, kRangesTop, bottom);
    double row = kRangesTop + kRowHeight / 2;
    for (const Range& range : ranges) {
        add_range(svg, range, x, names, row);
        row += kRowHeight;
    }
    return svg.finish(bottom + kBottom);
}

}  // namespace sluice::report

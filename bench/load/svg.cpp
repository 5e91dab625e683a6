#include "bench/load/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/load/format.h"

namespace sluice::load {

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

std::string open_svg(const std::string& label, double height) {
    return fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">\n",
                       kWidth, height, html_escape(label));
}

std::string x_axis(const Axis& x, double left, double top, double bottom) {
    std::string text;
    for (const auto& [value, name] : x.ticks) {
        const double at = place(x, value, left, kWidth - kRight);
        text += fmt::format(
            "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\"/>"
            "<text x=\"{0:.1f}\" y=\"{3:.1f}\" text-anchor=\"middle\">{4}</text>\n",
            at, top, bottom, bottom + 16, html_escape(name));
    }
    if (x.marked != 0) {
        text += fmt::format(
            "<line class=\"one\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\"/>\n",
            place(x, x.marked, left, kWidth - kRight), top - 6, bottom + 4);
    }
    return text + fmt::format(
                      "<text class=\"axis\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}"
                      "</text>\n",
                      (left + kWidth - kRight) / 2, bottom + 36, html_escape(x.title));
}

std::string y_axis(const Axis& y, double bottom) {
    std::string text;
    for (const auto& [value, name] : y.ticks) {
        const double at = place(y, value, bottom, kTop);
        text += fmt::format(
            "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>"
            "<text x=\"{3:.1f}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
            kLeft, kWidth - kRight, at, kLeft - 8, at + 4, html_escape(name));
    }
    return text + fmt::format(
                      "<text class=\"axis\" transform=\"translate(12 {:.1f}) rotate(-90)\" "
                      "text-anchor=\"middle\">{}</text>\n",
                      (kTop + bottom) / 2, html_escape(y.title));
}

std::string polyline(const Line& line, const Axis& x, const Axis& y, double bottom) {
    std::string points;
    double before = 0;
    bool first = true;
    for (const auto& [px, py] : line.points) {
        const double at_x = place(x, px, kLeft, kWidth - kRight);
        const double at_y = place(y, py, bottom, kTop);
        if (line.steps && !first) {
            points += fmt::format("{:.1f},{:.1f} ", at_x, before);
        }
        points += fmt::format("{:.1f},{:.1f} ", at_x, at_y);
        before = at_y;
        first = false;
    }
    return fmt::format("<polyline class=\"line c{}\" points=\"{}\"/>\n", line.color, points);
}

std::string legend(const std::vector<Line>& lines) {
    std::string text;
    double at = kLeft;
    for (const Line& line : lines) {
        text += fmt::format(
            "<line class=\"line c{0}\" x1=\"{1:.0f}\" x2=\"{2:.0f}\" y1=\"{3:.0f}\" "
            "y2=\"{3:.0f}\"/>"
            "<text x=\"{4:.0f}\" y=\"{5:.0f}\">{6}</text>\n",
            line.color, at, at + 22, kTop - 16, at + 28, kTop - 12, html_escape(line.name));
        at += 46 + 7.5 * static_cast<double>(line.name.size());
    }
    return text;
}

}  // namespace

std::string html_escape(const std::string& text) {
    std::string safe;
    for (const char c : text) {
        switch (c) {
            case '&': safe += "&amp;"; break;
            case '<': safe += "&lt;"; break;
            case '>': safe += "&gt;"; break;
            case '"': safe += "&quot;"; break;
            case '\'': safe += "&#39;"; break;
            default: safe += c;
        }
    }
    return safe;
}

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
    std::string text =
        open_svg(label, kHeight) + x_axis(x, kLeft, kTop, bottom) + y_axis(y, bottom);
    for (const Line& line : lines) {
        text += polyline(line, x, y, bottom);
    }
    return text + legend(lines) + "</svg>\n";
}

std::string svg_ranges(const std::string& label, const Axis& x, const std::vector<Range>& ranges) {
    // Room for the longest name.
    std::size_t longest = 0;
    for (const Range& range : ranges) {
        longest = std::max(longest, range.name.size());
    }
    const double names = std::clamp(26 + 6.4 * static_cast<double>(longest), 110.0, 260.0);
    const double bottom = kRangesTop + kRowHeight * static_cast<double>(ranges.size());
    std::string text = open_svg(label, bottom + kBottom) + x_axis(x, names, kRangesTop, bottom);
    const auto at = [&](double value) { return place(x, value, names, kWidth - kRight); };
    double row = kRangesTop + kRowHeight / 2;
    for (const Range& range : ranges) {
        text += fmt::format("<text x=\"{:.0f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>",
                            names - 10, row + 4, html_escape(range.name));
        if (range.low < range.inner_low || range.high > range.inner_high) {
            text += fmt::format(
                "<line class=\"line c1 thin\" x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" "
                "y2=\"{2:.1f}\"/>",
                at(range.low), at(range.high), row);
        }
        text += fmt::format(
            "<rect class=\"box\" x=\"{0:.1f}\" y=\"{1:.1f}\" width=\"{2:.1f}\" height=\"12\"/>"
            "<line class=\"line c2\" x1=\"{3:.1f}\" x2=\"{3:.1f}\" y1=\"{4:.1f}\" "
            "y2=\"{5:.1f}\"/>\n",
            at(range.inner_low), row - 6, std::max(1.0, at(range.inner_high) - at(range.inner_low)),
            at(range.middle), row - 9, row + 9);
        for (const double dot : range.dots) {
            text += fmt::format("<circle class=\"dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2\"/>\n",
                                at(dot), row);
        }
        row += kRowHeight;
    }
    return text + "</svg>\n";
}

}  // namespace sluice::load

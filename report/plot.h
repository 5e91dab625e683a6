// Line plots and range bars as SVG, for the HTML reports. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace sluice::report {

struct Axis {
    double low = 0;
    double high = 1;
    bool log = false;
    std::vector<std::pair<double, std::string>> ticks;
    std::string title;
    double marked = 0;  // a value with a line of its own (class one); 0: none
};

struct Line {
    std::string name;
    int color = 1;  // 1 to 4: classes c1 to c4 of the page
    bool steps = false;
    std::vector<std::pair<double, double>> points;
};

[[nodiscard]] std::string svg_plot(const std::string& label, const Axis& x, const Axis& y,
                                   const std::vector<Line>& lines);

// One row: a thin line from `low` to `high`, a box between the inner two, a mark at `middle`, and
// dots.
struct Range {
    std::string name;
    double low, inner_low, middle, inner_high, high;
    std::vector<double> dots = {};  // single values
};
[[nodiscard]] std::string svg_ranges(const std::string& label, const Axis& x,
                                     const std::vector<Range>& ranges);

// Ticks at 1, 2 and 5 times the powers of ten (log: the powers alone when there are many) that
// cover low to high, as durations; widens the axis to the outermost ticks.
[[nodiscard]] Axis duration_axis(double low_ns, double high_ns, bool log, std::string title);
[[nodiscard]] Axis count_axis(double high, std::string title);  // from 0

}  // namespace sluice::report

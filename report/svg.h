// Svg: builds a drawing for a page. Coordinates are pixels of its view box; the style sheet
// (report/style) says how a class looks. No scripts, no colours of its own. Pure; one thread.
#pragma once

#include <string>
#include <string_view>

namespace sluice::report {

struct Point {
    double x = 0;
    double y = 0;
};

class Svg {
  public:
    // `kind`: the class of the whole. `label`: what it shows, for readers who cannot see it.
    Svg(std::string_view kind, double width, std::string_view label);

    void line(Point from, Point to, std::string_view classes);
    // The same with an arrowhead at its end, of a class that arrowhead() has made.
    void arrow(Point from, Point to, std::string_view classes);
    void arrowhead(std::string_view classes);
    void text(Point at, std::string_view classes, std::string_view text);
    void text_upwards(Point at, std::string_view classes, std::string_view text);
    void rectangle(Point corner, double width, double height, std::string_view classes);
    void dot(Point centre, double radius, std::string_view classes);
    // `steps`: SVG's path data.
    void path(std::string_view steps, std::string_view classes);
    [[nodiscard]] std::string finish(double height) const;

  private:
    const std::string kind_;
    const double width_;
    const std::string label_;
    std::string body_;
};

}  // namespace sluice::report

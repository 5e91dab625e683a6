#include "report/svg.h"

#include <fmt/format.h>

#include "report/escape.h"

namespace sluice::report {

Svg::Svg(std::string_view kind, double width, std::string_view label)
    : kind_(kind), width_(width), label_(html_escape(label)) {}

void Svg::line(Point from, Point to, std::string_view classes) {
    body_ += fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>\n", from.x,
        from.y, to.x, to.y, classes);
}

void Svg::arrow(Point from, Point to, std::string_view classes) {
    body_ += fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\" "
        "marker-end=\"url(#head-{})\"/>\n",
        from.x, from.y, to.x, to.y, classes, classes);
}

void Svg::arrowhead(std::string_view classes) {
    body_ += fmt::format(
        "<defs><marker id=\"head-{0}\" markerWidth=\"8\" markerHeight=\"8\" refX=\"6\" refY=\"4\" "
        "orient=\"auto\"><path d=\"M0 0l8 4-8 4z\" class=\"head {0}\"/></marker></defs>\n",
        classes);
}

void Svg::text(Point at, std::string_view classes, std::string_view text) {
    body_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"{}\">{}</text>\n", at.x, at.y,
                         classes, html_escape(text));
}

void Svg::text_upwards(Point at, std::string_view classes, std::string_view text) {
    body_ += fmt::format(
        "<text transform=\"translate({:.1f} {:.1f}) rotate(-90)\" class=\"{}\">{}</text>\n", at.x,
        at.y, classes, html_escape(text));
}

void Svg::rectangle(Point corner, double width, double height, std::string_view classes) {
    body_ += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" class=\"{}\"/>\n",
        corner.x, corner.y, width, height, classes);
}

void Svg::dot(Point centre, double radius, std::string_view classes) {
    body_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" class=\"{}\"/>\n",
                         centre.x, centre.y, radius, classes);
}

void Svg::path(std::string_view steps, std::string_view classes) {
    body_ += fmt::format("<path d=\"{}\" class=\"{}\"/>\n", steps, classes);
}

std::string Svg::finish(double height) const {
    return fmt::format(
        "<svg class=\"{0}\" viewBox=\"0 0 {1:.0f} {2:.0f}\" width=\"{1:.0f}\" role=\"img\" "
        "aria-label=\"{3}\">\n{4}</svg>\n",
        kind_, width_, height, label_, body_);
}

}  // namespace sluice::report

// The style sheet of every page that Sluice writes. Colours are variables, light and dark by the
// reader's setting, ink on white on paper; drawings (report/svg, wire/diagram) take them from here.
#pragma once

#include <string_view>

namespace sluice::report {

extern const std::string_view kStyleSheet;

}  // namespace sluice::report

// The style sheet of every page that Sluice writes. Colours are variables: light or dark as the
// reader prefers, black on white in print. Drawings (report/svg, wire/diagram) use them, too.
#pragma once

#include <string_view>

namespace sluice::report {

extern const std::string_view kStyleSheet;

}  // namespace sluice::report

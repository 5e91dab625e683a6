// Drawings of what was captured: a sequence diagram of a connection's segments, and a waterfall of
// all connections. SVG without scripts, coloured by the page's variables, or text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "wire/record.h"

namespace sluice::wire {

// Distances are to scale between a minimum, which keeps labels readable, and a maximum. Beyond the
// maximum the line is broken, and the time is written beside the break.
[[nodiscard]] std::string sequence_svg(const ConnectionRecord& record, Language language,
                                       std::size_t frames_max);
[[nodiscard]] std::string sequence_text(const ConnectionRecord& record, Language language,
                                        std::size_t frames_max);

struct Bar {
    std::string label;
    Nanos begin = 0;
    Nanos end = 0;
    struct Part {
        Nanos begin = 0;
        Nanos end = 0;
        std::string_view kind;  // "handshake", "server", "transfer", "close"
    };
    std::vector<Part> parts;
};
[[nodiscard]] std::string waterfall_svg(const std::vector<Bar>& bars, Language language);
[[nodiscard]] std::string waterfall_text(const std::vector<Bar>& bars);

[[nodiscard]] std::string duration(Nanos time);  // "1.234 ms"

}  // namespace sluice::wire

#include "wire/diagram.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/svg.h"
#include "wire/output.h"

namespace sluice::wire {

namespace {

using report::Svg;

constexpr double kWidth = 920;
constexpr double kClientX = 190;
constexpr double kServerX = 730;
constexpr double kStep = 30;         // minimum distance of two segments
constexpr double kFarthest = 66;     // maximum, before the line is broken
constexpr double kPixelsPerMs = 20;  // between them
constexpr double kTop = 64;

std::string state_text(const EndState& state) {
    return fmt::format("{}{}", to_string(state.state), state.inferred ? "?" : "");
}

// "[SYN, ACK] Seq=0 Ack=1 Len=0"
std::string segment_text(const FrameRecord& frame) {
    std::string text =
        fmt::format("[{}] Seq={}", flags_text(frame.flags), frame.analysis.relative_seq);
    if ((frame.flags & flag::ack) != 0) {
        text += fmt::format(" Ack={}", frame.analysis.relative_ack);
    }
    return text + fmt::format(" Len={}", frame.length);
}

std::string http_text(const FrameRecord& frame) {
    std::string text;
    for (const HttpEvent& event : frame.http) {
        if (event.kind == HttpEventKind::head && event.exchange != nullptr) {
            std::string line = start_line(event.message());
            if (display_width(line) > 46) {
                line = wrap(line, 44).front() + " …";
            }
            text += text.empty() ? "" : "; ";
            text += line;
        }
    }
    return text;
}

}  // namespace

std::string duration(Nanos time) {
    const auto value = static_cast<double>(time);
    if (time >= kSecond) {
        return fmt::format("{:.3f} s", value / 1e9);
    }
    if (time >= kMillisecond) {
        return fmt::format("{:.3f} ms", value / 1e6);
    }
    return fmt::format("{:.1f} µs", value / 1e3);
}

namespace {

constexpr double kMiddleX = (kClientX + kServerX) / 2;

// Draws the time between two frames from `y` on and returns their distance. A long time is cut, and
// written beside the break.
double add_gap(Svg& svg, double y, Nanos gap, Language language) {
    const double distance = static_cast<double>(std::max<Nanos>(gap, 0)) / 1e6 * kPixelsPerMs;
    const double shown = std::clamp(distance, kStep, kFarthest);
    if (distance > kFarthest) {
        const double middle = y + shown / 2;
        for (const double x : {kClientX, kServerX}) {
            svg.path(fmt::format("M{:.0f} {:.0f}l-6 4 12 6-6 4", x, middle - 7), "cut");
        }
        svg.text({kMiddleX, middle + 4}, "soft mid",
                 fmt::format("{} {}", in(language, "nothing for", "间隔"), duration(gap)));
    }
    return shown;
}

// Draws an arrow at `y` with the frame's content and returns its lower end.
double add_frame(Svg& svg, double y, const FrameRecord& frame, bool to_right, Nanos since_first) {
    const std::string side = to_right ? "client" : "server";
    const double from = to_right ? kClientX : kServerX;
    const double to = to_right ? kServerX - 7 : kClientX + 7;
    svg.arrow({from, y}, {to, y + 8}, side);
    svg.text({kMiddleX, y - 1}, "mid " + side, segment_text(frame));
    const std::string http = http_text(frame);
    if (!http.empty()) {
        y += 14;
        svg.text({kMiddleX, y + 2}, "mid strong", http);
    }
    svg.text({6, y + 4}, "soft", std::to_string(frame.number));
    svg.text({34, y + 4}, "soft", fmt::format("{:.6f}", static_cast<double>(since_first) / 1e9));
    return y;
}

// Draws an end's name and address, and its line from there to the bottom.
void add_end(Svg& svg, double x, double bottom, const std::string& side, std::string_view name,
             const Endpoint& endpoint) {
    svg.line({x, 42}, {x, bottom}, "life");
    svg.arrowhead(side);
    svg.text({x, 18}, "mid " + side, name);
    svg.text({x, 33}, "mid", to_string(endpoint));
}

}  // namespace

std::string sequence_svg(const ConnectionRecord& record, Language language,
                         std::size_t frames_max) {
    const Connection& connection = record.connection;
    const std::size_t count = std::min(record.frames.size(), frames_max);
    Svg svg("seq", kWidth, in(language, "sequence of segments", "报文段时序图"));
    double y = kTop;
    EndState before[2];
    for (std::size_t i = 0; i < count; ++i) {
        const FrameRecord& frame = record.frames[i];
        if (i != 0) {
            y += add_gap(svg, y, frame.time - record.frames[i - 1].time, language);
        }
        y = add_frame(svg, y, frame, frame.from == connection.client,
                      frame.time - record.frames[0].time);
        for (const int which : {0, 1}) {
            const EndState& state = frame.states[which];
            if (i == 0 || state != before[which]) {
                const bool left = which == connection.client;
                svg.text({left ? kClientX - 8 : kServerX + 8, y + 4}, left ? "state end" : "state",
                         state_text(state));
            }
            before[which] = state;
        }
    }
    add_end(svg, kClientX, y + 34, "client", in(language, "client", "客户端"),
            connection.client_side().endpoint);
    add_end(svg, kServerX, y + 34, "server", in(language, "server", "服务器"),
            connection.server_side().endpoint);
    return svg.finish(y + 34);
}

std::string sequence_text(const ConnectionRecord& record, Language language,
                          std::size_t frames_max) {
    const Connection& connection = record.connection;
    std::string text =
        fmt::format("{} {}   {} {}\n", in(language, "client", "客户端"),
                    to_string(connection.client_side().endpoint), in(language, "server", "服务器"),
                    to_string(connection.server_side().endpoint));
    for (std::size_t i = 0; i < std::min(record.frames.size(), frames_max); ++i) {
        const FrameRecord& frame = record.frames[i];
        text +=
            fmt::format("{:>5} {:>11.6f}  {} {}\n", frame.number,
                        static_cast<double>(frame.time - record.frames[0].time) / 1e9,
                        frame.from == connection.client ? "----->" : "<-----", segment_text(frame));
        if (const std::string http = http_text(frame); !http.empty()) {
            text += fmt::format("{:>26} {}\n", "", http);
        }
    }
    return text;
}

std::string waterfall_svg(const std::vector<Bar>& bars, Language language) {
    if (bars.empty()) {
        return {};
    }
    Nanos begin = bars[0].begin;
    Nanos end = bars[0].end;
    for (const Bar& bar : bars) {
        begin = std::min(begin, bar.begin);
        end = std::max(end, bar.end);
    }
    const double span = static_cast<double>(std::max<Nanos>(end - begin, 1));
    constexpr double kLabel = 250;
    constexpr double kScale = kWidth - kLabel - 20;
    const auto x_of = [&](Nanos time) {
        return kLabel + static_cast<double>(time - begin) / span * kScale;
    };
    Svg svg("fall", kWidth, in(language, "connections in time", "各连接的时间分布"));
    svg.text({kLabel, 16}, "", "0");
    svg.text({kLabel + kScale, 16}, "end", duration(end - begin));
    double y = 30;
    for (const Bar& bar : bars) {
        svg.text({4, y + 11}, "", bar.label);
        svg.rectangle({x_of(bar.begin), y}, std::max(x_of(bar.end) - x_of(bar.begin), 1.0), 12,
                      "open");
        for (const Bar::Part& part : bar.parts) {
            svg.rectangle({x_of(part.begin), y}, std::max(x_of(part.end) - x_of(part.begin), 1.5),
                          12, part.kind);
        }
        y += 19;
    }
    return svg.finish(y + 6);
}

std::string waterfall_text(const std::vector<Bar>& bars) {
    if (bars.empty()) {
        return {};
    }
    const Nanos begin = std::min_element(bars.begin(), bars.end(), [](const Bar& a, const Bar& b) {
                            return a.begin < b.begin;
                        })->begin;
    std::string text;
    for (const Bar& bar : bars) {
        text += fmt::format("{:>12} + {:>10}  {}\n", duration(bar.begin - begin),
                            duration(bar.end - bar.begin), bar.label);
    }
    return text;
}

}  // namespace sluice::wire

#include "wire/diagram.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "wire/output.h"

namespace sluice::wire {

namespace {

constexpr int kWidth = 920;
constexpr int kClientX = 190;
constexpr int kServerX = 730;
constexpr double kStep = 30;         // least distance of two segments
constexpr double kFarthest = 66;     // largest, before the line is broken
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

// The time that passed between two frames, drawn from `y` on; how far apart they are. A long one
// is cut, and told.
double add_gap(std::string& body, double y, Nanos gap, Language language) {
    const double distance = static_cast<double>(std::max<Nanos>(gap, 0)) / 1e6 * kPixelsPerMs;
    const double shown = std::clamp(distance, kStep, kFarthest);
    if (distance > kFarthest) {
        const double middle = y + shown / 2;
        for (const int x : {kClientX, kServerX}) {
            body += fmt::format("<path d=\"M{} {:.0f}l-6 4 12 6-6 4\" class=\"cut\"/>\n", x,
                                middle - 7);
        }
        body += fmt::format("<text x=\"{}\" y=\"{:.0f}\" class=\"soft mid\">{} {}</text>\n",
                            (kClientX + kServerX) / 2, middle + 4,
                            in(language, "nothing for", "间隔"), duration(gap));
    }
    return shown;
}

// An arrow at `y` with what the frame carries; where its lower end is.
double add_frame(std::string& body, double y, const FrameRecord& frame, bool to_right,
                 Nanos since_first) {
    const int from = to_right ? kClientX : kServerX;
    const int to = to_right ? kServerX - 7 : kClientX + 7;
    const std::string_view side = to_right ? "client" : "server";
    body += fmt::format(
        "<line x1=\"{}\" y1=\"{:.0f}\" x2=\"{}\" y2=\"{:.0f}\" class=\"{}\" "
        "marker-end=\"url(#head-{})\"/>\n",
        from, y, to, y + 8, side, side);
    body += fmt::format("<text x=\"{}\" y=\"{:.0f}\" class=\"mid {}\">{}</text>\n",
                        (kClientX + kServerX) / 2, y - 1, side, html_escape(segment_text(frame)));
    const std::string http = http_text(frame);
    if (!http.empty()) {
        y += 14;
        body += fmt::format("<text x=\"{}\" y=\"{:.0f}\" class=\"mid strong\">{}</text>\n",
                            (kClientX + kServerX) / 2, y + 2, html_escape(http));
    }
    body += fmt::format(
        "<text x=\"6\" y=\"{:.0f}\" class=\"soft\">{}</text>\n"
        "<text x=\"34\" y=\"{:.0f}\" class=\"soft\">{:.6f}</text>\n",
        y + 4, frame.number, y + 4, static_cast<double>(since_first) / 1e9);
    return y;
}

std::string svg_of(const Connection& connection, double bottom, const std::string& body,
                   Language language) {
    return fmt::format(
        "<svg viewBox=\"0 0 {0} {1:.0f}\" width=\"{0}\" role=\"img\" aria-label=\"{2}\" "
        "xmlns=\"http://www.w3.org/2000/svg\">\n<style>"
        ".seq text{{font:11.5px ui-monospace,Consolas,monospace;fill:var(--ink)}}"
        ".seq .mid{{text-anchor:middle}}.seq .end{{text-anchor:end}}"
        ".seq text.soft{{fill:var(--soft);font-size:10.5px}}.seq text.strong{{font-weight:700}}"
        ".seq text.state{{fill:var(--accent);font-size:10.5px}}"
        ".seq line{{stroke-width:1.4}}.seq line.client{{stroke:var(--client)}}"
        ".seq line.server{{stroke:var(--server)}}.seq text.client{{fill:var(--client)}}"
        ".seq text.server{{fill:var(--server)}}.seq .life{{stroke:var(--line);stroke-width:2}}"
        ".seq .cut{{fill:none;stroke:var(--soft);stroke-width:1.5}}</style>\n"
        "<defs><marker id=\"head-client\" markerWidth=\"8\" markerHeight=\"8\" refX=\"6\" "
        "refY=\"4\" orient=\"auto\"><path d=\"M0 0l8 4-8 4z\" fill=\"var(--client)\"/></marker>"
        "<marker id=\"head-server\" markerWidth=\"8\" markerHeight=\"8\" refX=\"6\" refY=\"4\" "
        "orient=\"auto\"><path d=\"M0 0l8 4-8 4z\" fill=\"var(--server)\"/></marker></defs>\n"
        "<g class=\"seq\"><line x1=\"{3}\" y1=\"42\" x2=\"{3}\" y2=\"{1:.0f}\" class=\"life\"/>"
        "<line x1=\"{4}\" y1=\"42\" x2=\"{4}\" y2=\"{1:.0f}\" class=\"life\"/>\n"
        "<text x=\"{3}\" y=\"18\" class=\"mid client\">{5}</text>"
        "<text x=\"{3}\" y=\"33\" class=\"mid\">{6}</text>"
        "<text x=\"{4}\" y=\"18\" class=\"mid server\">{7}</text>"
        "<text x=\"{4}\" y=\"33\" class=\"mid\">{8}</text>\n{9}</g></svg>",
        kWidth, bottom, in(language, "sequence of segments", "报文段时序图"), kClientX, kServerX,
        in(language, "client", "客户端"), to_string(connection.client_side().endpoint),
        in(language, "server", "服务器"), to_string(connection.server_side().endpoint), body);
}

}  // namespace

std::string sequence_svg(const ConnectionRecord& record, Language language,
                         std::size_t frames_max) {
    const Connection& connection = record.connection;
    const std::size_t count = std::min(record.frames.size(), frames_max);
    std::string body;
    double y = kTop;
    EndState before[2];
    for (std::size_t i = 0; i < count; ++i) {
        const FrameRecord& frame = record.frames[i];
        if (i != 0) {
            y += add_gap(body, y, frame.time - record.frames[i - 1].time, language);
        }
        y = add_frame(body, y, frame, frame.from == connection.client,
                      frame.time - record.frames[0].time);
        for (const int which : {0, 1}) {
            const EndState& state = frame.states[which];
            if (i == 0 || state != before[which]) {
                const bool left = which == connection.client;
                body += fmt::format("<text x=\"{}\" y=\"{:.0f}\" class=\"state{}\">{}</text>\n",
                                    left ? kClientX - 8 : kServerX + 8, y + 4, left ? " end" : "",
                                    state_text(state));
            }
            before[which] = state;
        }
    }
    return svg_of(connection, y + 34, body, language);
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
    std::string body;
    double y = 30;
    for (const Bar& bar : bars) {
        body +=
            fmt::format("<text x=\"4\" y=\"{:.0f}\">{}</text>\n", y + 11, html_escape(bar.label));
        body += fmt::format(
            "<rect x=\"{:.2f}\" y=\"{:.0f}\" width=\"{:.2f}\" height=\"12\" class=\"open\"/>\n",
            x_of(bar.begin), y, std::max(x_of(bar.end) - x_of(bar.begin), 1.0));
        for (const Bar::Part& part : bar.parts) {
            body += fmt::format(
                "<rect x=\"{:.2f}\" y=\"{:.0f}\" width=\"{:.2f}\" height=\"12\" "
                "class=\"{}\"/>\n",
                x_of(part.begin), y, std::max(x_of(part.end) - x_of(part.begin), 1.5), part.kind);
        }
        y += 19;
    }
    return fmt::format(
        "<svg viewBox=\"0 0 {0} {1:.0f}\" width=\"{0}\" role=\"img\" aria-label=\"{2}\" "
        "xmlns=\"http://www.w3.org/2000/svg\">\n<style>"
        ".fall text{{font:11.5px ui-monospace,Consolas,monospace;fill:var(--ink)}}"
        ".fall .open{{fill:var(--line)}}.fall .handshake{{fill:#7a5cc4}}"
        ".fall .server{{fill:#d07a1e}}.fall .transfer{{fill:#2f8f5b}}.fall .close{{fill:#c0453b}}"
        "</style>\n<g class=\"fall\"><text x=\"{3:.0f}\" y=\"16\">0</text>"
        "<text x=\"{4:.0f}\" y=\"16\" text-anchor=\"end\">{5}</text>\n{6}</g></svg>",
        kWidth, y + 6, in(language, "connections in time", "各连接的时间分布"), kLabel,
        kLabel + kScale, duration(end - begin), body);
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

#include "wire/timeline.h"

#include <fmt/format.h>

#include <iterator>

namespace sluice::wire {

namespace {

constexpr std::size_t kIndent = 26;
constexpr std::size_t kFlagColumns = 13;
constexpr std::size_t kFrameColumns = 76;  // of a frame's line, without its remark

bool states_changed(const FrameEvent& event) {
    // Connection data were updated with the event; what changed is told by flags that change
    // states.
    constexpr std::uint16_t kMoves = flag::syn | flag::fin | flag::rst;
    const Connection& connection = *event.connection;
    const std::uint64_t now = event.frame->number;
    return (event.segment->flags & kMoves) != 0 || connection.handshake_ack.frame == now ||
           connection.sides[0].fin_acked.frame == now || connection.sides[1].fin_acked.frame == now;
}

std::string states_text(const FrameEvent& event) {
    const EndState& client = event.states[event.connection->client];
    const EndState& server = event.states[1 - event.connection->client];
    return fmt::format("{}{} | {}{}", to_string(client.state), client.inferred ? "?" : "",
                       to_string(server.state), server.inferred ? "?" : "");
}

}  // namespace

Timeline::Timeline(Write write, const TimelineOptions& options)
    : out_(std::move(write)), options_(options) {
    fmt::format_to(std::back_inserter(out_.buffer()),
                   "{:>7} {:>12} {:>5}   {:<13} {:>10} {:>6} "
                   "{:>10} {:>7}  {}\n",
                   "frame", "seconds", "conn", "flags", "seq", "bytes", "ack", "window",
                   "client | server");
}

void Timeline::print_more(std::string_view mark, std::string_view text) {
    fmt::memory_buffer& buffer = out_.buffer();
    const auto line = [&](std::string_view before, std::string_view part) {
        append_text(buffer, {}, kIndent);
        buffer.append(before);
        buffer.push_back(' ');
        buffer.append(part);
        buffer.push_back('\n');
    };
    constexpr std::size_t kWidth = kColumns - kIndent - 2;
    if (text.size() <= kWidth) {
        line(mark, text);
        return;
    }
    bool first = true;
    for (const std::string& part : wrap(text, kWidth)) {
        line(first ? mark : " ", part);
        first = false;
    }
}

void Timeline::print_segment(const FrameEvent& event) {
    const Segment& segment = *event.segment;
    const Nanos at = event.frame->time - begin_;
    const auto distance = static_cast<std::uint64_t>(at < 0 ? -at : at);
    fmt::memory_buffer& buffer = out_.buffer();
    append_number(buffer, event.frame->number, 7);
    buffer.append(std::string_view(at < 0 ? " -" : "  "));
    append_number(buffer, distance / kSecond, 4);
    buffer.push_back('.');
    append_number(buffer, distance % kSecond / kMicrosecond, 6, '0');
    buffer.push_back(' ');
    append_number(buffer, event.connection->stream, 5);
    buffer.append(std::string_view(event.from_client() ? " → " : " ← "));
    switch (segment.flags) {
        case flag::ack: append_text(buffer, "ACK", kFlagColumns); break;
        case flag::ack | flag::psh: append_text(buffer, "PSH, ACK", kFlagColumns); break;
        default: append_text(buffer, flags_text(segment.flags), kFlagColumns);
    }
    buffer.push_back(' ');
    append_number(buffer, event.analysis.relative_seq, 10);
    buffer.push_back(' ');
    append_number(buffer, segment.length, 6);
    buffer.push_back(' ');
    if (segment.has(flag::ack)) {
        append_number(buffer, event.analysis.relative_ack, 10);
    } else {
        buffer.append(std::string_view("         -"));
    }
    buffer.push_back(' ');
    append_number(buffer, event.analysis.window, 7);
    std::string remark;
    if (event.analysis.bits != 0) {
        remark = "[" + analysis_text(event.analysis) + "]";
    } else if (states_changed(event)) {
        remark = states_text(event);
    }
    const bool fits = kFrameColumns + 2 + remark.size() <= kColumns;
    if (!remark.empty() && fits) {
        buffer.append(std::string_view("  "));
        buffer.append(remark);
    }
    buffer.push_back('\n');
    if (!remark.empty() && !fits) {
        print_more(" ", remark);
    }
    if (event.analysis.bits != 0 && states_changed(event)) {
        print_more(" ", states_text(event));
    }
}

void Timeline::print_http(const HttpEvent& event) {
    if (event.exchange == nullptr) {
        return;
    }
    const HttpMessage& message = event.message();
    const std::string_view mark = event.request ? ">" : "<";
    switch (event.kind) {
        case HttpEventKind::head: print_more(mark, start_line(message)); break;
        case HttpEventKind::end:
            if (!event.request && message.framing != Framing::none) {
                std::string text(in(options_.language, "end of ", "响应结束： "));
                text.append(fmt::format_int(message.status).c_str()).append(": ");
                print_more(mark, text.append(body_summary(message)));
            }
            break;
        case HttpEventKind::cut:
            print_more(mark, fmt::format("{} {}", in(options_.language, "cut short:", "不完整："),
                                         message.head_complete || message.status != 0 ||
                                                 !message.method.empty()
                                             ? start_line(message)
                                             : std::string("...")));
            break;
        case HttpEventKind::nonsense: break;
    }
}

// A lesson is told in full once; after that its id and the frame where it was told.
void Timeline::print_note(const Note& note, std::uint64_t frame) {
    if (!options_.notes) {
        return;
    }
    const RuleText& text = text_of(note.rule);
    std::uint64_t& told = told_[static_cast<std::size_t>(note.rule)];
    if (told != 0 && text.severity == Severity::lesson) {
        print_more("*", fmt::format("{} ({} {})", text.id,
                                    in(options_.language, "see frame", "见帧"), told));
        return;
    }
    told = frame;
    print_more(text.severity >= Severity::warning ? "!" : "*",
               fmt::format("{} ({})", sentence(note, options_.language), text.source));
}

void Timeline::on_frame(const FrameEvent& event) {
    if (!begun_) {
        begun_ = true;
        begin_ = event.frame->time;
    }
    if (event.segment == nullptr) {
        const Nanos at = event.frame->time - begin_;
        fmt::format_to(std::back_inserter(out_.buffer()), "{:>7} {:>12.6f}         {} ({} {})\n",
                       event.frame->number, static_cast<double>(at) / 1e9, to_string(event.decoded),
                       event.frame->length, in(options_.language, "bytes", "字节"));
    } else {
        print_segment(event);
        for (const HttpEvent& one : event.http) {
            print_http(one);
        }
        for (const Note& note : event.notes) {
            print_note(note, event.frame->number);
        }
    }
    out_.settle();
}

void Timeline::on_connection(const Connection& connection, std::span<const HttpEvent> http,
                             std::span<const Note> notes) {
    if (http.empty() && notes.empty()) {
        return;
    }
    fmt::format_to(std::back_inserter(out_.buffer()), "{:>7} {:>12} {:>5}   {}\n", "-", "-",
                   connection.stream,
                   in(options_.language, "at the end of this connection:", "该连接结束时："));
    for (const HttpEvent& one : http) {
        print_http(one);
    }
    for (const Note& note : notes) {
        print_note(note, connection.last.frame);
    }
    out_.settle();
}

void Timeline::on_end(const Totals& totals, std::span<const Note> notes) {
    for (const Note& note : notes) {
        print_note(note, totals.frames);
    }
    auto out = std::back_inserter(out_.buffer());
    if (options_.language == Language::en) {
        fmt::format_to(out, "{} frames, {} bytes, {} TCP segments, {} connections", totals.frames,
                       totals.bytes, totals.segments, totals.connections);
    } else {
        fmt::format_to(out, "共 {} 帧，{} 字节，{} 个 TCP 报文段，{} 个连接", totals.frames,
                       totals.bytes, totals.segments, totals.connections);
    }
    if (totals.not_tcp + totals.malformed + totals.cut > 0) {
        fmt::format_to(out, " ({}: {}, {}: {}, {}: {})",
                       in(options_.language, "other protocols", "其他协议"), totals.not_tcp,
                       in(options_.language, "malformed", "格式错误"), totals.malformed,
                       in(options_.language, "cut", "截断"), totals.cut);
    }
    out_.buffer().push_back('\n');
    out_.flush();
}

}  // namespace sluice::wire

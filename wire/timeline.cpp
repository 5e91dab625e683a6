#include "wire/timeline.h"

#include <fmt/format.h>

#include <iterator>

namespace sluice::wire {

namespace {

constexpr std::size_t kIndent = 26;
constexpr std::size_t kFlagColumns = 13;
constexpr std::size_t kFrameColumns = 76;   // of a frame's line, without its remark
constexpr std::size_t kLineBytesMax = 320;  // of the same, with the largest numbers there are

bool states_changed(const FrameEvent& event) {
    // The connection was updated before the event, so flags that change states show the change.
    constexpr std::uint16_t kMoves = flag::syn | flag::fin | flag::rst;
    const Connection& connection = *event.connection;
    const std::uint64_t now = event.frame->number;
    return (event.segment->flags & kMoves) != 0 || connection.handshake_ack.frame == now ||
           connection.sides[0].fin_acked.frame == now || connection.sides[1].fin_acked.frame == now;
}

void append_states(std::string& out, const FrameEvent& event) {
    const EndState& client = event.states[event.connection->client];
    const EndState& server = event.states[1 - event.connection->client];
    out.append(to_string(client.state)).append(client.inferred ? "? | " : " | ");
    out.append(to_string(server.state)).append(server.inferred ? "?" : "");
}

void write_flags(LineWriter& line, std::uint16_t flags) {
    switch (flags) {
        case flag::ack: line.text("ACK", kFlagColumns); break;
        case flag::ack | flag::psh: line.text("PSH, ACK", kFlagColumns); break;
        default: line.text(flags_text(flags), kFlagColumns);
    }
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
    const auto print = [&](std::string_view before, std::string_view part) {
        LineWriter line(out_.buffer(),
                        kIndent + before.size() + part.size() + 2 + LineWriter::kSlack);
        line.text({}, kIndent);
        line.text(before);
        line.put(' ');
        line.text(part);
        line.put('\n');
    };
    constexpr std::size_t kWidth = kColumns - kIndent - 2;
    if (text.size() <= kWidth) {
        print(mark, text);
        return;
    }
    bool first = true;
    for (const std::string& part : wrap(text, kWidth)) {
        print(first ? mark : " ", part);
        first = false;
    }
}

// The columns that every segment has.
void Timeline::print_columns(const FrameEvent& event) {
    const Segment& segment = *event.segment;
    const Nanos at = event.frame->time - begin_;
    const auto distance = static_cast<std::uint64_t>(at < 0 ? -at : at);
    LineWriter line(out_.buffer(), kLineBytesMax);
    line.number(event.frame->number, 7);
    line.text(at < 0 ? " -" : "  ");
    line.number(distance / kSecond, 4);
    line.put('.');
    line.number(distance % kSecond / kMicrosecond, 6, '0');
    line.put(' ');
    line.number(event.connection->stream, 5);
    line.text(event.from_client() ? " → " : " ← ");
    write_flags(line, segment.flags);
    line.put(' ');
    line.number(event.analysis.relative_seq, 10);
    line.put(' ');
    line.number(segment.length, 6);
    line.put(' ');
    if (segment.has(flag::ack)) {
        line.number(event.analysis.relative_ack, 10);
    } else {
        line.text("         -");
    }
    line.put(' ');
    line.number(event.analysis.window, 7);
}

void Timeline::print_segment(const FrameEvent& event) {
    print_columns(event);
    const bool moved = states_changed(event);
    text_.clear();
    if (event.analysis.bits != 0) {
        text_.append("[").append(analysis_text(event.analysis)).append("]");
    } else if (moved) {
        append_states(text_, event);
    }
    const bool fits = kFrameColumns + 2 + text_.size() <= kColumns;
    if (!text_.empty() && fits) {
        out_.buffer().append(std::string_view("  "));
        out_.buffer().append(text_);
    }
    out_.buffer().push_back('\n');
    if (!text_.empty() && !fits) {
        print_more(" ", text_);
    }
    if (event.analysis.bits != 0 && moved) {
        text_.clear();
        append_states(text_, event);
        print_more(" ", text_);
    }
}

void Timeline::print_http(const HttpEvent& event) {
    if (event.exchange == nullptr) {
        return;
    }
    const HttpMessage& message = event.message();
    const std::string_view mark = event.request ? ">" : "<";
    text_.clear();
    switch (event.kind) {
        case HttpEventKind::head: append_start_line(text_, message); break;
        case HttpEventKind::end:
            if (event.request || message.framing == Framing::none) {
                return;
            }
            text_.append(in(options_.language, "end of ", "响应结束： "));
            text_.append(fmt::format_int(message.status).c_str()).append(": ");
            append_body_summary(text_, message);
            break;
        case HttpEventKind::cut:
            text_.append(in(options_.language, "cut short: ", "不完整： "));
            if (message.version().empty()) {
                text_.append("...");  // its first line was not captured
            } else {
                append_start_line(text_, message);
            }
            break;
        case HttpEventKind::not_http: return;
    }
    print_more(mark, text_);
}

// A lesson is printed in full once; after that, only its id and the frame of the first time.
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
    out_.flush_if_full();
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
    out_.flush_if_full();
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

#include "wire/json.h"

#include <fmt/compile.h>

#include <iterator>

namespace sluice::wire {

namespace {

template <typename... Args>
void put(Output& out, fmt::format_string<Args...> shape, Args&&... args) {
    fmt::format_to(std::back_inserter(out.buffer()), shape, std::forward<Args>(args)...);
}

std::string_view side_name(const Connection& connection, int side) {
    return side == connection.client ? "client" : "server";
}

std::string_view kind_name(HttpEventKind kind) {
    switch (kind) {
        case HttpEventKind::head: return "head";
        case HttpEventKind::end: return "end";
        case HttpEventKind::cut: return "cut";
        case HttpEventKind::not_http: return "not_http";
    }
    return "";
}

std::string_view checksum_name(Checksum checksum) {
    switch (checksum) {
        case Checksum::good: return "good";
        case Checksum::bad: return "bad";
        case Checksum::partial: return "partial";
        case Checksum::unknown: return "unknown";
    }
    return "";
}

}  // namespace

JsonLines::JsonLines(Write write, std::string_view source, bool show_secrets)
    : out_(std::move(write)), show_secrets_(show_secrets) {
    put(out_, R"({{"type":"capture","schema":"{}")", kJsonSchema);
    text("source", source);
    put(out_, "}}\n");
}

void JsonLines::text(std::string_view name, std::string_view value) {
    put(out_, R"(,"{}":")", name);
    append_json(out_.buffer(), value);
    out_.buffer().push_back('"');
}

void JsonLines::options(const TcpOptions& options, bool syn) {
    put(out_, R"(,"options":{{)");
    bool first = true;
    const auto comma = [&] {
        if (!first) {
            out_.buffer().push_back(',');
        }
        first = false;
    };
    if (options.has_mss) {
        comma();
        put(out_, R"("mss":{})", options.mss);
    }
    if (options.has_window_scale) {
        comma();
        put(out_, R"("window_scale":{})", options.window_shift);
    }
    if (options.sack_permitted && syn) {
        comma();
        put(out_, R"("sack_permitted":true)");
    }
    if (options.has_timestamps) {
        comma();
        put(out_, R"("timestamp":{},"timestamp_echo":{})", options.timestamp,
            options.timestamp_echo);
    }
    if (options.sack_count > 0) {
        comma();
        put(out_, R"("sack":[)");
        for (unsigned i = 0; i < options.sack_count; ++i) {
            put(out_, "{}[{},{}]", i == 0 ? "" : ",", options.sack[i].left, options.sack[i].right);
        }
        out_.buffer().push_back(']');
    }
    if (options.malformed) {
        comma();
        put(out_, R"("malformed":true)");
    }
    out_.buffer().push_back('}');
}

void JsonLines::segment(const FrameEvent& event) {
    const Segment& segment = *event.segment;
    const Connection& connection = *event.connection;
    const SegmentAnalysis& result = event.analysis;
    put(out_, R"(,"stream":{},"from":"{}","source":"{}","destination":"{}")", connection.stream,
        side_name(connection, event.from), to_string(segment.from), to_string(segment.to));
    put(out_, R"(,"flags":{},"flags_text":"{}","seq":{},"seq_raw":{})", segment.flags,
        flags_text(segment.flags), result.relative_seq, segment.seq);
    put(out_, R"(,"ack":{},"ack_raw":{},"window":{},"window_raw":{})", result.relative_ack,
        segment.ack, result.window, segment.window);
    put(out_, R"(,"payload":{},"payload_captured":{},"checksum":"{}")", segment.length,
        segment.payload.size(), checksum_name(event.checksum));
    options(segment.options, segment.has(flag::syn));
    put(out_, R"(,"analysis":[)");
    bool first = true;
    for (int bit = 0; bit < kAnalysisBits; ++bit) {
        if ((result.bits >> bit & 1U) != 0) {
            put(out_, R"({}"{}")", first ? "" : ",", analysis_name(1U << bit));
            first = false;
        }
    }
    out_.buffer().push_back(']');
    if (result.duplicate_number != 0) {
        put(out_, R"(,"duplicate_ack":{{"number":{},"of":{}}})", result.duplicate_number,
            result.duplicate_of);
    }
    for (const int side : {connection.client, 1 - connection.client}) {
        put(out_, R"(,"{}_state":"{}","{}_state_inferred":{})", side_name(connection, side),
            to_string(event.states[side].state), side_name(connection, side),
            event.states[side].inferred);
    }
}

void JsonLines::message(const HttpEvent& event) {
    const HttpMessage& message = event.message();
    put(out_, R"({{"event":"{}","message":"{}","exchange":{})", kind_name(event.kind),
        event.request ? "request" : "response", event.exchange->index);
    if (event.request) {
        text("method", message.method());
        text("target", message.target());
    } else {
        put(out_, R"(,"status":{})", message.status);
        text("reason", message.reason());
    }
    text("version", message.version());
    put(out_, R"(,"first_frame":{},"head_frame":{},"last_frame":{})", message.first.frame,
        message.head.frame, message.last.frame);
    if (event.kind == HttpEventKind::head) {
        put(out_, R"(,"fields":[)");
        std::string_view before = R"({"name":")";
        for (const HttpField field : message.fields()) {
            out_.buffer().append(before);
            before = R"(,{"name":")";
            append_json(out_.buffer(), field.name);
            out_.buffer().append(std::string_view(R"(","value":")"));
            if (show_secrets_ || !is_secret(field.name)) {
                append_json(out_.buffer(), field.value);
            } else {
                append_json(out_.buffer(), shown_value(field, false));
            }
            out_.buffer().append(std::string_view(R"("})"));
        }
        out_.buffer().push_back(']');
    } else {
        put(out_, R"(,"framing":"{}","body":{},"bytes":{},"segments":{},"complete":{},"gap":{})",
            to_string(message.framing), message.body_bytes, message.total_bytes,
            message.segments_total, message.complete, message.gap);
        if (!message.error.empty()) {
            text("error", message.error);
        }
    }
    out_.buffer().push_back('}');
}

void JsonLines::http(std::span<const HttpEvent> events) {
    if (events.empty()) {
        return;
    }
    put(out_, R"(,"http":[)");
    bool first = true;
    for (const HttpEvent& event : events) {
        if (event.exchange == nullptr) {
            continue;
        }
        put(out_, "{}", first ? "" : ",");
        first = false;
        message(event);
    }
    out_.buffer().push_back(']');
}

void JsonLines::notes(std::span<const Note> notes) {
    if (notes.empty()) {
        return;
    }
    put(out_, R"(,"notes":[)");
    for (std::size_t i = 0; i < notes.size(); ++i) {
        const RuleText& rule = text_of(notes[i].rule);
        put(out_, R"({}{{"rule":"{}","severity":"{}")", i == 0 ? "" : ",", rule.id,
            to_string(rule.severity));
        text("source", rule.source);
        text("en", sentence(notes[i], Language::en));
        text("zh", sentence(notes[i], Language::zh));
        put(out_, R"(,"frames":[)");
        bool first = true;
        for (const std::uint64_t frame : notes[i].frames) {
            if (frame != 0) {
                put(out_, "{}{}", first ? "" : ",", frame);
                first = false;
            }
        }
        put(out_, "]}}");
    }
    out_.buffer().push_back(']');
}

void JsonLines::on_frame(const FrameEvent& event) {
    put(out_, R"({{"type":"frame","number":{},"time_ns":{},"length":{},"captured":{})",
        event.frame->number, event.frame->time, event.frame->length, event.frame->bytes.size());
    if (event.segment == nullptr) {
        text("skipped", to_string(event.decoded));
    } else {
        segment(event);
        http(event.http);
        notes(event.notes);
    }
    put(out_, "}}\n");
    out_.flush_if_full();
}

void JsonLines::mark(std::string_view name, Mark mark) {
    if (mark) {
        put(out_, R"(,"{}":{{"frame":{},"time_ns":{}}})", name, mark.frame, mark.time);
    }
}

void JsonLines::side(const Connection& connection, int which) {
    const Side& side = connection.sides[which];
    put(out_, R"(,"{}":{{"endpoint":"{}","segments":{},"payload":{},"resent":{})",
        side_name(connection, which), to_string(side.endpoint), side.segments, side.payload_bytes,
        side.resent);
    if (side.isn_seen) {
        put(out_, R"(,"isn":{})", side.isn);
        options(side.syn_options, true);
    }
    put(out_, R"(,"state":"{}","state_inferred":{})", to_string(side.state.state),
        side.state.inferred);
    mark("syn", side.syn);
    mark("first_data", side.first_data);
    mark("last_data", side.last_data);
    mark("fin", side.fin);
    mark("fin_acked", side.fin_acked);
    mark("rst", side.rst);
    out_.buffer().push_back('}');
}

void JsonLines::on_connection(const Connection& connection, std::span<const HttpEvent> events,
                              std::span<const Note> connection_notes) {
    put(out_, R"({{"type":"connection","stream":{},"client_seen":{},"is_http":{},"exchanges":{})",
        connection.stream, connection.client_seen, connection.http, connection.exchanges);
    mark("first", connection.first);
    mark("last", connection.last);
    mark("handshake_ack", connection.handshake_ack);
    if (connection.handshake_time != 0) {
        put(out_, R"(,"handshake_ns":{})", connection.handshake_time);
    }
    side(connection, connection.client);
    side(connection, 1 - connection.client);
    put(out_, R"(,"close":"{}")", to_string(connection.close));
    if (connection.close_starter >= 0) {
        put(out_, R"(,"close_started_by":"{}")", side_name(connection, connection.close_starter));
    }
    put(out_, R"(,"time_wait":[)");
    bool first = true;
    for (const int which : {0, 1}) {
        if ((connection.time_wait() >> which & 1U) != 0) {
            put(out_, R"({}"{}")", first ? "" : ",", side_name(connection, which));
            first = false;
        }
    }
    put(out_, R"(],"second_copies":{})", connection.second_copies);
    http(events);
    notes(connection_notes);
    put(out_, "}}\n");
    out_.flush_if_full();
}

void JsonLines::on_end(const Totals& totals, std::span<const Note> capture_notes) {
    put(out_, R"({{"type":"end","frames":{},"bytes":{},"segments":{},"connections":{})",
        totals.frames, totals.bytes, totals.segments, totals.connections);
    put(out_, R"(,"not_tcp":{},"malformed":{},"cut":{},"fragments":{},"forgotten":{})",
        totals.not_tcp, totals.malformed, totals.cut, totals.fragments, totals.forgotten);
    notes(capture_notes);
    put(out_, "}}\n");
    out_.flush();
}

void JsonLines::on_error(std::string_view why) {
    put(out_, R"({{"type":"error")");
    text("what", why);
    put(out_, "}}\n");
    out_.flush();
}

}  // namespace sluice::wire

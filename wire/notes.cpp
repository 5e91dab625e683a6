#include "wire/notes.h"

#include <fmt/args.h>
#include <fmt/format.h>

#include <utility>

#include "wire/analyzer.h"

namespace sluice::wire {

namespace {

constexpr std::uint32_t kJumboBytes = 9'216;  // the largest usual MTU

constexpr RuleText kRules[] = {
    {"offload.frame_larger_than_mss", Severity::lesson, "RFC 9293 section 3.7.1",
     "This segment carries {0} bytes, more than the {1} that one segment may: the capture was "
     "taken "
     "before the network card cut it up (segmentation offload), or after the kernel joined "
     "several. "
     "On the wire there were more, smaller segments.",
     "该报文段携带 {0} 字节，超过一个报文段允许的 {1} "
     "字节：抓包点在网卡切分之前（分段卸载），或在内核合并之后。真正在线路上的是更多、更小的报文段"
     "。"},
    {"offload.checksum_not_filled_in", Severity::lesson, "RFC 9293 section 3.1",
     "The checksum is not an error: it holds only the sum of the pseudo header, because the "
     "network "
     "card (or nobody, on loopback) was to add the rest after the capture point.",
     "校验和并没有错：此处只有伪首部之和，其余部分要在抓包点之后由网卡补上（回环接口上则不必补）"
     "。"},
    {"tcp.checksum_bad", Severity::problem, "RFC 9293 section 3.1",
     "The checksum does not match the segment: it was damaged, or changed on its way.",
     "校验和与报文段内容不符：报文在途中损坏或被改动。"},
    {"capture.second_copy", Severity::lesson, "packet(7)",
     "This is frame {0} once more: a tap on the loopback interface sees each packet leave and "
     "arrive. The second copies are marked and counted nowhere.",
     "这是第 {0} "
     "帧的第二份：在回环接口上抓包，每个包发出和到达各被看到一次。第二份只作标记，不参与统计。"},
    {"capture.no_segments", Severity::warning, "Npcap: loopback adapter",
     "There is not one TCP segment in this capture. On Windows, traffic to 127.0.0.1 passes only "
     "the Npcap loopback adapter; elsewhere choose lo. Or use sluice wire --lab.",
     "抓包中没有任何 TCP 报文段。在 Windows 上，发往 127.0.0.1 的流量只经过 Npcap "
     "回环适配器；其他系统请选择 lo 接口；也可以使用 sluice wire --lab。"},
    {"tcp.relative_numbers", Severity::lesson, "RFC 9293 section 3.4",
     "Sequence numbers are shown relative to the first one of each side. On the wire this SYN "
     "carries {0}: initial numbers are chosen so that nobody can guess them.",
     "序号以各方的初始序号为起点相对显示。线路上这个 SYN 的真实序号是 "
     "{0}：初始序号要让别人猜不到。"},
    {"tcp.handshake_missing", Severity::note, "RFC 9293 section 3.5",
     "The capture begins in the middle of this connection: no SYN. Window scales and which side is "
     "the client can only be concluded.",
     "抓包开始时该连接已经存在（没有 SYN）：窗口扩大因子未知，哪一方是客户端只能推断。"},
    {"tcp.refused", Severity::note, "RFC 9293 section 3.5.2",
     "The SYN was answered with RST: nobody listens on port {0}. The program that tried sees "
     "\"connection refused\".",
     "SYN 得到的回答是 RST：{0} 端口没有程序在监听，客户程序看到的是“连接被拒绝”。"},
    {"tcp.silent_connection", Severity::lesson, "RFC 9112 section 9.4",
     "This connection was opened and never carried a byte: browsers open spare ones ahead of need "
     "(preconnect), and give up those that they do not use.",
     "该连接建立后没有传过一个字节：浏览器会预先多开连接（预连接），用不上就关闭。"},
    {"tcp.ports_reused", Severity::note, "RFC 9293 section 3.6",
     "The same two ports as in an earlier connection, with a new initial number: a new connection.",
     "与之前某个连接的两个端口相同，但初始序号是新的：这是一个新连接。"},
    {"tcp.simultaneous_open", Severity::lesson, "RFC 9293 section 3.5",
     "Both sides sent SYN before they had the other's: a simultaneous open. It makes one "
     "connection, "
     "not two, and there is no server in it.",
     "双方在收到对方的 SYN 之前都发出了自己的 "
     "SYN：同时打开。结果是一个连接而不是两个，其中没有服务器。"},
    {"close.three_segments", Severity::lesson, "RFC 9293 section 3.6",
     "The close took three segments, not four: the {0} had nothing more to send when the FIN came, "
     "so its ACK and its own FIN left in one segment. The {1} closed first and holds TIME_WAIT "
     "(inferred). A half-close with data still to come would make it four.",
     "关闭只用了三个报文段而不是四个：{0}收到 FIN 时已没有数据要发，于是把 ACK 和自己的 FIN "
     "合在一个报文段里。{1}先关闭，由它停留在 "
     "TIME_WAIT（推断）。若半关闭后对方还有数据，就会是四个。"},
    {"close.four_segments", Severity::lesson, "RFC 9293 section 3.6",
     "The close took the four segments of the textbook: the {0} acknowledged the FIN first and "
     "sent "
     "its own later, when its program closed as well. The {1} closed first and holds TIME_WAIT "
     "(inferred).",
     "关闭用了教科书上的四个报文段：{0}先确认对方的 FIN，等自己的程序也关闭时才发出 "
     "FIN。{1}先关闭，由它停留在 TIME_WAIT（推断）。"},
    {"close.simultaneous", Severity::lesson, "RFC 9293 section 3.6",
     "Both sides sent FIN before they had the other's: a simultaneous close. Both pass through "
     "CLOSING and hold TIME_WAIT (inferred).",
     "双方在收到对方的 FIN 之前都发出了自己的 FIN：同时关闭。双方都经过 CLOSING 并停留在 "
     "TIME_WAIT（推断）。"},
    {"close.half_closed", Severity::lesson, "RFC 9293 section 3.6.1",
     "Half-closed: the {0} has sent FIN and can send no more, but it still receives; the {1} goes "
     "on sending.",
     "半关闭：{0}已发出 FIN，不能再发数据，但仍可接收；{1}继续发送。"},
    {"close.reset_after_response", Severity::warning, "RFC 9112 section 9.6",
     "The {0} reset the connection after a complete response (frame {1}). That happens when a "
     "program closes while bytes wait unread, or when data reach a closed socket; a server avoids "
     "it by shutting down its sending side and reading on for a while.",
     "{0}在完整的响应（第 {1} 帧）之后复位了连接。程序关闭时还有未读数据，或数据到达已关闭的套接字"
     "时就会如此；服务器应先关闭发送方向，再继续读一段时间。"},
    {"close.reset", Severity::note, "RFC 9293 section 3.5.3",
     "The {0} reset the connection: no FIN, nothing is acknowledged, what was on its way is lost, "
     "and neither side keeps TIME_WAIT.",
     "{0}复位了连接：没有 FIN，不再确认，途中的数据全部丢弃，双方都不进入 TIME_WAIT。"},
    {"tcp.retransmission", Severity::warning, "RFC 9293 section 3.8.1",
     "Sent again: bytes {0} and on were sent before.", "重传：从相对序号 {0} 起的字节以前发送过。"},
    {"tcp.segment_not_captured", Severity::note, "RFC 9293 section 3.4",
     "A segment before this one is not in the capture: it was lost, or comes late.",
     "在此之前有报文段不在抓包中：丢失了，或者迟到。"},
    {"tcp.ack_of_unseen", Severity::note, "RFC 9293 section 3.4",
     "This acknowledges bytes that the capture does not have: the capture missed them, the "
     "connection did not.",
     "这里确认了抓包中没有的字节：漏掉它们的是抓包，而不是连接。"},
    {"tcp.zero_window", Severity::warning, "RFC 9293 section 3.8.6",
     "The {0} has no room left: its program does not read. The other side must wait.",
     "{0}的接收缓冲区已满（窗口为 0）：它的程序没有读取数据，对方只能等待。"},
    {"tcp.window_full", Severity::note, "RFC 9293 section 3.8.6",
     "This segment fills the window that the {0} had announced, to the last byte.",
     "该报文段恰好填满{0}通告的窗口。"},
    {"tcp.keep_alive", Severity::note, "RFC 9293 section 3.8.4",
     "A TCP keep-alive: one number before the next, to see whether the other side is still there. "
     "It has nothing to do with HTTP's keep-alive. To a closed window the same segment asks "
     "whether it is open again.",
     "TCP 保活探测：序号比下一个少一，用来确认对方还在。与 HTTP 的 keep-alive "
     "无关。对方窗口为 0 时，同样的报文段用来询问窗口是否重新打开。"},
    {"http.not_modified", Severity::lesson, "RFC 9110 section 15.4.5",
     "304 is a success: the copy that the client has is still right, so no body is sent. What "
     "decided: {0}.",
     "304 是成功：客户端的副本仍然有效，因此不再传正文。判断依据：{0}。"},
    {"http.favicon", Severity::lesson, "HTML: link type icon",
     "Browsers ask for the page's icon by themselves; it is no part of the page.",
     "浏览器会自动请求网站图标，它不属于页面内容。"},
    {"http.cut_short", Severity::problem, "RFC 9112 section 8", "This {0} is incomplete: {1}.",
     "该{0}不完整：{1}。"},
    {"http.pipelined", Severity::lesson, "RFC 9112 section 9.3.2",
     "Pipelining: this request was sent before the one before it was answered. Answers come in the "
     "order of the requests.",
     "流水线：上一个请求尚未得到回答就发出了这一个；回答按请求的顺序返回。"},
    {"http.interim", Severity::lesson, "RFC 9110 section 15.2",
     "An interim answer ({0}): the final one follows.", "临时响应（{0}）：最终响应随后到来。"},
    {"http.head_has_no_body", Severity::lesson, "RFC 9110 section 9.3.2",
     "The answer to HEAD has the fields of one to GET, Content-Length included, and no body.",
     "HEAD 的响应带有与 GET 相同的首部（包括 Content-Length），但没有正文。"},
    {"http.credentials", Severity::warning, "RFC 7617 section 4",
     "The field {0} carries credentials in the clear: whoever sees this frame has them. Their "
     "value "
     "is hidden here.",
     "{0} 首部以明文携带凭据：任何看到这一帧的人都能得到它。此处已隐去其值。"},
    {"http.closes_by_version", Severity::lesson, "RFC 9112 section 9.3",
     "An HTTP/1.0 exchange: without \"keep-alive\" the server closes the connection after its "
     "answer.",
     "HTTP/1.0 交互：没有 keep-alive 时，服务器回答之后就关闭连接。"},
};
static_assert(std::size(kRules) == static_cast<std::size_t>(Rule::count));

// Arguments that are words; sentence() translates them.
constexpr struct {
    std::string_view key;
    std::string_view en;
    std::string_view zh;
} kWords[] = {
    {"@client", "client", "客户端"},
    {"@server", "server", "服务器"},
    {"@request", "request", "请求"},
    {"@response", "response", "响应"},
    {"the connection broke off inside of it", "the connection broke off inside of it",
     "连接在中途断开"},
    {"its sender ended inside of it", "its sender ended inside of it", "发送方在中途结束"},
    {"bytes of it are not in the capture", "bytes of it are not in the capture",
     "有字节不在抓包中"},
    {"its first line is not one of HTTP", "its first line is not one of HTTP",
     "首行不符合 HTTP 格式"},
    {"its first line is too long", "its first line is too long", "首行过长"},
    {"its head is too long", "its head is too long", "首部过长"},
};

std::string word(const std::string& argument, Language language) {
    for (const auto& one : kWords) {
        if (one.key == argument) {
            return std::string(language == Language::en ? one.en : one.zh);
        }
    }
    return argument;
}

std::string side_word(const Connection& connection, int side) {
    return side == connection.client ? "@client" : "@server";
}

// A note's arguments and frames. Without frames it is about the event's frame.
struct Details {
    std::string first;
    std::string second;
    std::array<std::uint64_t, 4> frames{};
};

// Adds a note for the event.
void add(const FrameEvent& event, NoteState& state, std::vector<Note>& out, Rule rule,
         Details details = {}) {
    state.said |= std::uint64_t{1} << static_cast<unsigned>(rule);
    if (details.frames[0] == 0) {
        details.frames[0] = event.frame->number;
    }
    out.push_back({rule,
                   event.connection->stream,
                   true,
                   details.frames,
                   {std::move(details.first), std::move(details.second)}});
}

// The same, but at most once for each rule and connection.
void add_once(const FrameEvent& event, NoteState& state, std::vector<Note>& out, Rule rule,
              Details details = {}) {
    if ((state.said >> static_cast<unsigned>(rule) & 1U) == 0) {
        add(event, state, out, rule, std::move(details));
    }
}
static_assert(static_cast<unsigned>(Rule::count) <= 64);

void see_size(const FrameEvent& event, NoteState& state, std::vector<Note>& out) {
    const Segment& segment = *event.segment;
    const Side& peer = event.connection->sides[1 - event.from];
    const std::uint32_t most = peer.syn_options.has_mss
                                   ? peer.syn_options.mss
                                   : (peer.endpoint.address.is_loopback() ? 0 : kJumboBytes);
    if (most != 0 && segment.length > most) {
        add_once(event, state, out, Rule::frame_larger_than_mss,
                 {fmt::to_string(segment.length), fmt::to_string(most)});
    }
    if (event.checksum == Checksum::partial) {
        add_once(event, state, out, Rule::checksum_not_filled_in);
    } else if (event.checksum == Checksum::bad) {
        add(event, state, out, Rule::checksum_bad);
    }
}

void see_analysis(const FrameEvent& event, NoteState& state, std::vector<Note>& out) {
    const std::uint32_t bits = event.analysis.bits;
    if (bits == 0) {
        return;
    }
    if ((bits & analysis::ports_reused) != 0) {
        add(event, state, out, Rule::ports_reused);
    }
    if ((bits & analysis::resent) != 0) {
        add(event, state, out, Rule::retransmission, {fmt::to_string(event.analysis.relative_seq)});
    }
    if ((bits & analysis::previous_lost) != 0) {
        add(event, state, out, Rule::segment_not_captured);
    }
    if ((bits & analysis::acked_unseen) != 0) {
        add(event, state, out, Rule::ack_of_unseen);
    }
    if ((bits & analysis::zero_window) != 0) {
        add_once(event, state, out, Rule::zero_window, {side_word(*event.connection, event.from)});
    }
    if ((bits & analysis::window_full) != 0) {
        add_once(event, state, out, Rule::window_full,
                 {side_word(*event.connection, 1 - event.from)});
    }
    if ((bits & analysis::keep_alive) != 0) {
        add_once(event, state, out, Rule::keep_alive_probe);
    }
}

void see_reset(const FrameEvent& event, NoteState& state, std::vector<Note>& out) {
    const Connection& connection = *event.connection;
    if (connection.sides[event.from].rst.frame != event.frame->number) {
        return;
    }
    if (connection.close == Close::refused) {
        add(event, state, out, Rule::connection_refused,
            {fmt::to_string(event.segment->from.port)});
        return;
    }
    if (connection.close != Close::reset) {
        return;
    }
    const bool answered = state.last_response_frame != 0 && !state.requests_waiting;
    add_once(event, state, out, answered ? Rule::reset_after_response : Rule::reset_of_connection,
             {side_word(connection, event.from), fmt::to_string(state.last_response_frame)});
}

std::string deciding_validator(const HttpExchange& exchange) {
    for (const std::string_view name : {"If-None-Match", "If-Modified-Since"}) {
        if (const auto value = exchange.request.field(name)) {
            return fmt::format("{}: {}", name, *value);
        }
    }
    return "?";
}

}  // namespace

const RuleText& text_of(Rule rule) noexcept {
    return kRules[static_cast<std::size_t>(rule)];
}

std::string sentence(const Note& note, Language language) {
    const RuleText& text = text_of(note.rule);
    const std::string first = word(note.arguments[0], language);
    const std::string second = word(note.arguments[1], language);
    const std::string_view shape = language == Language::en ? text.en : text.zh;
    return fmt::format(fmt::runtime(shape), first, second);
}

void Notes::see_segment(const FrameEvent& event, NoteState& state, std::vector<Note>& out) {
    const Segment& segment = *event.segment;
    const Connection& connection = *event.connection;
    if ((event.analysis.bits & analysis::second_copy) != 0) {
        if (!said_copies_) {
            said_copies_ = true;
            add(event, state, out, Rule::second_copy, {fmt::to_string(event.frame->number - 1)});
        }
        return;
    }
    if (segment.has(flag::syn) && !said_relative_) {
        said_relative_ = true;
        add(event, state, out, Rule::relative_numbers, {fmt::to_string(segment.seq)});
    }
    if (connection.first.frame == event.frame->number && !segment.has(flag::syn) &&
        !segment.has(flag::rst)) {
        add(event, state, out, Rule::handshake_missing);
    }
    const Mark& other_syn = connection.sides[1 - event.from].syn;
    if (segment.has(flag::syn) && !segment.has(flag::ack) && other_syn && !state.syn_ack_seen) {
        add_once(event, state, out, Rule::simultaneous_open,
                 {.frames = {other_syn.frame, event.frame->number}});
    }
    state.syn_ack_seen |= segment.has(flag::syn | flag::ack);
    see_size(event, state, out);
    see_analysis(event, state, out);
    if (segment.has(flag::rst)) {
        see_reset(event, state, out);
    }
}

void Notes::see_http(const FrameEvent& event, NoteState& state, std::vector<Note>& out) const {
    for (const HttpEvent& one : event.http) {
        if (one.exchange == nullptr) {
            continue;
        }
        const HttpExchange& exchange = *one.exchange;
        const HttpMessage& message = one.message();
        if (one.kind == HttpEventKind::cut) {
            add(event, state, out, Rule::http_cut_short,
                {one.request ? "@request" : "@response", std::string(message.error)});
        }
        if (one.kind == HttpEventKind::head && one.interim >= 0) {
            add(event, state, out, Rule::http_interim, {fmt::to_string(message.status)});
        } else if (one.kind == HttpEventKind::head && one.request) {
            state.requests_waiting = true;
            if (exchange.pipelined) {
                add_once(event, state, out, Rule::http_pipelined);
            }
            if (message.target().starts_with("/favicon.")) {
                add(event, state, out, Rule::http_favicon);
            }
            if (message.field("Authorization")) {
                add_once(event, state, out, Rule::http_credentials, {"Authorization"});
            }
        } else if (one.kind == HttpEventKind::end && !one.request) {
            state.requests_waiting = false;
            state.last_response_frame = event.frame->number;
            if (message.status == 304) {
                add(event, state, out, Rule::http_not_modified, {deciding_validator(exchange)});
            }
            if (exchange.request.method() == "HEAD") {
                add_once(event, state, out, Rule::http_head_has_no_body);
            }
            if (exchange.request.version() == "HTTP/1.0" && !exchange.request.field("Connection")) {
                add_once(event, state, out, Rule::http_closed_by_version);
            }
        }
    }
}

void Notes::see_close(const FrameEvent& event, NoteState& state, std::vector<Note>& out) const {
    const Connection& connection = *event.connection;
    const int starter = connection.close_starter;
    if (starter < 0) {
        return;
    }
    const Side& first = connection.sides[starter];
    const Side& second = connection.sides[1 - starter];
    if (connection.close == Close::half && event.from != starter && event.segment->length > 0 &&
        first.fin.frame < event.frame->number) {
        add_once(event, state, out, Rule::half_close,
                 {side_word(connection, starter), side_word(connection, 1 - starter)});
    }
    const std::uint64_t now = event.frame->number;
    if (!first.fin_acked || !second.fin_acked ||
        (first.fin_acked.frame != now && second.fin_acked.frame != now)) {
        return;
    }
    const Rule rule = connection.close == Close::three  ? Rule::close_in_three
                      : connection.close == Close::four ? Rule::close_in_four
                                                        : Rule::close_simultaneous;
    if (connection.close == Close::reset) {
        return;
    }
    Details details{side_word(connection, 1 - starter), side_word(connection, starter)};
    if (rule == Rule::close_in_three) {
        details.frames = {first.fin.frame, second.fin.frame, second.fin_acked.frame};
    } else {
        details.frames = {first.fin.frame, first.fin_acked.frame, second.fin.frame,
                          second.fin_acked.frame};
    }
    add_once(event, state, out, rule, std::move(details));
}

void Notes::see(const FrameEvent& event, NoteState& state, std::vector<Note>& out) {
    see_segment(event, state, out);
    if ((event.analysis.bits & analysis::second_copy) == 0) {
        see_http(event, state, out);
        see_close(event, state, out);
    }
}

void Notes::end_connection(const Connection& connection, std::vector<Note>& out) const {
    const bool opened = connection.handshake_ack.frame != 0;
    if (opened && connection.sides[0].payload_bytes == 0 &&
        connection.sides[1].payload_bytes == 0) {
        Note note;
        note.rule = Rule::connection_silent;
        note.stream = connection.stream;
        note.has_stream = true;
        note.frames = {connection.client_side().syn.frame, connection.last.frame, 0, 0};
        out.push_back(std::move(note));
    }
}

void Notes::end_capture(std::uint64_t segments, std::vector<Note>& out) const {
    if (segments == 0) {
        out.push_back({Rule::nothing_captured, 0, false, {}, {}});
    }
}

}  // namespace sluice::wire

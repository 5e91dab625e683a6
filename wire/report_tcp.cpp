// The report's sections on segments, opening, closing and times, and the assignment's questions.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "wire/diagram.h"
#include "wire/output.h"
#include "wire/report_parts.h"

namespace sluice::wire {

namespace {

constexpr std::size_t kDrawnMax = 120;  // segments in a drawing

// As Wireshark writes them after a SYN.
std::string option_text(const TcpOptions& options) {
    std::string text;
    if (options.has_mss) {
        text += fmt::format(" MSS={}", options.mss);
    }
    if (options.has_window_scale) {
        text += fmt::format(" WS={}", 1U << options.window_shift);
    }
    if (options.sack_permitted) {
        text += " SACK_PERM";
    }
    if (options.has_timestamps) {
        text += fmt::format(" TSval={} TSecr={}", options.timestamp, options.timestamp_echo);
    }
    return text;
}

}  // namespace

void write_syn_options(Document& document, const std::vector<SynColumn>& columns,
                       Language language) {
    const auto say = [&](std::string_view en, std::string_view zh) {
        return std::string(language == Language::en ? en : zh);
    };
    const std::string none = say("not offered", "未提供");
    std::vector<Row> rows;
    const auto add = [&](std::string name, std::string what,
                         const std::function<std::string(const TcpOptions&)>& value) {
        Row row{std::move(name)};
        for (const SynColumn& column : columns) {
            row.push_back(value(*column.options));
        }
        row.push_back(std::move(what));
        rows.push_back(std::move(row));
    };
    add("MSS",
        say("largest payload of a segment that the sender wants to get",
            "希望对方每个报文段最多携带的数据字节数"),
        [&](const TcpOptions& o) { return o.has_mss ? fmt::to_string(o.mss) : none; });
    add(say("Window scale", "窗口扩大"),
        say("the window field is multiplied by this, if both offer it",
            "双方都提供时，窗口字段乘以此倍数"),
        [&](const TcpOptions& o) {
            return o.has_window_scale
                       ? fmt::format("{} (×{})", o.window_shift, 1U << o.window_shift)
                       : none;
        });
    add("SACK", say("holes in what has come may be told apart", "允许选择确认，指出缺失的片段"),
        [&](const TcpOptions& o) { return o.sack_permitted ? say("permitted", "允许") : none; });
    add(say("Timestamps", "时间戳"),
        say("for measuring the round trip, and against old duplicates",
            "用于测量往返时间，并防止旧的重复报文"),
        [&](const TcpOptions& o) {
            return o.has_timestamps ? fmt::format("{} / {}", o.timestamp, o.timestamp_echo) : none;
        });
    Row head{say("Option", "选项")};
    for (const SynColumn& column : columns) {
        head.push_back(column.title);
    }
    head.push_back(say("Meaning", "含义"));
    document.table(head, rows);
}

Row Report::segment_head() const {
    return {say("Frame", "帧"),
            say("Time", "时间"),
            say("From", "发送方"),
            say("Segment", "报文段"),
            say("Raw seq / ack", "真实序号 / 确认号"),
            say("Client", "客户端状态"),
            say("Server", "服务器状态")};
}

Row Report::segment_row(const ConnectionRecord& record, std::uint64_t number) const {
    const FrameRecord* frame = record.frame(number);
    if (frame == nullptr) {
        return {fmt::to_string(number), say("not kept", "未保留"), "", "", "", "", ""};
    }
    const Connection& connection = record.connection;
    const bool has_ack = (frame->flags & flag::ack) != 0;
    const Side& sender = connection.sides[frame->from];
    const bool syn = (frame->flags & flag::syn) != 0 && sender.syn.frame == number;
    return {
        fmt::to_string(number),
        fmt::format("{:.6f}\u00a0s",
                    static_cast<double>(frame->time - connection.first.time) / 1e9),
        side(frame->from, connection),
        literal(fmt::format(
            "[{}] Seq={}{} Win={} Len={}{}", flags_text(frame->flags), frame->analysis.relative_seq,
            has_ack ? fmt::format(" Ack={}", frame->analysis.relative_ack) : "",
            frame->analysis.window, frame->length, syn ? option_text(sender.syn_options) : "")),
        fmt::format("{} / {}", frame->seq, has_ack ? fmt::to_string(frame->ack) : "-"),
        state(frame->states[connection.client]),
        state(frame->states[1 - connection.client])};
}

void Report::write_handshake() {
    out_.heading(2, section("Three-way handshake", "三次握手"));
    const Connection& connection = main_->connection;
    const Side& client = connection.client_side();
    const Side& server = connection.server_side();
    if (!client.syn || !server.syn || !connection.handshake_ack) {
        const FrameRecord* second = main_->frame(server.syn.frame);
        const bool both = client.syn && second != nullptr && (second->flags & flag::ack) == 0;
        out_.paragraph(
            both ? say("Both sides sent SYN before they had the other's: a simultaneous open "
                       "(RFC 9293 section 3.5). There is no client and no server in it.",
                       "双方在收到对方的 SYN 之前都发出了 SYN：同时打开（RFC 9293 第 3.5 "
                       "节），其中没有客户端与服务器之分。")
                 : say("The handshake of this connection is not (wholly) in the capture.",
                       "该连接的握手不在（或不完全在）抓包中。"));
        return;
    }
    out_.table(segment_head(),
               {segment_row(*main_, client.syn.frame), segment_row(*main_, server.syn.frame),
                segment_row(*main_, connection.handshake_ack.frame)});
    out_.items(
        {fmt::format(fmt::runtime(say(
                         "**First**: the client sends SYN with its initial number {0} (relative 0) "
                         "and is in SYN_SENT. A SYN carries no data here but takes one number.",
                         "**第一次握手**：客户端发送 SYN，初始序号为 {0}（相对值 0），进入 "
                         "SYN_SENT。这里的 SYN 不携带数据，但占用一个序号。")),
                     client.isn),
         fmt::format(fmt::runtime(say(
                         "**Second**: the server agrees with SYN and ACK in one segment: its own "
                         "initial number is {0}, and it acknowledges {1}, the client's number plus "
                         "one. It is in SYN_RCVD.",
                         "**第二次握手**：服务器同意，在同一个报文段里发送 SYN 和 ACK：自己的初始序"
                         "号为 {0}，确认号为 {1}，即客户端序号加一；进入 SYN_RCVD。")),
                     server.isn, client.isn + 1),
         fmt::format(
             fmt::runtime(say("**Third**: the client acknowledges {0}, the server's number plus "
                              "one. Both are ESTABLISHED. From SYN to this ACK it took {1}.",
                              "**第三次握手**：客户端确认 {0}，即服务器序号加一；双方进入 "
                              "ESTABLISHED。从 SYN 到这个 ACK 用时 {1}。")),
             server.isn + 1, duration(connection.handshake_ack.time - client.syn.time))},
        false);
    out_.heading(3, say("Options of the SYN segments", "SYN 报文段中的选项"));
    write_syn_options(out_,
                      {{say("Client's SYN", "客户端 SYN"), &client.syn_options},
                       {say("Server's SYN, ACK", "服务器 SYN, ACK"), &server.syn_options}},
                      options_.language);
}

void Report::write_sequence() {
    out_.heading(2, section("The whole connection", "整个连接的时序"));
    std::string caption =
        say("Time runs downwards. Distances are to scale (20 pixels for a millisecond) between a "
            "least one that keeps the labels readable and a largest one; longer pauses are broken "
            "and carry their length. Left: frame number and seconds since the first segment.",
            "时间自上而下。间距按比例绘制（每毫秒 20 "
            "像素），但不小于文字所需、不大于上限；更长的间隔用断线表示并注明时长。左侧为帧号和相对"
            "第一个报文段的秒数。");
    if (main_->frames.size() > kDrawnMax) {
        caption += fmt::format(fmt::runtime(say(" The first {} of {} segments.",
                                                "此处为 {1} 个报文段中的前 {0} 个。")),
                               kDrawnMax, main_->frames.size());
    }
    out_.drawing(sequence_svg(*main_, options_.language, kDrawnMax),
                 sequence_text(*main_, options_.language, kDrawnMax), caption);
}

void Report::write_phases() {
    out_.heading(2, section("Where the time went", "时间花在哪里"));
    const Connection& connection = main_->connection;
    std::vector<Row> rows;
    const auto add = [&](std::string what, Mark from, Mark to, std::string frames) {
        if (from && to && to.time >= from.time) {
            rows.push_back({std::move(what),
                            from.frame == to.frame ? say("one segment", "单个报文段")
                                                   : duration(to.time - from.time),
                            std::move(frames)});
        }
    };
    const auto frames = [](std::uint64_t a, std::uint64_t b) { return "#" + frame_span(a, b); };
    const Mark syn = connection.client_side().syn;
    add(say("Handshake: SYN to ACK", "握手：SYN 到 ACK"), syn, connection.handshake_ack,
        frames(syn.frame, connection.handshake_ack.frame));
    Mark last = connection.handshake_ack;
    for (const auto& exchange : main_->exchanges) {
        const HttpMessage& request = exchange->request;
        const HttpMessage& response = exchange->response;
        if (!request.begun || rows.size() > kReportListMax) {
            continue;
        }
        const auto mark = [](const Origin& origin) { return Mark{origin.frame, origin.time}; };
        const std::string number = fmt::format(" {}", exchange->index + 1);
        add(say("Idle before request", "请求前的空闲，请求") + number, last, mark(request.first),
            frames(last.frame, request.first.frame));
        add(say("Sending request", "发送请求") + number, mark(request.first), mark(request.last),
            frames(request.first.frame, request.last.frame));
        if (response.begun) {
            add(say("Server time until its first byte, response", "服务器处理（到首字节），响应") +
                    number,
                mark(request.last), mark(response.first),
                frames(request.last.frame, response.first.frame));
            add(say("Transfer of response", "传送响应") + number, mark(response.first),
                mark(response.last), frames(response.first.frame, response.last.frame));
            last = mark(response.last);
        }
    }
    if (connection.close_starter >= 0 && connection.sides[connection.close_starter].fin) {
        const Side& first = connection.sides[connection.close_starter];
        const Side& second = connection.sides[1 - connection.close_starter];
        add(say("Idle before the close", "关闭前的空闲"), last, first.fin,
            frames(last.frame, first.fin.frame));
        add(say("Close: first FIN to last ACK", "关闭：第一个 FIN 到最后一个 ACK"), first.fin,
            second.fin_acked, frames(first.fin.frame, second.fin_acked.frame));
    }
    out_.table({say("Phase", "阶段"), say("Time", "用时"), say("Frames", "帧")}, rows);
    out_.paragraph(
        say("How long the connection waited in the server's queue before it was accepted "
            "does not show on the wire: the kernel completes the handshake by itself. It "
            "is part of the server time of the first request.",
            "连接在服务器的接受队列里等了多久，线路上看不出来：握手由内核独自完成。这段时间"
            "包含在第一个请求的服务器处理时间里。"));
    write_waterfall();
}

void Report::write_waterfall() {
    std::vector<Bar> bars;
    for (const ConnectionRecord& one : record_.connections()) {
        const Connection& c = one.connection;
        if (bars.size() == kReportListMax || !c.first) {
            break;
        }
        Bar bar;
        std::string name;
        for (const ReportScenario& scenario : options_.scenarios) {
            if (scenario.client_port == c.client_side().endpoint.port) {
                name = scenario.id == "301_own" ? "301" : scenario.id;
            }
        }
        bar.label = fmt::format("{} :{} {}", c.stream, c.client_side().endpoint.port, name);
        bar.begin = c.first.time;
        bar.end = c.last.time;
        if (c.client_side().syn && c.handshake_ack) {
            bar.parts.push_back({c.client_side().syn.time, c.handshake_ack.time, "handshake"});
        }
        for (const auto& exchange : one.exchanges) {
            const HttpMessage& request = exchange->request;
            const HttpMessage& response = exchange->response;
            if (request.begun && response.begun) {
                bar.parts.push_back({request.last.time, response.first.time, "server"});
                bar.parts.push_back({response.first.time, response.last.time, "transfer"});
            }
        }
        if (c.close_starter >= 0 && c.sides[c.close_starter].fin) {
            bar.parts.push_back({c.sides[c.close_starter].fin.time, c.last.time, "close"});
        }
        bars.push_back(std::move(bar));
    }
    out_.heading(3, say("All connections", "全部连接"));
    out_.drawing(
        waterfall_svg(bars, options_.language), waterfall_text(bars),
        say("One line for each connection, to scale: number, the client's port, what it "
            "was for. Violet: handshake; orange: server time; green: transfer; red: close.",
            "每行一个连接，按比例绘制：编号、客户端端口、用途。紫色为握手，橙色为服务器处理，"
            "绿色为传送，红色为关闭。"));
}

// One step for each segment of the close, with its numbers.
void Report::write_close_steps(const Connection& connection) {
    const int starter = connection.close_starter;
    const Side& first = connection.sides[starter];
    const Side& second = connection.sides[1 - starter];
    const std::string one = side(starter, connection);
    const std::string other = side(1 - starter, connection);
    std::vector<std::string> steps;
    const auto add = [&](const Mark& mark, std::string_view en, std::string_view zh) {
        const FrameRecord* frame = mark ? main_->frame(mark.frame) : nullptr;
        if (frame != nullptr) {
            steps.push_back(fmt::format(fmt::runtime(say(en, zh)), mark.frame, one, other,
                                        frame->analysis.relative_seq,
                                        frame->analysis.relative_ack));
        }
    };
    const bool merged = connection.close == Close::three;
    if (connection.close != Close::four && !merged && connection.close != Close::half) {
        return;
    }
    add(first.fin,
        "**First** (#{0}): the {1} sends FIN, Seq={3}: it has nothing more to send. It is in "
        "FIN_WAIT_1.",
        "**第一次挥手**（#{0}）：{1}发送 FIN，Seq={3}，表示已没有数据要发送，进入 FIN_WAIT_1。");
    if (merged) {
        add(second.fin,
            "**Second and third in one** (#{0}): the {2} acknowledges it (Ack={4}) and sends its "
            "own FIN, Seq={3}, in the same segment. It goes from CLOSE_WAIT to LAST_ACK at once.",
            "**第二、三次挥手合并**（#{0}）：{2}在同一个报文段里确认（Ack={4}）并发送自己的 "
            "FIN，Seq={3}，由 CLOSE_WAIT 直接进入 LAST_ACK。");
    } else {
        add(first.fin_acked,
            "**Second** (#{0}): the {2} acknowledges it, Ack={4}, and is in CLOSE_WAIT: it may "
            "still send. The {1} goes to FIN_WAIT_2 (inferred).",
            "**第二次挥手**（#{0}）：{2}确认，Ack={4}，进入 "
            "CLOSE_WAIT，此时它仍可发送数据；{1}进入 "
            "FIN_WAIT_2（推断）。");
        add(second.fin,
            "**Third** (#{0}): the {2} has nothing more to send either and sends its FIN, Seq={3}. "
            "It is in LAST_ACK.",
            "**第三次挥手**（#{0}）：{2}也没有数据要发送了，发送 FIN，Seq={3}，进入 LAST_ACK。");
    }
    add(second.fin_acked,
        "**Last** (#{0}): the {1} acknowledges with Ack={4} and goes to TIME_WAIT (inferred). The "
        "{2} is CLOSED when this has come (inferred).",
        "**最后一次挥手**（#{0}）：{1}确认，Ack={4}，进入 TIME_WAIT（推断）；{2}收到后进入 "
        "CLOSED（推断）。");
    out_.items(steps, false);
    if (connection.close == Close::four && first.fin_acked && second.fin) {
        out_.paragraph(fmt::format(
            fmt::runtime(say("The close took **four** segments: the ACK came by itself, because "
                             "the {0}'s program closed only {1} later.",
                             "关闭用了**四个**报文段：{0}的程序在 {1} 之后才关闭，所以 ACK "
                             "先单独发出。")),
            other, duration(second.fin.time - first.fin_acked.time)));
    } else if (merged) {
        out_.paragraph(fmt::format(
            fmt::runtime(say("The close took **three** segments: the {0} had nothing more to send. "
                             "The textbook's four are these same steps, two of them merged.",
                             "关闭只用了**三个**报文段：{0}已没有数据要发送。教科书上的四次挥手在"
                             "这里合并了中间两步。")),
            other));
    }
}

void Report::write_time_wait(const Connection& connection) {
    const unsigned holders = connection.time_wait();
    if (holders != 0) {
        const std::string who = holders == 3
                                    ? say("Both sides hold", "双方都停留在")
                                    : fmt::format(fmt::runtime(say("The {} holds", "{}停留在")),
                                                  side(holders == 1 ? 0 : 1, connection));
        out_.paragraph(
            who +
            say(" TIME_WAIT now (inferred: no segment shows it) for 2MSL, twice the longest life "
                "of "
                "a segment: if the last ACK is lost, the other side sends its FIN again and must "
                "be "
                "answered; and old segments of this connection must die out before the same two "
                "ports may be used anew. (RFC 9293 sections 3.3.2 and 3.6; Linux waits 60 s.)",
                " TIME_WAIT（推断：没有报文段能直接表明），时长 "
                "2MSL，即报文段最长寿命的两倍：如果最后的 ACK 丢失，对方会重发 "
                "FIN，必须有人回答；同时让本连接的旧报文段在网络中消失，之后同样的端口对才能再用。"
                "（RFC "
                "9293 第 3.3.2、3.6 节；Linux 等待 60 秒。）"));
    }
}

void Report::write_close() {
    out_.heading(2, section("Closing the connection", "连接的关闭（挥手）"));
    const Connection& connection = main_->connection;
    const int starter = connection.close_starter;
    if (starter < 0) {
        out_.paragraph(say("The connection was still open when the capture ended.",
                           "抓包结束时连接仍未关闭。"));
        return;
    }
    const Side& first = connection.sides[starter];
    const Side& second = connection.sides[1 - starter];
    std::vector<std::uint64_t> frames;
    for (const Mark mark :
         {first.fin, first.fin_acked, second.fin, second.fin_acked, first.rst, second.rst}) {
        if (mark && std::find(frames.begin(), frames.end(), mark.frame) == frames.end()) {
            frames.push_back(mark.frame);
        }
    }
    std::sort(frames.begin(), frames.end());
    std::vector<Row> rows;
    rows.reserve(frames.size());
    for (const std::uint64_t frame : frames) {
        rows.push_back(segment_row(*main_, frame));
    }
    out_.table(segment_head(), rows);
    if (connection.close == Close::simultaneous) {
        out_.paragraph(say("Both sides sent FIN before they had the other's: a simultaneous close.",
                           "双方在收到对方的 FIN 之前都发出了 FIN（同时关闭）。"));
    }
    write_close_steps(connection);
    write_time_wait(connection);
    if (connection.close == Close::reset) {
        out_.paragraph(
            fmt::format(fmt::runtime(say("The {} reset the connection.", "{}复位了连接。")),
                        side(first.rst ? starter : 1 - starter, connection)));
    }
}

void Report::write_questions() {
    out_.heading(2, section("Questions", "思考"));
    const Connection& connection = main_->connection;
    out_.heading(3, say("Why three segments to open, and not two?",
                        "为什么建立连接需要三次握手？两次不行吗？"));
    out_.paragraph(say(
        "Each side must learn that its own initial number has come: that takes a SYN and an ACK "
        "in each direction, and the two in the middle travel together. With two segments the "
        "server would take any old, duplicated SYN for a new connection and keep state for it; "
        "with three, a client that did not ask answers RST to the SYN, ACK. (RFC 9293 section "
        "3.5)",
        "每一方都要确认自己的初始序号已被对方收到：每个方向各需一个 SYN 和一个 "
        "ACK，中间的两个合并发送，所以是三个。如果只有两次，滞留在网络中的旧 SYN "
        "到达服务器就会被当作新连接，白白占用资源；有了第三次，没有发起请求的客户端会对 SYN, ACK "
        "回答 RST。（RFC 9293 第 3.5 节）"));
    if (connection.client_side().isn_seen && connection.server_side().isn_seen) {
        out_.paragraph(fmt::format(
            fmt::runtime(say("Here: {} is acknowledged by {}, and {} by {} (raw numbers).",
                             "本次抓包中：{} 由 {} 确认，{} 由 {} 确认（真实序号）。")),
            connection.client_side().isn, connection.client_side().isn + 1,
            connection.server_side().isn, connection.server_side().isn + 1));
    }
    out_.heading(3, say("Why up to four segments to close?", "为什么关闭连接要四次挥手？"));
    out_.paragraph(say(
        "A connection is two directions, and each is closed by itself with FIN and ACK. The side "
        "that gets a FIN acknowledges it at once, but may still have data to send; its own FIN "
        "leaves when its program closes too. When there is nothing left to send, ACK and FIN "
        "leave together and three segments are enough. (RFC 9293 section 3.6)",
        "连接有两个方向，各自用 FIN 和 ACK 关闭。收到 FIN "
        "的一方立即确认，但可能还有数据要发送，要等自己的程序也关闭时才发出 "
        "FIN，因此一般是四个报文段；如果已没有数据，ACK 与 FIN "
        "可以合并，三个就够。（RFC 9293 第 3.6 节）"));
    unsigned three = 0;
    unsigned four = 0;
    for (const ConnectionRecord& one : record_.connections()) {
        three += one.connection.close == Close::three ? 1U : 0U;
        four += one.connection.close == Close::four ? 1U : 0U;
    }
    out_.paragraph(fmt::format(
        fmt::runtime(say("In this capture {} connections closed in three segments and {} in four.",
                         "本次抓包中，{} 个连接用三个报文段关闭，{} 个用四个。")),
        three, four));
    out_.heading(3, say("Why TIME_WAIT, and why 2MSL?", "为什么 TIME_WAIT 要持续 2MSL？"));
    out_.paragraph(say(
        "The last ACK may be lost; then the FIN comes again, and somebody must be there to answer "
        "it: one MSL for the ACK's way, one for the FIN's. And within 2MSL all segments of this "
        "connection have died, so that none of them can get into a later one between the same "
        "ports. A reset connection has no TIME_WAIT. (RFC 9293 section 3.6)",
        "最后一个 ACK 可能丢失，对方会重发 FIN，必须有人回答：ACK 去程一个 MSL，FIN 回程一个 "
        "MSL。同时 2MSL "
        "之内本连接的全部报文段都会从网络中消失，不会混入之后使用相同端口的新连接。被复位的连接没有"
        " "
        "TIME_WAIT。（RFC 9293 第 3.6 节）"));
}

}  // namespace sluice::wire

#include "wire/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "wire/diagram.h"
#include "wire/explain.h"
#include "wire/output.h"
#include "wire/profile.h"

namespace sluice::wire {

namespace {

constexpr std::size_t kDrawnMax = 120;        // segments in a drawing
constexpr std::size_t kListedMax = 60;        // connections, exchanges, notes in a table
constexpr std::size_t kBodyShownMax = 6'000;  // bytes of a page's source

// Captured text, marked as such. Back quotes would end the mark.
std::string literal(std::string text) {
    std::replace(text.begin(), text.end(), '`', '\'');
    return "`" + text + "`";
}

class Report {
  public:
    Report(Document& document, const Record& record, const ReportOptions& options)
        : out_(document), record_(record), options_(options) {}

    std::string write();

  private:
    [[nodiscard]] std::string say(std::string_view en, std::string_view zh) const {
        return std::string(options_.language == Language::en ? en : zh);
    }
    [[nodiscard]] std::string side(int which, const Connection& connection) const {
        return which == connection.client ? say("client", "客户端") : say("server", "服务器");
    }
    [[nodiscard]] std::string section(std::string_view en, std::string_view zh);

    void choose();
    void write_profile();
    void write_server();
    void write_capture();
    void write_flags();
    void write_handshake();
    void write_syn_options(const Connection& connection);
    void write_exchanges();
    void write_message(const HttpMessage& message);
    void write_segments(const HttpMessage& message);
    void write_sequence();
    void write_phases();
    void write_close();
    void write_close_story(const Connection& connection);
    void write_cards();
    void write_card(const ReportCard& card, const ConnectionRecord& found);
    void write_statuses();
    void write_notes();
    void write_questions();

    [[nodiscard]] Row segment_row(const ConnectionRecord& record, std::uint64_t frame) const;
    [[nodiscard]] Row segment_head() const;
    [[nodiscard]] std::string card_title(const std::string& id) const;
    [[nodiscard]] const ConnectionRecord* by_port(std::uint16_t port) const;
    [[nodiscard]] std::string state(const EndState& state) const;

    Document& out_;
    const Record& record_;
    const ReportOptions& options_;
    const ConnectionRecord* main_ = nullptr;  // the connection that the report is about
    const HttpExchange* page_ = nullptr;
    Profile profile_;
    int sections_ = 0;
};

std::string Report::section(std::string_view en, std::string_view zh) {
    static constexpr std::string_view kNumbers[] = {"一", "二", "三", "四", "五",   "六",
                                                    "七", "八", "九", "十", "十一", "十二"};
    const auto number = static_cast<std::size_t>(sections_++);
    if (options_.language == Language::en || number >= std::size(kNumbers)) {
        return fmt::format("{}. {}", number + 1, say(en, zh));
    }
    return fmt::format("{}、{}", kNumbers[number], zh);
}

std::string Report::state(const EndState& state) const {
    return fmt::format("{}{}", to_string(state.state),
                       state.inferred ? say(" (inferred)", "（推断）") : "");
}

const ConnectionRecord* Report::by_port(std::uint16_t port) const {
    for (const ConnectionRecord& one : record_.connections()) {
        if (one.connection.client_side().endpoint.port == port) {
            return &one;
        }
    }
    return nullptr;
}

// The connection that fetched the page: the lab's, or the first with an HTML page in it, or the
// first with HTTP, or the first.
void Report::choose() {
    for (const ReportCard& card : options_.cards) {
        if (card.id == "page") {
            main_ = by_port(card.client_port);
        }
    }
    const ConnectionRecord* with_http = nullptr;
    for (const ConnectionRecord& one : record_.connections()) {
        if (main_ != nullptr && main_ != &one) {
            continue;
        }
        for (const auto& exchange : one.exchanges) {
            const std::string* type = exchange->response.field("Content-Type");
            if (page_ == nullptr && exchange->response.status == 200 && type != nullptr &&
                type->starts_with("text/html") && exchange->request.method == "GET") {
                page_ = exchange.get();
                main_ = &one;
            }
        }
        if (with_http == nullptr && !one.exchanges.empty()) {
            with_http = &one;
        }
    }
    if (main_ == nullptr) {
        main_ = with_http;
    }
    if (main_ == nullptr && !record_.connections().empty()) {
        main_ = &record_.connections().front();
    }
    if (page_ != nullptr) {
        profile_ = read_profile(record_.connections(), *page_);
    }
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
    return {fmt::to_string(number),
            fmt::format("{:.6f} s", static_cast<double>(frame->time - connection.first.time) / 1e9),
            side(frame->from, connection),
            literal(fmt::format("[{}] Seq={}{} Win={} Len={}", flags_text(frame->flags),
                                frame->analysis.relative_seq,
                                has_ack ? fmt::format(" Ack={}", frame->analysis.relative_ack) : "",
                                frame->analysis.window, frame->length)),
            fmt::format("{} / {}", frame->seq, has_ack ? fmt::to_string(frame->ack) : "-"),
            state(frame->states[connection.client]),
            state(frame->states[1 - connection.client])};
}

void Report::write_profile() {
    out_.title(say("Setting up a Web server, writing a simple page, analysing the exchange",
                   "配置 Web 服务器，编写简单页面，分析交互过程"));
    if (!profile_.facts.empty() || !profile_.logo.empty()) {
        out_.profile(profile_.facts, profile_.logo_type, profile_.logo);
    }
    out_.heading(2, section("The assignment", "实验要求"));
    out_.items(
        {say("Set up a Web server and make a simple page with at least major, student "
             "number, name and one's own logo.",
             "搭建 Web 服务器，制作简单的 Web 页面，至少包含专业、学号、姓名和自己的 LOGO。"),
         say("Fetch the page with a browser, capture the exchange between browser and "
             "server, and explain it.",
             "通过浏览器获取该页面，捕获浏览器与 Web 服务器的交互过程，并进行分析说明。"),
         say("Hand in the report: this one.", "提交实验报告，即本文。")},
        true);
}

void Report::write_server() {
    out_.heading(2, section("The Web server and its page", "Web 服务器与页面"));
    if (page_ == nullptr) {
        out_.paragraph(
            say("The capture holds no complete HTML page.", "抓包中没有完整的 HTML 页面。"));
        return;
    }
    const std::string* server = page_->response.field("Server");
    out_.paragraph(fmt::format(
        fmt::runtime(say("The server calls itself {}; the page is `{}`, {} bytes, and came in the "
                         "frames {} to {}.",
                         "服务器自称 {}；页面为 `{}`，共 {} 字节，由第 {} 至 {} 帧传送。")),
        server == nullptr ? say("nothing", "（未说明）") : literal(printable(*server)),
        printable(page_->request.target), page_->response.body_bytes, page_->response.first.frame,
        page_->response.last.frame));
    if (!profile_.facts.empty()) {
        std::string facts;
        for (const auto& fact : profile_.facts) {
            facts += fmt::format("{}{}{}", facts.empty() ? "" : say(", ", "，"),
                                 fact[0] + say(": ", "："), fact[1]);
        }
        out_.paragraph(say("What the captured page says of its owner: ", "抓到的页面上的信息：") +
                       facts + say(".", "。"));
    }
    if (!profile_.logo.empty()) {
        out_.paragraph(fmt::format(
            fmt::runtime(say("The logo above is the picture `{}` as it came over the wire: {}, {} "
                             "bytes.",
                             "上方的 LOGO 就是线路上传来的图片 `{}`：{}，{} 字节。")),
            profile_.logo_target, profile_.logo_type, profile_.logo.size()));
    }
    std::string source = page_->response.body.substr(0, kBodyShownMax);
    const bool cut = source.size() < page_->response.body_bytes;
    if (cut) {
        source.resize(std::min(source.rfind('\n') + 1, source.size()));
    }
    std::string shown;
    for (std::size_t at = 0; at < source.size();) {
        const std::size_t end = std::min(source.find('\n', at), source.size());
        std::string line = source.substr(at, end - at);
        if (line.ends_with('\r')) {
            line.pop_back();
        }
        shown += printable(line) + "\n";
        at = end + 1;
    }
    out_.paragraph(say("Its source, as captured:", "页面源码（取自抓包）：") +
                   (cut ? say(" (the beginning)", "（开头部分）") : ""));
    out_.code(shown);
}

void Report::write_capture() {
    out_.heading(2, section("The capture", "抓包"));
    const Totals& totals = record_.totals();
    out_.paragraph(fmt::format(
        fmt::runtime(
            say("Source: {}. {} frames, {} TCP segments in {} connections, over {}. Client and "
                "server ran on the same machine where both addresses are loopback ones: there the "
                "times show the kernel and the programs, and no distance.",
                "来源：{}。共 {} 帧，{} 个 TCP 报文段，{} 个连接，历时 "
                "{}。地址为回环地址时，客户端与服务器在同一台机器上：此时的时间反映内核与程序的耗"
                "时，而没有传输距离。")),
        options_.source, totals.frames, totals.segments, totals.connections,
        duration(totals.last_time - totals.first_time)));
    if (record_.frames_left_out() > 0) {
        out_.remark(Severity::warning,
                    fmt::format(fmt::runtime(say("{} segments were too many for this report and "
                                                 "are not in it.",
                                                 "另有 {} 个报文段超出本报告的容量，未列入。")),
                                record_.frames_left_out()));
    }
    out_.paragraph(
        say("States marked \"inferred\" (? in the drawing) are concluded by the rules of "
            "RFC 9293 from what was sent to an end; all others show in a segment of that "
            "end itself. Sequence numbers are relative, as Wireshark shows them; the raw "
            "ones stand beside them.",
            "标有“推断”（图中为 ?）的状态是按 RFC 9293 "
            "由发往该方的报文段推出的，其余状态由该方自己发出的报文段直接表明。序号与 "
            "Wireshark 一样以相对值显示，旁边列出真实值。"));
    write_flags();
}

void Report::write_flags() {
    out_.heading(3, say("TCP flags", "TCP 标志位"));
    out_.table({say("Flag", "标志"), say("Meaning", "含义")},
               {{"SYN", say("synchronise: opens a direction; takes one sequence number",
                            "同步序号，建立连接；占用一个序号")},
                {"ACK", say("the acknowledgement number is valid: everything before it has come",
                            "确认号有效：此前的字节都已收到")},
                {"PSH", say("push: hand what has come to the program now",
                            "推送：请立即把数据交给应用程序")},
                {"FIN", say("finish: this side sends no more; takes one sequence number",
                            "本方不再发送数据，关闭该方向；占用一个序号")},
                {"RST", say("reset: the connection ends at once", "复位：立即中止连接")}});
}

void Report::write_syn_options(const Connection& connection) {
    std::vector<Row> rows;
    const auto add = [&](std::string name, std::string what, auto value) {
        rows.push_back({std::move(name), value(connection.client_side().syn_options),
                        value(connection.server_side().syn_options), std::move(what)});
    };
    const std::string none = say("not offered", "未提供");
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
    out_.table({say("Option", "选项"), say("Client's SYN", "客户端 SYN"),
                say("Server's SYN, ACK", "服务器 SYN, ACK"), say("Meaning", "含义")},
               rows);
}

void Report::write_handshake() {
    out_.heading(2, section("Three-way handshake", "三次握手"));
    const Connection& connection = main_->connection;
    const Side& client = connection.client_side();
    const Side& server = connection.server_side();
    if (!client.syn || !server.syn || !connection.handshake_ack) {
        out_.paragraph(say("The handshake of this connection is not (wholly) in the capture.",
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
    write_syn_options(connection);
}

void Report::write_segments(const HttpMessage& message) {
    std::string list;
    for (std::size_t i = 0; i < message.segments.size() && i < 40; ++i) {
        const MessageSegment& one = message.segments[i];
        list += fmt::format("{}#{} ({})", i == 0 ? "" : ", ", one.frame, one.bytes);
    }
    if (message.segments_total > 40) {
        list += " …";
    }
    out_.paragraph(
        fmt::format(fmt::runtime(say("{} bytes in {} segment(s), frame (bytes): {}.",
                                     "共 {} 字节，由 {} 个报文段携带，帧号（字节数）：{}。")),
                    message.total_bytes, message.segments_total, list));
}

void Report::write_message(const HttpMessage& message) {
    out_.code(start_line(message) + "\n");
    if (message.request) {
        out_.paragraph(fmt::format(
            fmt::runtime(say("Request line: the method `{}`, the target `{}`, the version `{}`.",
                             "请求行：方法 `{}`，目标 `{}`，版本 `{}`。")),
            message.method, printable(message.target).substr(0, 200), message.version));
    } else {
        const std::string_view meaning = status_meaning(message.status, options_.language);
        out_.paragraph(fmt::format(
            fmt::runtime(say("Status line: the version `{}`, the code **{}**, the phrase `{}`. {}",
                             "状态行：版本 `{}`，状态码 **{}**，短语 `{}`。{}")),
            message.version, message.status, printable(message.reason), meaning));
    }
    std::vector<Row> rows;
    for (const HttpField& field : message.fields) {
        const std::string_view meaning = field_meaning(field.name, options_.language);
        rows.push_back({printable(field.name),
                        literal(shown_value(field, options_.show_secrets).substr(0, 400)),
                        meaning.empty() ? say("(not in our list)", "（不在本程序的列表中）")
                                        : std::string(meaning)});
    }
    if (!rows.empty()) {
        out_.table({say("Field", "首部"), say("Value", "值"), say("Meaning", "含义")}, rows);
    }
    std::string body;
    switch (message.framing) {
        case Framing::none:
            body = say("An empty line ends the head; there is no body.",
                       "空行（CR LF）结束首部；没有正文。");
            break;
        case Framing::length:
            body = fmt::format(
                fmt::runtime(
                    say("An empty line ends the head; {} bytes of body follow, as "
                        "Content-Length says.",
                        "空行（CR LF）结束首部；随后是 Content-Length 给出的 {} 字节正文。")),
                message.body_bytes);
            break;
        case Framing::chunked:
            body =
                fmt::format(fmt::runtime(say("An empty line ends the head; the body comes in "
                                             "chunks, {} bytes together.",
                                             "空行（CR LF）结束首部；正文分块传送，共 {} 字节。")),
                            message.body_bytes);
            break;
        case Framing::until_close:
            body = fmt::format(
                fmt::runtime(say("An empty line ends the head; the body ends with "
                                 "the connection: {} bytes.",
                                 "空行（CR LF）结束首部；正文到连接关闭为止，共 {} 字节。")),
                message.body_bytes);
            break;
    }
    out_.paragraph(body);
    write_segments(message);
    if (!message.error.empty()) {
        Note cut;
        cut.rule = Rule::http_cut_short;
        cut.arguments[0] = message.request ? "@request" : "@response";
        cut.arguments[1] = message.error;
        out_.remark(Severity::problem, sentence(cut, options_.language));
    }
}

void Report::write_exchanges() {
    out_.heading(2, section("Fetching the page: requests and responses", "获取网页：请求与响应"));
    std::vector<Row> rows;
    for (const auto& exchange : main_->exchanges) {
        if (rows.size() == kListedMax) {
            break;
        }
        const HttpMessage& response = exchange->response;
        rows.push_back(
            {fmt::to_string(exchange->index + 1),
             exchange->request.begun ? literal(start_line(exchange->request).substr(0, 120)) : "-",
             fmt::to_string(exchange->request.last.frame),
             response.begun ? literal(start_line(response)) : say("none", "无"),
             response.begun ? fmt::format("{}–{}", response.first.frame, response.last.frame) : "-",
             fmt::to_string(response.body_bytes)});
    }
    if (rows.empty()) {
        out_.paragraph(say("This connection carried no HTTP.", "该连接没有传送 HTTP。"));
        return;
    }
    out_.table({"#", say("Request", "请求"), say("Frame", "帧"), say("Response", "响应"),
                say("Frames", "帧"), say("Body", "正文字节")},
               rows);
    if (rows.size() > 1) {
        out_.paragraph(
            say("All of these went over one connection (keep-alive): one handshake served them "
                "all. The browser found the picture in the HTML and asked for it next.",
                "以上请求都在同一个保持的连接上完成，只握手一次。浏览器在 HTML "
                "中看到图片，于是接着请求图片。"));
    }
    std::size_t shown = 0;
    for (const auto& exchange : main_->exchanges) {
        if (++shown > 4) {
            break;
        }
        if (exchange->request.begun) {
            out_.heading(3,
                         fmt::format(fmt::runtime(say("Request {} in detail", "请求报文 {} 分析")),
                                     exchange->index + 1));
            write_message(exchange->request);
        }
        if (exchange->response.begun) {
            out_.heading(3,
                         fmt::format(fmt::runtime(say("Response {} in detail", "响应报文 {} 分析")),
                                     exchange->index + 1));
            write_message(exchange->response);
        }
    }
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
            rows.push_back({std::move(what), duration(to.time - from.time), std::move(frames)});
        }
    };
    const auto frames = [](std::uint64_t a, std::uint64_t b) {
        return fmt::format("#{} – #{}", a, b);
    };
    const Mark syn = connection.client_side().syn;
    add(say("Handshake: SYN to ACK", "握手：SYN 到 ACK"), syn, connection.handshake_ack,
        frames(syn.frame, connection.handshake_ack.frame));
    Mark last = connection.handshake_ack;
    for (const auto& exchange : main_->exchanges) {
        const HttpMessage& request = exchange->request;
        const HttpMessage& response = exchange->response;
        if (!request.begun || rows.size() > kListedMax) {
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
    std::vector<Bar> bars;
    for (const ConnectionRecord& one : record_.connections()) {
        const Connection& c = one.connection;
        if (bars.size() == kListedMax || !c.first) {
            break;
        }
        Bar bar;
        std::string name;
        for (const ReportCard& card : options_.cards) {
            if (card.client_port == c.client_side().endpoint.port) {
                name = card.id;
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

void Report::write_close_story(const Connection& connection) {
    const int starter = connection.close_starter;
    const std::string first = side(starter, connection);
    const std::string second = side(1 - starter, connection);
    switch (connection.close) {
        case Close::four:
            out_.paragraph(fmt::format(
                fmt::runtime(say(
                    "The {0} closed first. The close took **four** segments: FIN, the ACK of it, "
                    "the "
                    "other FIN, the ACK of that. The ACK came by itself because the {1}'s program "
                    "closed only later.",
                    "{0}首先请求关闭，整个过程用了**四个**报文段：FIN、对它的 ACK、另一方的 "
                    "FIN、对它的 ACK。{1}的程序稍后才关闭，所以 ACK 先单独发出。")),
                first, second));
            break;
        case Close::three:
            out_.paragraph(fmt::format(
                fmt::runtime(say(
                    "The {0} closed first. The close took **three** segments: the {1} had nothing "
                    "more to send, so the ACK of the FIN and its own FIN left together. The "
                    "textbook's "
                    "four are these same steps, two of them merged.",
                    "{0}首先请求关闭，只用了**三个**报文段：{1}已没有数据要发送，于是对 FIN 的 ACK "
                    "与自己的 FIN 合并发出。教科书上的四次挥手在这里合并了中间两步。")),
                first, second));
            break;
        case Close::simultaneous:
            out_.paragraph(say("Both sides sent FIN before they had the other's.",
                               "双方在收到对方的 FIN 之前都发出了 FIN（同时关闭）。"));
            break;
        default: break;
    }
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
    write_close_story(connection);
    if (connection.close == Close::reset) {
        out_.paragraph(
            fmt::format(fmt::runtime(say("The {} reset the connection.", "{}复位了连接。")),
                        side(first.rst ? starter : 1 - starter, connection)));
    }
}

std::string Report::card_title(const std::string& id) const {
    static const std::map<std::string, std::pair<std::string_view, std::string_view>> kTitles = {
        {"page", {"The page and its logo", "页面与 LOGO"}},
        {"http10", {"HTTP/1.0: the server closes", "HTTP/1.0：服务器关闭连接"}},
        {"close_by_client", {"Closed by the client", "客户端关闭连接"}},
        {"half_close", {"Half-closed by the client", "客户端半关闭"}},
        {"reset", {"Reset by the client", "客户端复位连接"}},
        {"refused", {"A port where nobody listens", "无人监听的端口"}},
    };
    const auto found = kTitles.find(id);
    if (found == kTitles.end()) {
        return say("Status ", "状态码 ") + id;
    }
    return say(found->second.first, found->second.second);
}

void Report::write_card(const ReportCard& card, const ConnectionRecord& found) {
    out_.heading(3, card_title(card.id));
    const Connection& connection = found.connection;
    std::vector<std::string> texts;
    for (const auto& exchange : found.exchanges) {
        const HttpMessage& response = exchange->response;
        if (exchange->request.begun) {
            std::string line = start_line(exchange->request);
            if (line.size() > 100) {
                line = line.substr(0, 60) + fmt::format(" … ({} bytes)", line.size());
            }
            texts.push_back(fmt::format("{} {} (#{}, {} {})", say("Request:", "请求："),
                                        literal(line), exchange->request.first.frame,
                                        exchange->request.total_bytes, say("bytes", "字节")));
        }
        if (response.begun) {
            texts.push_back(fmt::format("{} {} (#{}, {} {}). {}", say("Response:", "响应："),
                                        literal(start_line(response)), response.first.frame,
                                        response.total_bytes, say("bytes", "字节"),
                                        status_meaning(response.status, options_.language)));
        }
        for (const std::string_view name : {"If-None-Match", "Range"}) {
            if (const std::string* value = exchange->request.field(name)) {
                texts.push_back(
                    fmt::format("{} {}", say("What the request adds:", "请求中的关键首部："),
                                literal(fmt::format("{}: {}", name, printable(*value)))));
            }
        }
        for (const std::string_view name : {"Location", "Allow", "Content-Range", "ETag"}) {
            const std::string* value = response.field(name);
            if (value != nullptr && (name != "ETag" || response.status == 304)) {
                texts.push_back(
                    fmt::format("{} {}", say("What the answer adds:", "响应中的关键首部："),
                                literal(fmt::format("{}: {}", name, printable(*value)))));
            }
        }
    }
    static const std::map<Close, std::pair<std::string_view, std::string_view>> kCloses = {
        {Close::none, {"still open at the end of the capture", "抓包结束时仍未关闭"}},
        {Close::half, {"only half-closed", "只关闭了一个方向"}},
        {Close::three, {"three segments", "三个报文段"}},
        {Close::four, {"four segments", "四个报文段"}},
        {Close::simultaneous, {"simultaneous", "同时关闭"}},
        {Close::reset, {"reset", "复位"}},
        {Close::refused, {"refused: the SYN was answered by RST", "被拒绝：SYN 得到 RST"}}};
    const auto& close = kCloses.at(connection.close);
    std::string end = say("Close: ", "关闭：") + say(close.first, close.second);
    if (connection.close_starter >= 0) {
        end += say(", begun by the ", "，发起方：") + side(connection.close_starter, connection);
    }
    end += fmt::format(" ({} {} – {}, {} {})", say("frames", "帧"), connection.first.frame,
                       connection.last.frame, found.frames.size(), say("segments", "个报文段"));
    texts.push_back(end);
    out_.items(texts, false);
    for (const FrameRecord& frame : found.frames) {
        for (const Note& note : frame.notes) {
            if (note.rule == Rule::half_close || note.rule == Rule::reset_after_response ||
                note.rule == Rule::connection_refused ||
                note.rule == Rule::http_closed_by_version || note.rule == Rule::http_not_modified ||
                note.rule == Rule::close_in_four) {
                out_.remark(
                    text_of(note.rule).severity,
                    fmt::format("#{}: {} ({})", frame.number, sentence(note, options_.language),
                                text_of(note.rule).source));
            }
        }
    }
}

void Report::write_cards() {
    if (options_.cards.empty()) {
        return;
    }
    out_.heading(2, section("Other exchanges of the lab", "其他情形"));
    out_.paragraph(
        say("Each was provoked on purpose, on a connection of its own, and is told from "
            "its captured frames.",
            "以下各项是有意触发的，每项使用单独的连接，内容均取自抓到的帧。"));
    for (const ReportCard& card : options_.cards) {
        const ConnectionRecord* found = by_port(card.client_port);
        if (card.id == "page") {
            continue;
        }
        if (found == nullptr) {
            out_.heading(3, card_title(card.id));
            out_.remark(Severity::problem,
                        say("Its frames are not in the capture.", "抓包中没有它的帧。"));
            continue;
        }
        write_card(card, *found);
    }
}

void Report::write_statuses() {
    std::map<int, std::pair<unsigned, std::uint64_t>> seen;
    for (const ConnectionRecord& one : record_.connections()) {
        for (const auto& exchange : one.exchanges) {
            for (const HttpMessage& interim : exchange->interim) {
                auto& entry = seen[interim.status];
                entry.second = entry.first++ == 0 ? interim.first.frame : entry.second;
            }
            if (exchange->response.begun && exchange->response.status != 0) {
                auto& entry = seen[exchange->response.status];
                entry.second = entry.first++ == 0 ? exchange->response.first.frame : entry.second;
            }
        }
    }
    if (seen.empty()) {
        return;
    }
    out_.heading(2, section("Status codes that occurred", "出现过的状态码"));
    std::vector<Row> rows;
    for (const auto& [status, entry] : seen) {
        const std::string_view where = status_section(status);
        rows.push_back({fmt::to_string(status), fmt::to_string(entry.first),
                        fmt::format("#{}", entry.second),
                        std::string(status_meaning(status, options_.language)),
                        where.empty()              ? "-"
                        : where.starts_with("RFC") ? std::string(where)
                                                   : fmt::format("RFC 9110 section {}", where)});
    }
    out_.table({say("Code", "状态码"), say("Times", "次数"), say("First in", "首次出现"),
                say("Meaning", "含义"), say("Standard", "标准")},
               rows);
}

void Report::write_notes() {
    out_.heading(2, section("Notes", "专家提示"));
    // Each rule once, with all its frames.
    std::map<Rule, std::pair<Note, std::vector<std::uint64_t>>> found;
    const auto take = [&](const Note& note) {
        auto& entry = found[note.rule];
        if (entry.second.empty()) {
            entry.first = note;
        }
        entry.second.push_back(note.frames[0]);
    };
    for (const ConnectionRecord& one : record_.connections()) {
        for (const FrameRecord& frame : one.frames) {
            std::for_each(frame.notes.begin(), frame.notes.end(), take);
        }
        std::for_each(one.late_notes.begin(), one.late_notes.end(), take);
    }
    if (found.empty()) {
        out_.paragraph(say("Nothing worth a remark.", "没有需要说明的地方。"));
    }
    for (const auto& [rule, entry] : found) {
        const RuleText& text = text_of(rule);
        std::string frames;
        for (std::size_t i = 0; i < entry.second.size() && i < 12; ++i) {
            frames += fmt::format("{}#{}", i == 0 ? "" : ", ", entry.second[i]);
        }
        frames += entry.second.size() > 12 ? " …" : "";
        out_.remark(text.severity,
                    fmt::format("`{}` {} — {} ({})", text.id, frames,
                                sentence(entry.first, options_.language), text.source));
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

std::string Report::write() {
    choose();
    write_profile();
    write_server();
    write_capture();
    if (main_ != nullptr) {
        write_handshake();
        write_exchanges();
        write_sequence();
        write_close();
        write_phases();
        write_cards();
        write_statuses();
        write_notes();
        write_questions();
    } else {
        Note nothing;
        nothing.rule = Rule::nothing_captured;
        out_.remark(Severity::warning, sentence(nothing, options_.language));
    }
    return out_.finish();
}

}  // namespace

std::string write_report(Document& document, const Record& record, const ReportOptions& options) {
    return Report(document, record, options).write();
}

}  // namespace sluice::wire

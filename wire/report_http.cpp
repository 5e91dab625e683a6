// The report's sections on messages, statuses and the scenarios of the lab.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "wire/explain.h"
#include "wire/output.h"
#include "wire/report_parts.h"

namespace sluice::wire {

namespace {

constexpr std::size_t kDetailedMax = 4;     // exchanges
constexpr std::size_t kSegmentsShown = 40;  // of a message
constexpr std::size_t kValueBytesShown = 400;

struct Say {
    Language language;

    std::string operator()(std::string_view en, std::string_view zh) const {
        return std::string(language == Language::en ? en : zh);
    }
};

void write_segments(Document& document, const HttpMessage& message, const Say& say) {
    std::string list;
    for (std::size_t i = 0; i < message.segments.size() && i < kSegmentsShown; ++i) {
        const MessageSegment& one = message.segments[i];
        list += fmt::format("{}#{} ({})", i == 0 ? "" : ", ", one.frame, one.bytes);
    }
    if (message.segments_total > kSegmentsShown) {
        list += " …";
    }
    const std::string shape = message.segments_total == 1
                                  ? say("{0} bytes, all in one segment, frame (bytes): {2}.",
                                        "共 {0} 字节，由一个报文段携带，帧号（字节数）：{2}。")
                                  : say("{0} bytes in {1} segments, frame (bytes): {2}.",
                                        "共 {0} 字节，由 {1} 个报文段携带，帧号（字节数）：{2}。");
    document.paragraph(
        fmt::format(fmt::runtime(shape), message.total_bytes, message.segments_total, list));
}

// {} stands for the number of bytes of the body.
std::string framing_shape(Framing framing, const Say& say) {
    switch (framing) {
        case Framing::none: break;
        case Framing::length:
            return say(
                "An empty line ends the head; {} bytes of body follow, as Content-Length says.",
                "空行（CR LF）结束首部；随后是 Content-Length 给出的 {} 字节正文。");
        case Framing::chunked:
            return say("An empty line ends the head; the body comes in chunks, {} bytes together.",
                       "空行（CR LF）结束首部；正文分块传送，共 {} 字节。");
        case Framing::until_close:
            return say("An empty line ends the head; the body ends with the connection: {} bytes.",
                       "空行（CR LF）结束首部；正文到连接关闭为止，共 {} 字节。");
    }
    return say("An empty line ends the head; there is no body.",
               "空行（CR LF）结束首部；没有正文。");
}

}  // namespace

void write_http_message(Document& document, const HttpMessage& message,
                        const ReportOptions& options) {
    const Say say{options.language};
    document.code(start_line(message) + "\n");
    if (message.request) {
        document.paragraph(fmt::format(
            fmt::runtime(say("Request line: the method `{}`, the target `{}`, the version `{}`.",
                             "请求行：方法 `{}`，目标 `{}`，版本 `{}`。")),
            message.method(), printable(message.target()).substr(0, 200), message.version()));
    } else {
        const std::string_view meaning = status_meaning(message.status, options.language);
        document.paragraph(fmt::format(
            fmt::runtime(say("Status line: the version `{}`, the code **{}**, the phrase `{}`. {}",
                             "状态行：版本 `{}`，状态码 **{}**，短语 `{}`。{}")),
            message.version(), message.status, printable(message.reason()), meaning));
    }
    std::vector<Row> rows;
    for (const HttpField field : message.fields()) {
        const std::string_view meaning = field_meaning(field.name, options.language);
        const bool hidden = !options.show_secrets && is_secret(field.name);
        rows.push_back(
            {printable(field.name),
             hidden ? fmt::format(fmt::runtime(say("(hidden, {} bytes)", "（已隐去，{} 字节）")),
                                  field.value.size())
                    : literal(printable(field.value).substr(0, kValueBytesShown)),
             meaning.empty() ? say("(not in our list)", "（不在本程序的列表中）")
                             : std::string(meaning)});
    }
    if (!rows.empty()) {
        document.table({say("Field", "首部"), say("Value", "值"), say("Meaning", "含义")}, rows);
    }
    document.paragraph(
        fmt::format(fmt::runtime(framing_shape(message.framing, say)), message.body_bytes));
    if (message.first.frame != 0) {
        write_segments(document, message, say);
    }
    if (!message.error.empty()) {
        Note cut;
        cut.rule = Rule::http_cut_short;
        cut.arguments[0] = message.request ? "@request" : "@response";
        cut.arguments[1] = message.error;
        document.remark(Severity::problem, sentence(cut, options.language));
    }
}

void Report::write_exchanges() {
    out_.heading(2, section("Fetching the page: requests and responses", "获取网页：请求与响应"));
    std::vector<Row> rows;
    for (const auto& exchange : main_->exchanges) {
        if (rows.size() == kReportListMax) {
            break;
        }
        const HttpMessage& response = exchange->response;
        rows.push_back(
            {fmt::to_string(exchange->index + 1),
             exchange->request.begun ? literal(start_line(exchange->request).substr(0, 120)) : "-",
             fmt::to_string(exchange->request.last.frame),
             response.begun ? literal(start_line(response)) : say("none", "无"),
             response.begun ? frame_span(response.first.frame, response.last.frame) : "-",
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
            say("All of these went over one connection: it was kept open (keep-alive), "
                "and one handshake served them all.",
                "以上请求都在同一个保持的连接上完成（keep-alive），只握手一次。"));
    }
    for (const auto& exchange : main_->exchanges) {
        if (exchange->request.target() == profile_.logo_target && page_ != nullptr &&
            exchange->request.first.frame > page_->response.last.frame) {
            out_.paragraph(fmt::format(
                fmt::runtime(say("The page names the picture `{}`; having read that, the client "
                                 "asked for it next (frame {}).",
                                 "页面中引用了图片 `{}`，客户端读到后接着请求它（第 {} 帧）。")),
                printable(profile_.logo_target), exchange->request.first.frame));
            break;
        }
    }
    out_.paragraph(
        say("A request has a request line, header fields, an empty line and, with methods like "
            "POST, a body; a response has a status line, header fields, an empty line and mostly "
            "a body. Every line ends with CR LF.",
            "请求报文由请求行、首部行、空行和实体主体组成（GET 没有实体主体，POST "
            "等方法才有）；响应报文由状态行、首部行、空行和实体主体组成。每行以回车换行（CR "
            "LF）结束。"));
    std::size_t shown = 0;
    for (const auto& exchange : main_->exchanges) {
        if (++shown > kDetailedMax) {
            break;
        }
        if (exchange->request.begun) {
            out_.heading(3,
                         fmt::format(fmt::runtime(say("Request {} in detail", "请求报文 {} 分析")),
                                     exchange->index + 1));
            write_http_message(out_, exchange->request, options_);
        }
        if (exchange->response.begun) {
            out_.heading(3,
                         fmt::format(fmt::runtime(say("Response {} in detail", "响应报文 {} 分析")),
                                     exchange->index + 1));
            write_http_message(out_, exchange->response, options_);
        }
    }
}

// What the lab's client did in this scenario.
std::string Report::scenario_cause(const std::string& id) const {
    static const std::map<std::string, std::pair<std::string_view, std::string_view>> kCauses = {
        {"200", {"A request for the page, as short as it may be.", "对页面的最简请求。"}},
        {"206", {"Range asks for the first 100 bytes only.", "用 Range 只请求前 100 个字节。"}},
        {"301",
         {"A directory was asked for without the slash at its end.",
          "请求一个目录，但路径末尾没有斜杠。"}},
        {"304",
         {"The page again, with the entity tag that came with it the first time.",
          "再次请求页面，并带上第一次得到的实体标签（ETag）。"}},
        {"400",
         {"A request of HTTP/1.1 without the Host field, which it must have.",
          "HTTP/1.1 请求缺少必须携带的 Host 首部。"}},
        {"404", {"There is no such file below the root.", "根目录下没有这个文件。"}},
        {"405",
         {"DELETE, which a static server does not do.", "使用 DELETE 方法，静态服务器不支持。"}},
        {"408",
         {"The head was begun and never ended; the server waited for its deadline (700 ms here).",
          "请求首部只发送了一部分便停下，服务器等到时限（此处为 700 毫秒）。"}},
        {"414", {"A path of 9,001 bytes.", "请求路径长达 9001 字节。"}},
        {"416",
         {"A range that begins behind the end of the page.", "所请求的范围在页面末尾之后。"}},
        {"431", {"A header field of 20,000 bytes.", "一个长 20000 字节的首部。"}},
        {"501", {"BREW, a method that does not exist here.", "使用不存在的方法 BREW。"}},
        {"505",
         {"The request line names HTTP/3.0, which this server does not speak.",
          "请求行写的是 HTTP/3.0，该服务器不支持。"}},
        {"http10",
         {"A request of HTTP/1.0: the server closes when it has answered.",
          "HTTP/1.0 请求：服务器回答之后关闭连接。"}},
        {"close_by_client",
         {"The client closed as soon as it had the response.", "客户端收到响应后立即关闭。"}},
        {"half_close",
         {"The client sent FIN while the response was still under way, and read on.",
          "响应尚未传完，客户端先发出 FIN，然后继续读取。"}},
        {"reset",
         {"The client closed with SO_LINGER of 0 s, which makes the kernel send RST.",
          "客户端以 SO_LINGER=0 关闭，内核因此发送 RST。"}},
        {"refused",
         {"A connection to a port where nobody listens.", "向无人监听的端口发起连接。"}}};
    const auto found = kCauses.find(id == "301_own" ? "301" : id);
    return found == kCauses.end() ? std::string() : say(found->second.first, found->second.second);
}

std::string Report::scenario_title(const std::string& id) const {
    static const std::map<std::string, std::pair<std::string_view, std::string_view>> kTitles = {
        {"page", {"The page and its logo", "页面与 LOGO"}},
        {"301_own", {"Status 301", "状态码 301"}},
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

void Report::write_scenario(const ReportScenario& scenario, const ConnectionRecord& found) {
    out_.heading(3, scenario_title(scenario.id));
    out_.paragraph(scenario_cause(scenario.id));
    if (scenario.id == "301_own") {
        out_.paragraph(
            say("The served root has no directory with an index, which this redirect is about; a "
                "second server with a root that the lab made answered here.",
                "所服务的目录下没有带 index.html "
                "的子目录，无法触发该重定向；这里由另一个服务器回答，其根目录由实验临时建立。"));
    }
    std::vector<std::string> texts;
    for (const auto& exchange : found.exchanges) {
        add_exchange(*exchange, texts);
    }
    texts.push_back(close_text(found));
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

void Report::add_exchange(const HttpExchange& exchange, std::vector<std::string>& texts) const {
    const HttpMessage& response = exchange.response;
    if (exchange.request.begun) {
        std::string line = start_line(exchange.request);
        if (line.size() > 100) {
            line =
                line.substr(0, 60) + fmt::format(" … ({} {})", line.size(), say("bytes", "字节"));
        }
        texts.push_back(fmt::format("{} {} (#{}, {} {})", say("Request:", "请求："), literal(line),
                                    exchange.request.first.frame, exchange.request.total_bytes,
                                    say("bytes", "字节")));
    }
    if (response.begun) {
        texts.push_back(fmt::format("{} {} (#{}, {} {}){}{}", say("Response:", "响应："),
                                    literal(start_line(response)), response.first.frame,
                                    response.total_bytes, say("bytes", "字节"), say(". ", "。"),
                                    status_meaning(response.status, options_.language)));
    }
    for (const std::string_view name : {"If-None-Match", "Range"}) {
        if (const auto value = exchange.request.field(name)) {
            texts.push_back(fmt::format("{} {}",
                                        say("What the request adds:", "请求中的关键首部："),
                                        literal(fmt::format("{}: {}", name, printable(*value)))));
        }
    }
    for (const std::string_view name : {"Location", "Allow", "Content-Range", "ETag"}) {
        const auto value = response.field(name);
        if (value && (name != "ETag" || response.status == 304)) {
            texts.push_back(fmt::format("{} {}", say("What the answer adds:", "响应中的关键首部："),
                                        literal(fmt::format("{}: {}", name, printable(*value)))));
        }
    }
}

std::string Report::close_text(const ConnectionRecord& found) const {
    const Connection& connection = found.connection;
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
    return end;
}

void Report::write_scenarios() {
    if (options_.scenarios.empty()) {
        return;
    }
    out_.heading(2, section("Other exchanges of the lab", "其他情形"));
    out_.paragraph(
        say("Each was provoked on purpose, on a connection of its own, and is told from "
            "its captured frames.",
            "以下各项是有意触发的，每项使用单独的连接，内容均取自抓到的帧。"));
    for (const ReportScenario& scenario : options_.scenarios) {
        const ConnectionRecord* found = by_port(scenario.client_port);
        if (scenario.id == "page") {
            continue;
        }
        if (found == nullptr) {
            out_.heading(3, scenario_title(scenario.id));
            out_.remark(Severity::problem,
                        say("Its frames are not in the capture.", "抓包中没有它的帧。"));
            continue;
        }
        write_scenario(scenario, *found);
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

}  // namespace sluice::wire

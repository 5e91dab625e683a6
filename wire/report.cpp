#include "wire/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "wire/diagram.h"
#include "wire/output.h"
#include "wire/report_parts.h"

namespace sluice::wire {

namespace {

constexpr std::size_t kBodyShownMax = 6'000;  // bytes of a page's source
constexpr std::size_t kNoteFramesMax = 12;

// Line by line, so that line ends are not escaped.
std::string printable_lines(std::string_view source) {
    std::string shown;
    for (std::size_t at = 0; at < source.size();) {
        const std::size_t end = std::min(source.find('\n', at), source.size());
        std::string_view line = source.substr(at, end - at);
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        shown += printable(line) + "\n";
        at = end + 1;
    }
    return shown;
}

// A usual label of a Chinese page, with its translation beside it.
std::string english_label(const std::string& label) {
    static constexpr std::pair<std::string_view, std::string_view> kLabels[] = {
        {"姓名", "Name"}, {"学号", "Student number"}, {"专业", "Major"}};
    for (const auto& [captured, english] : kLabels) {
        if (label == captured) {
            return fmt::format("{} ({})", english, captured);
        }
    }
    return label;
}

}  // namespace

// A back quote would end the code span.
std::string literal(std::string text) {
    std::replace(text.begin(), text.end(), '`', '\'');
    return "`" + text + "`";
}

std::string frame_span(std::uint64_t first, std::uint64_t last) {
    return first == last ? fmt::to_string(first) : fmt::format("{}–{}", first, last);
}

void write_page(Document& document, const HttpMessage& page, const Profile& profile,
                const ReportOptions& options) {
    const Language language = options.language;
    const bool whole = page.complete && !page.gap && page.body.size() == page.body_bytes;
    if (whole && printable_lines(page.body).find("\\x") == std::string::npos) {
        document.page(page.body, profile.logo_source, profile.logo_type, profile.logo,
                      in(language, "The page, shown again from its bytes (below) and its logo.",
                         "页面效果：由下面的源码与 LOGO 的字节重新显示。"));
    }
    std::string source = page.body.substr(0, kBodyShownMax);
    const bool cut = source.size() < page.body_bytes;
    if (cut) {
        source.resize(std::min(source.rfind('\n') + 1, source.size()));
    }
    document.paragraph(std::string(in(language, "Its source, as captured", "页面源码（取自抓包")) +
                       std::string(cut ? in(language, " (the beginning):", "，开头部分）：")
                                       : in(language, ":", "）：")));
    document.code(printable_lines(source));
}

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

bool Report::is_scenario(const ConnectionRecord& record) const {
    const std::uint16_t port = record.connection.client_side().endpoint.port;
    return std::any_of(
        options_.scenarios.begin(), options_.scenarios.end(),
        [&](const ReportScenario& scenario) { return scenario.client_port == port; });
}

bool Report::all_loopback() const {
    return std::all_of(record_.connections().begin(), record_.connections().end(),
                       [](const ConnectionRecord& one) {
                           return one.connection.sides[0].endpoint.address.is_loopback() &&
                                  one.connection.sides[1].endpoint.address.is_loopback();
                       });
}

void Report::choose() {
    for (const ReportScenario& scenario : options_.scenarios) {
        if (scenario.id == "page" && !options_.browser) {
            main_ = by_port(scenario.client_port);
        }
    }
    const ConnectionRecord* with_http = nullptr;
    for (const ConnectionRecord& one : record_.connections()) {
        // With a browser, the report is about what it fetched.
        if ((main_ != nullptr && main_ != &one) || (options_.browser && is_scenario(one))) {
            continue;
        }
        for (const auto& exchange : one.exchanges) {
            const auto type = exchange->response.field("Content-Type");
            if (page_ == nullptr && exchange->response.status == 200 && type &&
                type->starts_with("text/html") && exchange->request.method() == "GET") {
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

void Report::write_profile() {
    out_.title(say("Setting up a Web server, writing a simple page, analysing the exchange",
                   "配置 Web 服务器，编写简单页面，分析交互过程"));
    if (options_.language == Language::en) {
        for (Row& fact : profile_.facts) {
            fact[0] = english_label(fact[0]);
        }
    }
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
    if (!options_.server_command.empty()) {
        out_.paragraph(say("The server is Sluice, a static Web server; it was started by:",
                           "服务器为 Sluice（静态 Web 服务器），启动命令："));
        out_.code(options_.server_command + "\n");
    }
    const auto server = page_->response.field("Server");
    out_.paragraph(fmt::format(
        fmt::runtime(say("The server calls itself {}; the page is `{}`, {} bytes, and came in "
                         "frame {}.",
                         "服务器自称 {}；页面为 `{}`，共 {} 字节，由第 {} 帧传送。")),
        server ? literal(printable(*server)) : say("nothing", "（未说明）"),
        printable(page_->request.target()), page_->response.body_bytes,
        frame_span(page_->response.first.frame, page_->response.last.frame)));
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
    write_page(out_, page_->response, profile_, options_);
}

void Report::write_capture() {
    out_.heading(2, section("The capture", "抓包"));
    const Totals& totals = record_.totals();
    out_.paragraph(fmt::format(
        fmt::runtime(say("Source: {}. {} frames, {} TCP segments in {} connections, over {}.",
                         "来源：{}。共 {} 帧，{} 个 TCP 报文段，{} 个连接，历时 {}。")),
        options_.source, totals.frames, totals.segments, totals.connections,
        duration(totals.last_time - totals.first_time)));
    if (main_ != nullptr && all_loopback()) {
        out_.paragraph(
            say("All addresses are loopback ones: client and server are the same machine, and the "
                "interface to capture on is the loopback. The times show the kernel and the "
                "programs; there is no distance in them.",
                "所有地址都是回环地址：客户端与服务器在同一台机器上，因此在回环网卡上抓包。时间反映"
                "的是内核与程序的耗时，没有网络传输距离。"));
    }
    if (options_.lab) {
        out_.paragraph(
            options_.browser
                ? say("The page was fetched by Chromium. The other exchanges were provoked by the "
                      "lab's own client.",
                      "页面由 Chromium 浏览器获取；其他情形由实验自带的客户端触发。")
                : say("The client is the lab's own: its requests for the page and the logo carry "
                      "the fields of Chrome 106, byte for byte, but no browser was running (with "
                      "--browser, Chromium fetches the page).",
                      "客户端由实验自带：获取页面与 LOGO 的请求首部与 Chrome 106 "
                      "发出的逐字相同，但并没有运行浏览器（加上 --browser 则由 Chromium 获取）。"));
    }
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
        for (std::size_t i = 0; i < entry.second.size() && i < kNoteFramesMax; ++i) {
            frames += fmt::format("{}#{}", i == 0 ? "" : ", ", entry.second[i]);
        }
        frames += entry.second.size() > kNoteFramesMax ? " …" : "";
        out_.remark(text.severity,
                    fmt::format("`{}` {} — {} ({})", text.id, frames,
                                sentence(entry.first, options_.language), text.source));
    }
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
        write_scenarios();
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

std::string write_report(Document& document, const Record& record, const ReportOptions& options) {
    return Report(document, record, options).write();
}

}  // namespace sluice::wire

#include "lab/reconstruction.h"

#include <fmt/format.h>

#include <algorithm>

#include "wire/diagram.h"
#include "wire/explain.h"
#include "wire/output.h"
#include "wire/packet.h"
#include "wire/profile.h"
#include "wire/report_parts.h"

namespace sluice::wire {

namespace {

constexpr std::size_t kBodyBytesMax = 1U << 20;
constexpr int kClient = 0;  // directions of a program's bytes

class Writer {
  public:
    Writer(Document& document, const Reconstruction& facts, const ReportOptions& options)
        : out_(document), facts_(facts), options_(options) {}

    std::string write();

  private:
    [[nodiscard]] std::string say(std::string_view en, std::string_view zh) const {
        return std::string(options_.language == Language::en ? en : zh);
    }
    // The exchanges in the bytes that the client's program sent and received.
    [[nodiscard]] static ConnectionRecord read(const ReconstructedScenario& scenario);

    void write_steps();
    void write_syn();
    void write_exchanges();
    void write_scenarios();

    Document& out_;
    const Reconstruction& facts_;
    const ReportOptions& options_;
    ConnectionRecord page_;
};

ConnectionRecord Writer::read(const ReconstructedScenario& scenario) {
    ConnectionRecord record;
    HttpConversation http(kBodyBytesMax);
    Origin last;
    for (const ProgramBytes& part : scenario.transcript) {
        last.time = part.time;
        http.on_data(part.sent ? kClient : 1 - kClient, part.bytes, last);
    }
    for (const int direction : {0, 1}) {
        http.on_end(direction, last, false);
    }
    for (const HttpEvent& event : http.events()) {
        if (event.exchange != nullptr && std::find(record.exchanges.begin(), record.exchanges.end(),
                                                   event.exchange) == record.exchanges.end()) {
            record.exchanges.push_back(event.exchange);
        }
    }
    return record;
}

void Writer::write_steps() {
    out_.heading(2, say("The connection, as the kernel has it", "内核记录的连接"));
    static constexpr struct {
        KernelStep::When when;
        std::string_view en;
        std::string_view zh;
    } kMoments[] = {
        {KernelStep::When::connected, "connect() has returned", "connect() 返回之后"},
        {KernelStep::When::page, "the page has come", "收到页面之后"},
        {KernelStep::When::logo, "the logo has come", "收到 LOGO 之后"},
        {KernelStep::When::server_closed, "the server has closed", "服务器关闭之后"},
        {KernelStep::When::client_closed, "the client has closed as well", "客户端也关闭之后"}};
    const std::string gone = say("(no such socket any more)", "（套接字已不存在）");
    std::vector<Row> rows;
    for (const KernelStep& step : facts_.steps) {
        const auto moment = std::find_if(std::begin(kMoments), std::end(kMoments),
                                         [&](const auto& one) { return one.when == step.when; });
        const bool open = step.segments_out != 0;
        const auto number = [&](std::uint64_t value) {
            return open ? fmt::to_string(value) : std::string("-");
        };
        rows.push_back(
            {say(moment->en, moment->zh), step.client_state.empty() ? gone : step.client_state,
             step.server_state.empty() ? gone : step.server_state,
             number(step.segments_out) + " / " + number(step.segments_in),
             number(step.bytes_acked) + " / " + number(step.bytes_received),
             open ? fmt::format("{} µs", step.round_trip_us) : "-", number(step.retransmitted)});
    }
    out_.table({say("When", "时刻"), say("Client", "客户端状态"), say("Server", "服务器状态"),
                say("Segments sent / got", "报文段 发 / 收"),
                say("Bytes acknowledged / got", "字节 已确认 / 已收"),
                say("Round trip", "往返时间"), say("Sent again", "重传")},
               rows);
    out_.paragraph(say(
        "States from /proc/net/tcp, seen and not inferred; counters of the client's socket "
        "from TCP_INFO. SYN_SENT and SYN_RCVD pass too quickly to be seen this way, and which "
        "segments made up the counts the kernel does not tell.",
        "状态取自 /proc/net/tcp，是直接看到的而不是推断的；计数取自客户端套接字的 "
        "TCP_INFO。SYN_SENT 与 SYN_RCVD 一闪而过，用这种方法看不到；内核也不说明计数由哪些报文段"
        "组成。"));
}

void Writer::write_syn() {
    out_.heading(2, say("A SYN, as a listener kept it", "监听套接字保存的 SYN"));
    Frame frame;
    frame.link = Link::raw;
    frame.bytes = facts_.saved_syn;
    frame.length = static_cast<std::uint32_t>(facts_.saved_syn.size());
    IpPacket packet;
    Segment segment;
    if (facts_.saved_syn.empty() || decode_ip(frame, packet) != Decoded::ok ||
        decode_tcp(packet, segment) != Decoded::ok) {
        out_.paragraph(say("The kernel kept none.", "内核没有保存。"));
        return;
    }
    out_.paragraph(fmt::format(
        fmt::runtime(say(
            "TCP_SAVED_SYN gives the headers of the SYN that opened a connection. This one is not "
            "the page's: it is of another connection on this machine, from {} to {}, made to "
            "a listener of ours. [{}] Seq={} (raw) Win={}, TTL {}.",
            "TCP_SAVED_SYN 给出打开连接的 SYN 的首部。这个 SYN 不属于获取页面的连接，而是本机上另建"
            "的一个连接（{} 到 {}）的。[{}] Seq={}（真实值）Win={}，TTL {}。")),
        to_string(segment.from), to_string(segment.to), flags_text(segment.flags), segment.seq,
        segment.window, segment.hops));
    write_syn_options(out_, {{say("In this SYN", "该 SYN"), &segment.options}}, options_.language);
}

void Writer::write_exchanges() {
    out_.heading(2, say("Requests and responses, as the client's program sent and got them",
                        "客户端程序发送的请求与收到的响应"));
    for (const auto& exchange : page_.exchanges) {
        const std::uint64_t number = exchange->index + 1;
        if (exchange->request.begun) {
            out_.heading(3, fmt::format(fmt::runtime(say("Request {}", "请求报文 {}")), number));
            write_http_message(out_, exchange->request, options_);
        }
        if (exchange->response.begun) {
            out_.heading(3, fmt::format(fmt::runtime(say("Response {}", "响应报文 {}")), number));
            write_http_message(out_, exchange->response, options_);
            out_.paragraph(fmt::format(
                fmt::runtime(say("From the request to the first bytes of the response, by the "
                                 "client's clock: {}.",
                                 "按客户端的时钟，从请求到响应的第一批字节：{}。")),
                duration(exchange->response.first.time - exchange->request.last.time)));
        }
    }
}

void Writer::write_scenarios() {
    out_.heading(2, say("Other exchanges of the lab", "其他情形"));
    std::vector<Row> rows;
    for (const ReconstructedScenario& scenario : facts_.scenarios) {
        if (scenario.id == "page") {
            continue;
        }
        for (const auto& exchange : read(scenario).exchanges) {
            const HttpMessage& response = exchange->response;
            const std::string request = start_line(exchange->request);
            rows.push_back({scenario.id,
                            literal(request.size() > 100 ? request.substr(0, 60) + " …" : request),
                            response.begun ? literal(start_line(response)) : say("none", "无"),
                            std::string(status_meaning(response.status, options_.language))});
        }
    }
    out_.table({say("Card", "情形"), say("Request", "请求"), say("Response", "响应"),
                say("Meaning", "含义")},
               rows);
    out_.paragraph(
        say("How each of these connections was closed, in which segments, is not told: "
            "only a capture shows it.",
            "这些连接各自如何关闭、用了哪些报文段，此处不作说明：只有抓包才能看到。"));
}

std::string Writer::write() {
    if (!facts_.scenarios.empty()) {
        page_ = read(facts_.scenarios.front());
    }
    out_.title(
        say("A page's visit, reconstructed without a capture", "未抓包情况下重建的页面访问过程"));
    const HttpExchange* page = page_.exchanges.empty() ? nullptr : page_.exchanges.front().get();
    Profile profile;
    if (page != nullptr) {
        profile = read_profile({page_}, *page);
        if (!profile.facts.empty() || !profile.logo.empty()) {
            out_.profile(profile.facts, profile.logo_type, profile.logo);
        }
    }
    out_.remark(Severity::warning,
                fmt::format(fmt::runtime(say(
                                "**Reconstructed.** Nothing was captured ({}). What follows is "
                                "what the kernel and the client's program tell: no frames, no "
                                "sequence numbers, and nothing is made up in their place.",
                                "**重建结果。**没有抓包（{}）。以下内容来自内核与客户端程序本身："
                                "没有帧，也没有序号，更没有用编造的内容来代替。")),
                            facts_.why));
    if (page != nullptr) {
        out_.heading(2, say("The page", "页面"));
        write_page(out_, page->response, profile, options_);
    }
    write_steps();
    write_syn();
    write_exchanges();
    write_scenarios();
    return out_.finish();
}

}  // namespace

std::string write_reconstruction(Document& document, const Reconstruction& facts,
                                 const ReportOptions& options) {
    return Writer(document, facts, options).write();
}

}  // namespace sluice::wire

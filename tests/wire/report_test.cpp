#include "wire/report.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lab/reconstruction.h"
#include "report/escape.h"

#include "tests/wire/build.h"

namespace sluice::wire {
namespace {

using namespace build;

const std::string kPage =
    "<html><body onload=\"alert(1)\"><script>1</script><p>姓名：某某</p><p>学号：42</p>"
    "<img src=\"l.png\"></body></html>";

std::string response(const std::string& type, const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Type: " + type +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// A request for a page and one for its image; the server closes.
class Visit {
  public:
    explicit Visit(bool loopback) : loopback_(loopback), analyzer_(options(), {&record_}) {
        segment(true, flag::syn);
        segment(false, flag::syn | flag::ack);
        segment(true, flag::ack);
        segment(true, flag::ack, "GET /a/ HTTP/1.1\r\nHost: h\r\nCookie: hush\r\n\r\n");
        segment(false, flag::ack, response("text/html", kPage));
        segment(true, flag::ack, "GET /a/l.png HTTP/1.1\r\nHost: h\r\n\r\n");
        segment(false, flag::ack, response("image/png", "\x89picture"));
        segment(false, flag::fin | flag::ack);
        segment(true, flag::ack);
        segment(true, flag::fin | flag::ack);
        segment(false, flag::ack);
        analyzer_.finish();
    }

    [[nodiscard]] std::string text(Language language, bool html) const {
        ReportOptions how;
        how.language = language;
        how.source = "a test";
        return write_report(html ? *make_html(language) : *make_markdown(), record_, how);
    }

  private:
    static AnalyzerOptions options() {
        AnalyzerOptions options;
        options.body_bytes_kept = 1 << 20;
        return options;
    }
    void segment(bool from_client, std::uint16_t flags, const std::string& payload = {}) {
        std::uint32_t& mine = from_client ? client_ : server_;
        const std::string bytes = packet({.from_client = from_client,
                                          .flags = flags,
                                          .seq = mine,
                                          .ack = from_client ? server_ : client_,
                                          .payload = payload,
                                          .loopback = loopback_});
        mine += static_cast<std::uint32_t>(payload.size()) +
                ((flags & (flag::syn | flag::fin)) != 0 ? 1 : 0);
        ++number_;
        analyzer_.feed(
            build::raw_frame(number_, static_cast<Nanos>(number_) * kMillisecond, bytes));
    }

    bool loopback_;
    Record record_;
    Analyzer analyzer_;
    std::uint32_t client_ = 100;
    std::uint32_t server_ = 900;
    std::uint64_t number_ = 0;
};

bool has(const std::string& text, std::string_view what) {
    return text.find(what) != std::string::npos;
}

TEST(Report, SaysOfTheMachineOnlyWhatTheAddressesSay) {
    EXPECT_TRUE(has(Visit(true).text(Language::en, false), "loopback"));
    EXPECT_TRUE(has(Visit(true).text(Language::zh, false), "回环"));
    EXPECT_FALSE(has(Visit(false).text(Language::en, false), "same machine"));
    EXPECT_FALSE(has(Visit(false).text(Language::zh, false), "同一台机器"));
    EXPECT_FALSE(has(Visit(false).text(Language::en, false), "lab's own"));
}

TEST(Report, TakesTheOwnerAndTheLogoFromThePage) {
    const std::string text = Visit(false).text(Language::en, false);
    EXPECT_TRUE(has(text, "**Name (姓名)**: 某某"));
    EXPECT_TRUE(has(text, "**Student number (学号)**: 42"));
    EXPECT_TRUE(has(text, "data:image/png;base64," + report::base64("\x89picture")));
    EXPECT_TRUE(has(text, "`/a/l.png`"));
    EXPECT_FALSE(has(text, "hush"));
}

TEST(Report, TellsTheCloseStepByStepWithItsNumbers) {
    const std::string text = Visit(false).text(Language::zh, false);
    for (const std::string_view step :
         {"第一次挥手", "第二次挥手", "第三次挥手", "最后一次挥手", "**四个**"}) {
        EXPECT_TRUE(has(text, step)) << step;
    }
}

TEST(Report, ACapturedPageIsShownAndCanDoNothing) {
    const std::string html = Visit(false).text(Language::en, true);
    EXPECT_TRUE(has(html, "<iframe sandbox title="));
    EXPECT_TRUE(has(html, "default-src 'none'"));
    EXPECT_TRUE(has(html, "&lt;img src=&quot;data:image/png;base64,"));
    EXPECT_FALSE(has(html, "<script"));
    EXPECT_FALSE(has(html, "onload=\"alert"));
}

TEST(Report, TheStyleIsWhole) {
    const std::string html = Visit(false).text(Language::en, true);
    const std::size_t begin = html.find("<style>");
    const std::string style = html.substr(begin, html.find("</style>") - begin);
    EXPECT_EQ(std::count(style.begin(), style.end(), '{'),
              std::count(style.begin(), style.end(), '}'));
    EXPECT_TRUE(has(style, "@media print"));
}

TEST(Reconstruction, SaysWhatItIsAndInventsNothing) {
    Reconstruction facts;
    facts.why = "forbidden";
    facts.saved_syn =
        packet({.flags = flag::syn, .seq = 77, .options = std::string("\2\4\5\xb4", 4)});
    KernelStep step;
    step.client_state = "ESTABLISHED";
    step.segments_out = 2;
    facts.steps.push_back(step);
    facts.scenarios.push_back({"page",
                               {{true, 1'000, "GET / HTTP/1.1\r\nHost: h\r\nCookie: hush\r\n\r\n"},
                                {false, 5'000, response("text/html", kPage)}}});
    facts.scenarios.push_back(
        {"404",
         {{true, 1, "GET /x HTTP/1.1\r\n\r\n"},
          {false, 2, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"}}});
    const std::string text = write_reconstruction(*make_markdown(), facts, {});
    EXPECT_TRUE(has(text, "**Reconstructed.** Nothing was captured (forbidden)"));
    EXPECT_TRUE(has(text, "| 1460 |"));
    EXPECT_TRUE(has(text, "(no such socket any more)"));
    EXPECT_TRUE(has(text, "4.0 µs"));
    EXPECT_TRUE(has(text, "`HTTP/1.1 404 Not Found`"));
    EXPECT_FALSE(has(text, "frame (bytes)"));
    EXPECT_FALSE(has(text, "hush"));
    EXPECT_TRUE(has(write_reconstruction(*make_markdown(), {}, {}), "The kernel kept none"));
}

TEST(Record, IsBounded) {
    Record record;
    Connection connection;
    std::size_t kept = 0;
    for (int i = 0; i < 100; ++i) {
        auto exchange = std::make_shared<HttpExchange>();
        exchange->response.body.assign(1 << 20, 'x');
        const HttpEvent head{HttpEventKind::head, 1, exchange, false, -1};
        const HttpEvent end{HttpEventKind::end, 1, exchange, false, -1};
        const HttpEvent events[] = {head, end};
        connection.stream = static_cast<std::uint64_t>(i);
        record.on_connection(connection, events, {});
        kept += record.connections().back().exchanges.size();
    }
    EXPECT_EQ(kept, Record::kBodyBytesMax >> 20);
}

}  // namespace
}  // namespace sluice::wire

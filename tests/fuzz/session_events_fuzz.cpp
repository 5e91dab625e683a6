// Several sessions of one worker through everything that can happen to a connection: requests in
// pieces, pieces that leave late or never, time-outs, ends of streams, draining, and content that
// is unloaded, comes, changes and goes. In any order, a session that has nothing in flight can say
// what it waits for, memory that is being sent does not change, an idle session has answered each
// request, each answer that left is well formed and has the bytes of its entity tag, and in the end
// nothing is held.
//
// Input: two bytes that choose the limits and the log, then operations: a byte that chooses what
// happens and to whom, and its arguments. See Worker::step.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "http1/session.h"
#include "tests/fuzz/answer_checker.h"
#include "tests/fuzz/input.h"
#include "tests/transcripts/memory_site.h"
#include "tests/transcripts/session_driver.h"

namespace {

using namespace sluice;
using namespace sluice::http;
using fuzz::AnswerChecker;
using fuzz::Input;
using transcripts::MemorySite;
using transcripts::SessionDriver;

constexpr std::size_t kSessions = 3;
constexpr std::size_t kStepsMax = 300;
constexpr std::size_t kSentMax = 8
                                 << 20;  // by one session; then no more large bodies are asked for
constexpr std::uint64_t kTail = 30'000;
constexpr std::size_t kLongBytes = 4'000;  // its Location is three times as long

// What can be served, in several versions; made once.
class Content {
  public:
    Content() {
        memory("/", "home\n");
        memory("/a.txt", "0123456789");
        memory("/empty", "");
        memory("/medium", pattern(6'000));
        memory("/big", pattern(50'000));
        file("/file", pattern(20'000), false);
        file("/huge", pattern(2'200'000), false);
        file("/live", pattern(40'000), true);
        file("/live-huge", pattern(1'200'000), true);
        site_.add_cold("/cold", 4);
        site_.add_cold("/cold2", 50'000);
        Entry& page = memory("/page", pattern(3'000));
        sibling(page, Coding::br, pattern(700));
        sibling(page, Coding::gzip, pattern(900));
        site_.add_directory("/dir");
        site_.add_directory("/" + std::string(kLongBytes, '"'));
        publish();
        memory("/cold", "warm");
        memory("/a.txt", pattern(4'000));
        file("/medium", pattern(7'000), false);
        publish();
        file("/cold", pattern(30'001), true);
        file("/cold2", pattern(50'000), false);
        memory("/file", pattern(20'001));
        Entry& cold_sibling = site_.add_cold("/page.cold", 500);
        Entry& again = memory("/page", pattern(3'001));
        again.variants[0] = &cold_sibling;
        again.vary = true;
        publish();
        newest_of_site_ = snapshots_.back();  // held by a view that nobody uses
        bare_ = std::make_unique<Snapshot>(std::vector{snapshots_[0]->find("/")}, 100);
        snapshots_.push_back(bare_.get());
    }

    // Offers one of the versions.
    void offer(ContentView& view, std::size_t version) const {
        view.offer(snapshots_[version % snapshots_.size()]);
    }
    void check_nothing_is_held() const {
        for (const Snapshot* snapshot : snapshots_) {
            CHECK(snapshot->holders.load() == (snapshot == newest_of_site_ ? 1U : 0U));
            for (const Entry* entry : snapshot->entries()) {
                CHECK(entry->holders.load() == 0);
            }
        }
    }
    [[nodiscard]] const AnswerChecker::Bodies& bodies() const { return bodies_; }

  private:
    static std::string pattern(std::size_t size) {
        std::string bytes(size, '\0');
        for (std::size_t i = 0; i < size; ++i) {
            bytes[i] = static_cast<char>('a' + (i + size) % 23 + i / 1000 % 3);
        }
        return bytes;
    }
    Entry& keep(Entry& entry, std::string_view bytes) {
        bodies_[entry.etag] = bytes;
        return entry;
    }
    Entry& memory(const std::string& path, const std::string& bytes) {
        return keep(site_.add(path, bytes), bytes);
    }
    void file(const std::string& path, const std::string& bytes, bool live) {
        keep(site_.add_file(path, bytes, live), bytes);
    }
    void sibling(Entry& page, Coding coding, const std::string& bytes) {
        keep(site_.add_sibling(page, coding, bytes), bytes);
    }
    void publish() { snapshots_.push_back(&site_.publish()); }

    MemorySite site_;
    AnswerChecker::Bodies bodies_;
    std::vector<const Snapshot*> snapshots_;
    const Snapshot* newest_of_site_ = nullptr;
    std::unique_ptr<Snapshot> bare_;
};

constexpr std::array<std::string_view, 6> kMethods = {"GET",  "GET",     "HEAD",
                                                      "POST", "OPTIONS", "BREW"};
constexpr std::array<std::string_view, 17> kTargets = {"/a.txt",     "/",       "/medium",
                                                       "/big",       "/file",   "/live",
                                                       "/cold",      "/cold2",  "/page",
                                                       "/live-huge", "/huge",   "/dir",
                                                       "/missing",   "/%2e%2e", "/empty",
                                                       "*",          ""};  // "": the long one
constexpr std::array<std::string_view, 16> kFields = {
    "Host: a\r\n",
    "Host: a\r\nConnection: close\r\n",
    "Host: a\r\nRange: bytes=0-9\r\n",
    "Host: a\r\nRange: bytes=5-,0-0\r\n",
    "Host: a\r\nRange: bytes=0-99,2000-2999,-500\r\n",
    "Host: a\r\nRange: bytes=100-1199999\r\n",
    "Host: a\r\nRange: bytes=99999999-\r\n",
    "Host: a\r\nIf-None-Match: *\r\n",
    "Host: a\r\nIf-Match: \"x\"\r\n",
    "Host: a\r\nAccept-Encoding: br, gzip;q=0.5\r\n",
    "Host: a\r\nAccept-Encoding: gzip, zstd\r\nRange: bytes=1-2,4-5\r\n",
    "Host: a\r\nReferer: http://a/\r\nUser-Agent: \"\x80\\u\"\r\n",
    "Host: a\r\nContent-Length: 5\r\n",
    "Host: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n",
    "Host: a\r\nTransfer-Encoding: chunked\r\n",
    "",
};

std::string request(Input& input) {
    const std::string_view method = input.pick(kMethods);
    const std::string_view target = input.pick(kTargets);
    const std::uint8_t choice = input.byte();
    const std::string_view fields = kFields[choice % kFields.size()];
    std::string text(method);
    text += ' ';
    text += target.empty() ? "/" + std::string(kLongBytes, '"') : std::string(target);
    text += choice < 224 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n";
    text += fields;
    text += "\r\n";
    if (fields.find("Content-Length") != std::string_view::npos) {
        text += "hello";
    } else if (fields.find("chunked") != std::string_view::npos) {
        text += "3;x\r\nabc\r\n2\r\nde\r\n0\r\nA: b\r\n\r\n";
    }
    return text;
}

// One connection: what its peer still has to send, and the session behind it.
struct Peer {
    std::optional<SessionDriver> driver;
    std::string to_send;
    std::string has_sent;
    std::size_t requests = 0;
    bool raw = false;   // it sent other bytes, too: nobody knows how many requests
    bool ends = false;  // its end of stream is on its way, behind what it sent
    bool ended = false;
};

class Worker {
  public:
    Worker(const Content& content, const AnswerChecker& checker, Input& input)
        : content_(content), checker_(checker), input_(input) {
        const std::uint8_t how = input.byte();
        if (how % 3 == 1) {
            limits_.request_line_bytes = 200;
            limits_.head_bytes = 600;
            limits_.fields = 12;
            limits_.body_bytes = 4;
        } else if (how % 3 == 2) {
            limits_.head_bytes = 9'000;
        }
        const std::uint8_t what = input.byte();
        if (what % 4 != 0) {
            sink_.emplace(static_cast<LogFormat>(what % 4 - 1), 1U << 16);
        }
        view_.connect(how < 224 ? &queue_ : nullptr);
        content_.offer(view_, how % 7 == 6 ? 3 : 0);
        factory_.emplace(limits_, view_, sink_ ? &*sink_ : nullptr, kTail, what % 2 == 1);
        turn();
        for (Peer& peer : peers_) {
            connect(peer);
        }
    }
    ~Worker() {
        for (Peer& peer : peers_) {
            disconnect(peer, true);
        }
        check_log();
    }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    void run() {
        for (std::size_t step_count = 0; !input_.empty() && step_count < kStepsMax; ++step_count) {
            const std::uint8_t what = input_.byte();
            step(what % 16, peers_[what / 16U % kSessions]);
            context_.now += kMillisecond;
            turn();
            for (Peer& peer : peers_) {
                settle(peer);
            }
        }
    }

  private:
    void step(unsigned what, Peer& peer) {
        SessionDriver& driver = *peer.driver;
        switch (what) {
            case 0: return send(peer, peer.to_send.size());
            case 1: return send(peer, input_.byte());
            case 2: return ask(peer, request(input_), 1);
            case 3: {
                const std::string one = request(input_);
                return ask(peer, one, input_.byte());
            }
            case 4:
                peer.raw = true;
                peer.to_send += input_.bytes(input_.byte());
                return;
            case 5: ask(peer, request(input_), 1); return send(peer, peer.to_send.size());
            case 6: return deliver(driver);
            case 7:
                for (unsigned left = input_.byte(); left > 0; --left) {
                    deliver(driver);
                }
                return;
            case 8: {
                const std::uint64_t most = driver.in_flight() ? driver.piece().bytes() : 0;
                driver.abort(most * input_.byte() / 255);
                return reconnect(peer, true);
            }
            case 9: return reconnect(peer, true);
            case 10: peer.ends = true; return;
            case 11: return time_out(driver);
            case 12: return content_.offer(view_, input_.byte());
            case 13: return check_log();
            case 14: context_.wall_seconds += input_.word(); return;
            default: context_.draining = input_.byte() % 4 == 3; return;
        }
    }

    void connect(Peer& peer) {
        peer.driver.emplace(*factory_);
        peer.driver->hold_pieces();
        peer.driver->accept_wait = context_.now;
        peer.to_send.clear();
        peer.has_sent.clear();
        peer.requests = 0;
        peer.raw = peer.ends = peer.ended = false;
    }
    // `broken`: the connection ends before all was sent.
    void disconnect(Peer& peer, bool broken) {
        const bool heads = peer.has_sent.find("HEAD ") != std::string::npos;
        const std::size_t answers = checker_.check(peer.driver->sent(), broken, heads);
        CHECK(peer.raw || answers <= peer.requests);
        CHECK(peer.raw || answers == peer.requests || !peer.to_send.empty() ||
              peer.driver->state() != SessionState::idle);
        peer.driver.reset();
    }
    void reconnect(Peer& peer, bool broken) {
        disconnect(peer, broken);
        connect(peer);
    }
    static void ask(Peer& peer, const std::string& request, std::size_t times) {
        peer.requests += times;
        for (; times > 0; --times) {
            peer.to_send += request;
        }
    }
    void send(Peer& peer, std::size_t bytes) {
        if (peer.ended || peer.driver->sent().size() > kSentMax) {
            return;
        }
        const std::string now = peer.to_send.substr(0, bytes);
        peer.to_send.erase(0, bytes);
        peer.has_sent += now;
        peer.driver->receive(now);
    }
    static void deliver(SessionDriver& driver) {
        if (driver.in_flight()) {
            driver.deliver();
        }
    }
    static void time_out(SessionDriver& driver) {
        const SessionState state = driver.state();
        if (!driver.in_flight() && (state == SessionState::head || state == SessionState::body ||
                                    state == SessionState::waiting)) {
            driver.time_out();
            CHECK(driver.over());
        }
    }
    void turn() {
        if (factory_->turn(context_)) {
            for (Peer& peer : peers_) {
                if (peer.driver) {
                    peer.driver->resume();
                }
            }
        }
        LoadBatch batch;
        (void)queue_.drain(batch);
    }
    // As the reactor does: the end of the stream is told after its bytes, and a session that is
    // over is replaced.
    void settle(Peer& peer) {
        SessionDriver& driver = *peer.driver;
        const auto quiet = [&] { return !driver.in_flight(); };
        if (peer.ends && !peer.ended && quiet() && driver.kept().empty()) {
            peer.ended = true;
            driver.eof();
        }
        const SessionState state = driver.state();
        if (!quiet()) {
            CHECK(state == SessionState::respond || driver.over());
            return;
        }
        CHECK(state != SessionState::respond);  // nothing would ever wake it
        CHECK(driver.kept().empty() || driver.over() || state == SessionState::waiting);
        if (driver.over()) {
            reconnect(peer, false);
        }
    }
    void check_log() {
        if (!sink_) {
            return;
        }
        std::string text;
        for (const std::string_view piece : sink_->pending()) {
            text += piece;
        }
        sink_->consume(text.size());
        CHECK(text.empty() || text.ends_with('\n'));
        CHECK(std::ranges::all_of(
            text, [](char c) { return c == '\n' || static_cast<unsigned char>(c) >= 0x20; }));
    }

    using LoadBatch = LoadQueue::Batch;

    const Content& content_;
    const AnswerChecker& checker_;
    Input& input_;
    Limits limits_;
    std::optional<AccessLogSink> sink_;
    LoadQueue queue_{[] {}};
    ContentView view_;
    SessionContext context_{.now = 0, .wall_seconds = 1'790'000'000, .draining = false};
    std::optional<Http1Factory> factory_;
    std::array<Peer, kSessions> peers_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Content content;
    static const AnswerChecker checker(content.bodies());
    Input input(data, size);
    Worker(content, checker, input).run();
    content.check_nothing_is_held();
    return 0;
}

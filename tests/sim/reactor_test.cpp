// The reactor's promises one by one, on the simulator: deadlines to the tick, drain and stop, full
// slabs, lack of descriptors, lack of buffers. One client or few, no chance.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "backends/sim/peer.h"
#include "core/timer_wheel.h"
#include "tests/sim/script.h"
#include "tests/sim/world.h"

namespace sluice::sim {

namespace {

constexpr std::string_view kGet = "GET /tiny.txt HTTP/1.1\r\nHost: example.org\r\n\r\n";
constexpr std::string_view kGetBig = "GET /big.bin HTTP/1.1\r\nHost: example.org\r\n\r\n";
constexpr Nanos kLatency = 100 * kMicrosecond;
// A deadline is kept when it fires at most a tick and some latencies late, and never early.
constexpr Nanos kLate = TimerWheel::kTick + 10 * kLatency;
constexpr Nanos kIdleLook = 10 * kMillisecond;  // how often somebody idle is looked for

WorldOptions quiet_world() {
    WorldOptions options;
    options.network.latency_min = options.network.latency_max = kLatency;
    options.network.window_bytes_min = options.network.window_bytes_max = 32 * 1024;
    options.backend.recv_buffers = 16;
    options.limits.connections_per_worker = 16;
    return options;
}

// A client driven by hand that notes when things happen.
struct Caller {
    explicit Caller(World& world) : Caller(world, world.endpoint()) {}
    Caller(World& world, const Endpoint& at) : peer(world.network(), at) {
        peer.on_change([this, &world](SimPeer&) {
            if (reading) {
                const std::string bytes = peer.read();
                if (!bytes.empty()) {
                    input += bytes;
                    last_byte_at = world.now();
                }
            }
            if (ended_at < 0 && (peer.eof() || peer.status() != Status::ok)) {
                ended_at = world.now();
                if (polite) {
                    peer.close();
                }
            }
        });
    }
    [[nodiscard]] bool ended() const { return ended_at >= 0; }
    [[nodiscard]] std::size_t responses() const {
        std::size_t count = 0;
        for (std::size_t at = 0; (at = input.find("HTTP/1.1 ", at)) != std::string::npos; ++at) {
            ++count;
        }
        return count;
    }
    [[nodiscard]] bool got(std::string_view text) const {
        return input.find(text) != std::string::npos;
    }

    SimPeer peer;
    std::string input;
    bool reading = true;
    bool polite = false;  // closes when the server does
    Nanos last_byte_at = -1;
    Nanos ended_at = -1;
};

}  // namespace

class ReactorOnSim : public testing::Test {
  protected:
    void make(const WorldOptions& options) { world_ = std::make_unique<World>(options); }
    void SetUp() override { make(quiet_world()); }
    void TearDown() override {
        callers_.clear();
        if (!world_->reactor().finished()) {
            world_->reactor().stop();
            EXPECT_TRUE(
                world_->run_until([this] { return world_->reactor().finished(); }, kSecond));
        }
        EXPECT_EQ(world_->leftovers(), "");
    }

    Caller& call(std::string_view bytes = "") {
        callers_.push_back(std::make_unique<Caller>(*world_));
        if (!bytes.empty()) {
            callers_.back()->peer.write(bytes);
        }
        return *callers_.back();
    }
    Caller& call_at(const Endpoint& at, std::string_view bytes) {
        callers_.push_back(std::make_unique<Caller>(*world_, at));
        callers_.back()->peer.write(bytes);
        return *callers_.back();
    }
    // Posts the message, and lets what follows from it happen.
    void tell(Mailbox::Message message) {
        EXPECT_TRUE(world_->reactor().post(std::move(message)));
        world_->run_for(10 * kMillisecond);
    }
    [[nodiscard]] Reactor::Listening add_listener() {
        Reactor::Listening added;
        tell([&added](Reactor& reactor) {
            const auto made = reactor.listen(*Endpoint::parse("127.0.0.1:0"), {});
            ASSERT_TRUE(made.has_value()) << made.error().what;
            added = *made;
        });
        return added;
    }
    void read_after(Caller& caller, Nanos pause) {
        world_->network().after(pause, [&caller] {
            caller.reading = true;
            caller.input += caller.peer.read();
        });
    }
    [[nodiscard]] const ReactorCounters& counters() { return world_->reactor().counters(); }
    [[nodiscard]] Nanos now() const { return world_->now(); }
    // The end came when it had to, counted from `since`.
    static void expect_kept(Nanos since, Nanos at, Nanos deadline) {
        ASSERT_GE(at, 0) << "it never came";
        EXPECT_GE(at - since, deadline);
        EXPECT_LE(at - since, deadline + kLate);
    }

    // The peer was cut for having acknowledged nothing since then.
    void expect_cut(Nanos since, Nanos at) {
        const Nanos timeout = world_->limits().write_timeout;
        EXPECT_GE(at - since, timeout);
        EXPECT_LE(at - since, timeout + timeout / 4 + 5 * kLate);
        EXPECT_EQ(counters().timed_out_write, 1U);
    }

    std::unique_ptr<World> world_;
    std::vector<std::unique_ptr<Caller>> callers_;
};

// ---- deadlines -------------------------------------------------------------------------------

TEST_F(ReactorOnSim, ASilentConnectionEndsAtTheHeadDeadlineWithoutAWord) {
    const Caller& caller = call();
    world_->run_for(30 * kSecond);
    expect_kept(0, caller.ended_at, world_->limits().head_timeout);
    EXPECT_EQ(caller.input, "");
    EXPECT_EQ(counters().timed_out_head, 1U);
}

TEST_F(ReactorOnSim, AHeadThatDripsIsRefusedAtTheDeadlineInTotal) {
    Caller& caller = call();
    const Nanos start = now();
    const std::string slow =
        "GET / HTTP/1.1\r\nHost: example.org\r\nX-Drip: " + std::string(1'000, 'x');
    for (std::size_t i = 0; i < slow.size() && !caller.ended(); ++i) {
        caller.peer.write(slow.substr(i, 1));
        world_->run_for(50 * kMillisecond);
    }
    EXPECT_TRUE(caller.got("HTTP/1.1 408 "));
    expect_kept(start, caller.last_byte_at, world_->limits().head_timeout);
    EXPECT_EQ(caller.responses(), 1U);
}

TEST_F(ReactorOnSim, TheHeadDeadlineOfALaterRequestCountsFromItsFirstByte) {
    Caller& caller = call(kGet);
    world_->run_for(20 * kSecond);
    ASSERT_EQ(caller.responses(), 1U);
    const Nanos start = now();
    caller.peer.write("GET / ");
    world_->run_for(9 * kSecond);
    EXPECT_EQ(caller.responses(), 1U);
    caller.peer.write("HTTP/1.1\r\n");
    world_->run_for(9 * kSecond);
    EXPECT_TRUE(caller.got("HTTP/1.1 408 "));
    expect_kept(start, caller.last_byte_at, world_->limits().head_timeout);
}

TEST_F(ReactorOnSim, EmptyLinesDoNotKeepAConnection) {
    Caller& caller = call(kGet);
    world_->run_for(kSecond);
    const Nanos start = now();
    caller.peer.write("\r");
    world_->run_for(5 * kSecond);
    caller.peer.write("\n");
    world_->run_for(30 * kSecond);
    expect_kept(start, caller.ended_at, world_->limits().head_timeout);
    EXPECT_EQ(caller.responses(), 1U);  // no 408: nothing of a request was there
}

TEST_F(ReactorOnSim, ABodyThatDripsIsRefusedAtTheDeadlineInTotal) {
    Caller& caller = call("POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 100000\r\n\r\n");
    const Nanos start = now();
    while (now() - start < 50 * kSecond && !caller.ended()) {
        caller.peer.write("x");
        world_->run_for(200 * kMillisecond);
    }
    EXPECT_TRUE(caller.got("HTTP/1.1 408 "));
    expect_kept(start, caller.last_byte_at, world_->limits().body_timeout);
}

TEST_F(ReactorOnSim, AnIdleConnectionIsClosedInTime) {
    Caller& caller = call(kGet);
    Caller& other = call();
    world_->run_until(kSecond);
    other.peer.close();  // something happens, so that the server sees that its answer has left
    world_->run_for(100 * kSecond);
    EXPECT_GE(caller.ended_at - caller.last_byte_at, world_->limits().idle_timeout);
    EXPECT_LE(caller.ended_at, kSecond + world_->limits().idle_timeout + kLate);
    EXPECT_EQ(caller.peer.status(), Status::ok);
    EXPECT_EQ(counters().timed_out_idle, 1U);
}

TEST_F(ReactorOnSim, AShortIdleTimeoutIsKeptOnAServerThatSleeps) {
    WorldOptions options = quiet_world();
    options.limits.idle_timeout = kSecond;
    make(options);
    const Caller& caller = call(kGet);
    world_->run_for(20 * kSecond);
    ASSERT_TRUE(caller.ended());
    EXPECT_GE(caller.ended_at - caller.last_byte_at, kSecond);
    EXPECT_LE(caller.ended_at - caller.last_byte_at, 2 * kSecond + 2 * kLate);
}

TEST_F(ReactorOnSim, RequestsKeepAConnectionBeyondTheIdleTimeout) {
    Caller& caller = call();
    for (int i = 0; i < 10; ++i) {
        caller.peer.write(kGet);
        world_->run_for(50 * kSecond);
    }
    EXPECT_EQ(caller.responses(), 10U);
    EXPECT_FALSE(caller.ended());
}

TEST_F(ReactorOnSim, APeerThatDoesNotReadIsCutAtTheWriteDeadline) {
    Caller& caller = call("GET /big.bin HTTP/1.1\r\nHost: example.org\r\n\r\n");
    caller.reading = false;
    ASSERT_TRUE(world_->run_until([this] { return counters().closed == 1; }, 60 * kSecond));
    expect_cut(0, now());
    // The log line says what really left.
    const auto lines = world_->take_log();
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_TRUE(lines[0].starts_with("127.0.0.1 ")) << lines[0];
    EXPECT_EQ(lines[0].find(" 200000"), std::string::npos) << lines[0];
}

// The body is one send that takes three times as long as a peer may acknowledge nothing.
TEST_F(ReactorOnSim, ASlowReaderIsServedToTheEnd) {
    Caller& caller = call("GET /big.bin HTTP/1.1\r\nHost: example.org\r\n\r\n");
    caller.reading = false;
    const Nanos start = now();
    while (now() - start < 200 * kSecond && counters().closed == 0 &&
           !caller.input.ends_with(site_file("/big.bin").body)) {
        world_->run_for(kSecond);
        caller.input += caller.peer.read(2'000);
    }
    EXPECT_TRUE(caller.input.ends_with(site_file("/big.bin").body)) << caller.input.size();
    EXPECT_GE(now() - start, 90 * kSecond);
    EXPECT_EQ(counters().timed_out_write, 0U);
}

TEST_F(ReactorOnSim, OneByteInEachWriteTimeoutIsEnough) {
    Caller& caller = call("GET /big.bin HTTP/1.1\r\nHost: example.org\r\n\r\n");
    caller.reading = false;
    const Nanos pause = world_->limits().write_timeout - kSecond;
    Nanos last = 0;
    for (int i = 0; i < 10; ++i) {
        world_->run_for(pause);
        EXPECT_EQ(caller.peer.read(1).size(), 1U);
        last = now();
    }
    EXPECT_EQ(counters().closed, 0U);
    ASSERT_TRUE(world_->run_until([this] { return counters().closed == 1; }, 60 * kSecond));
    expect_cut(last, now());
}

TEST_F(ReactorOnSim, LingeringIsBoundedInTime) {
    Caller& caller = call("GET / HTTP/1.1\r\n\r\n");  // no Host
    world_->run_for(10 * kSecond);
    EXPECT_TRUE(caller.got("HTTP/1.1 400 "));
    EXPECT_TRUE(caller.peer.eof());  // the answer, then our FIN, without delay
    EXPECT_LE(caller.ended_at, 20 * kLatency);
    EXPECT_EQ(world_->reactor().connections(), 0U);
    EXPECT_EQ(counters().closed, 1U);
}

TEST_F(ReactorOnSim, LingeringReadsSoThatTheAnswerSurvives) {
    Caller& caller = call("GET / HTTP/1.1\r\n\r\n" + std::string(100'000, 'x'));
    caller.reading = false;  // a reset would destroy what is unread
    world_->run_for(kSecond);
    caller.peer.shutdown_write();
    world_->run_for(kSecond);
    EXPECT_EQ(caller.peer.status(), Status::ok);
    EXPECT_TRUE(caller.peer.read().starts_with("HTTP/1.1 400 "));
    EXPECT_EQ(world_->reactor().connections(), 0U);
}

TEST_F(ReactorOnSim, LingeringIsBoundedInBytes) {
    Caller& caller = call("GET / HTTP/1.1\r\n\r\n");
    world_->run_for(10 * kMillisecond);
    ASSERT_TRUE(caller.peer.eof());
    std::size_t written = 0;
    while (caller.peer.status() == Status::ok && written < 4'000'000) {
        caller.peer.write(std::string(10'000, 'x'));
        written += 10'000;
        world_->run_for(2 * kMillisecond);
    }
    EXPECT_EQ(caller.peer.status(), Status::reset);
    EXPECT_GE(written, world_->limits().linger_bytes);
    EXPECT_LE(written, world_->limits().linger_bytes + 100'000);
    EXPECT_LE(now(), world_->limits().linger_timeout);
}

// ---- the course of a connection --------------------------------------------------------------

TEST_F(ReactorOnSim, PipelinedAnswersLeaveTogether) {
    std::string many;
    for (int i = 0; i < 16; ++i) {
        many += kGet;
    }
    const Caller& caller = call(many);
    world_->run_for(kSecond);
    EXPECT_EQ(caller.responses(), 16U);
}

// The second request arrives while the first answer leaves and is kept; its own answer must not be
// sent so quietly that nobody listens for the third.
TEST_F(ReactorOnSim, ReceivingGoesOnAfterKeptInput) {
    Caller& caller = call("GET /big.bin HTTP/1.1\r\nHost: example.org\r\n\r\n");
    caller.reading = false;
    Nanos asked = 0;
    world_->network().after(10 * kMillisecond, [&] { caller.peer.write(kGet); });
    world_->network().after(20 * kMillisecond, [&] {
        caller.reading = true;
        caller.input += caller.peer.read();
    });
    world_->network().after(200 * kMillisecond, [&] {
        EXPECT_EQ(caller.responses(), 2U);
        asked = now();
        caller.peer.write(kGet);
    });
    world_->run_for(10 * kSecond);
    EXPECT_EQ(caller.responses(), 3U);
    EXPECT_LE(caller.last_byte_at - asked, 10 * kMillisecond);
}

TEST_F(ReactorOnSim, AHalfClosedPeerGetsItsAnswersAndTheEnd) {
    for (const std::string_view target : {"/tiny.txt", "/big.bin", "/big2.bin"}) {
        Caller& caller =
            call("GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n\r\n" + std::string(kGet));
        caller.peer.shutdown_write();
        const Nanos start = now();
        world_->run_for(20 * kSecond);
        EXPECT_EQ(caller.responses(), 2U) << target;
        EXPECT_TRUE(caller.peer.eof()) << target;
        EXPECT_LE(caller.ended_at - start, kSecond) << target;
    }
    EXPECT_EQ(world_->reactor().connections(), 0U);
}

// Request and FIN arrive together: nothing else will come that the end of the answer could wait
// for.
TEST_F(ReactorOnSim, AHalfClosedPeerIsLeftAtOnce) {
    for (int i = 0; i < 50; ++i) {
        Caller& caller = call(kGet);
        caller.peer.shutdown_write();
        const Nanos start = now();
        world_->run_for(kSecond);
        EXPECT_EQ(caller.responses(), 1U);
        EXPECT_TRUE(caller.peer.eof());
        EXPECT_LE(caller.ended_at - start, 20 * kLatency) << i;
    }
}

TEST_F(ReactorOnSim, AnAnnouncedCloseIsImmediate) {
    const Caller& caller = call("GET /tiny.txt HTTP/1.0\r\n\r\n");
    world_->run_for(20 * kSecond);
    EXPECT_EQ(caller.responses(), 1U);
    EXPECT_TRUE(caller.peer.eof());
    EXPECT_LE(caller.ended_at, 20 * kLatency);
}

// Content arrives while an answer that comes before is still being sent. One of the two big files
// is cold, whichever it is; the pages before it fill the session's buffer once and a little more.
TEST_F(ReactorOnSim, ARequestThatWaitsBehindAnotherAnswerIsResumed) {
    for (const std::size_t pages : {20U, 22U, 24U, 26U}) {
        for (const std::string_view target : {"/big.bin", "/big2.bin"}) {
            WorldOptions options = quiet_world();
            options.network.window_bytes_min = options.network.window_bytes_max = 8 * 1024;
            make(options);
            Caller& caller = call();
            caller.reading = false;
            std::string requests;
            for (std::size_t i = 0; i < pages; ++i) {
                requests += "GET /index.html HTTP/1.1\r\nHost: example.org\r\n\r\n";
            }
            requests += "GET " + std::string(target) + " HTTP/1.1\r\nHost: example.org\r\n\r\n";
            caller.peer.write(requests + std::string(kGet));
            world_->run_for(500 * kMillisecond);
            caller.input += caller.peer.read();  // the second half begins to leave, and is stuck
            world_->run_for(500 * kMillisecond);
            caller.reading = true;
            caller.input += caller.peer.read();
            const Nanos start = now();
            world_->run_for(20 * kSecond);
            EXPECT_EQ(caller.responses(), pages + 2);
            EXPECT_FALSE(caller.got("HTTP/1.1 503 "));
            EXPECT_LE(caller.last_byte_at - start, kSecond) << pages << " pages, " << target;
            callers_.clear();
            world_->run_for(kSecond);
        }
    }
}

TEST_F(ReactorOnSim, AnIdleConnectionBorrowsNothing) {
    Caller& caller = call(kGet);
    world_->run_for(kSecond);
    EXPECT_EQ(caller.responses(), 1U);
    EXPECT_EQ(world_->reactor().connections(), 1U);
    EXPECT_EQ(world_->reactor().requests_in_use(), 0U);
    EXPECT_EQ(world_->backend().usage().buffers_lent, 0U);
}

TEST_F(ReactorOnSim, AResetIsNoticedInEveryState) {
    call();                                                           // nothing said yet
    call(kGet);                                                       // idle
    call("GET / HTTP");                                               // in a head
    call("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n");  // in a body
    call("GET / HTTP/1.1\r\n\r\n");                                   // lingering
    Caller& busy = call("GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n");  // being sent to
    busy.reading = false;
    world_->run_for(100 * kMillisecond);
    ASSERT_EQ(world_->reactor().connections(), 6U);
    for (const auto& caller : callers_) {
        caller->peer.reset();
    }
    world_->run_for(100 * kMillisecond);
    EXPECT_EQ(world_->reactor().connections(), 0U);
    EXPECT_EQ(counters().broken, 6U);
}

TEST_F(ReactorOnSim, OneReceiveBufferServesEverybody) {
    WorldOptions options = quiet_world();
    options.backend.recv_buffers = 1;
    options.backend.recv_buffer_bytes = 64;
    make(options);
    for (int i = 0; i < 16; ++i) {
        call(kGet);
    }
    world_->run_for(kSecond);
    for (const auto& caller : callers_) {
        EXPECT_EQ(caller->responses(), 1U);
    }
}

// Its stamp moves with each piece, but its bytes stay.
TEST_F(ReactorOnSim, AFileWhoseStampMovesIsSentWhole) {
    WorldOptions options = quiet_world();
    options.network.faults.file_changed = 1;
    make(options);
    const Caller& caller = call("GET /big.bin HTTP/1.1\r\nHost: example.org\r\n\r\n");
    world_->run_for(kSecond);
    EXPECT_TRUE(caller.input.ends_with("\r\n\r\n" + site_file("/big.bin").body));
    EXPECT_FALSE(caller.ended());
    EXPECT_EQ(counters().broken, 0U);
}

// ---- files that would have to be waited for --------------------------------------------------

class ColdFilesOnSim : public ReactorOnSim {
  protected:
    void SetUp() override {
        WorldOptions options = quiet_world();
        options.network.faults.file_cold = 1;
        options.network.disk_latency_max = 3 * kSecond;
        make(options);
    }
};

TEST_F(ColdFilesOnSim, ADiskThatTakesItsTimeHoldsNobodyElse) {
    const Caller& slow = call(kGetBig);
    world_->run_for(10 * kMillisecond);
    for (int i = 1; i <= 100 && !slow.input.ends_with(site_file("/big.bin").body); ++i) {
        const Caller& other = call(kGet);
        world_->run_for(50 * kMillisecond);
        ASSERT_EQ(other.responses(), 1U) << i;
    }
    world_->run_for(30 * kSecond);
    EXPECT_TRUE(slow.input.ends_with("\r\n\r\n" + site_file("/big.bin").body));
    EXPECT_EQ(slow.responses(), 1U);
}

TEST_F(ColdFilesOnSim, WhoeverLeavesMeanwhileIsForgotten) {
    Caller& caller = call(kGetBig);
    world_->run_for(10 * kMillisecond);
    EXPECT_EQ(world_->backend().usage().operations, 2U);  // a receive and a read
    caller.peer.reset();
    world_->run_for(5 * kSecond);
    EXPECT_EQ(counters().closed, 1U);
    const auto lines = world_->take_log();
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_TRUE(lines[0].ends_with(" 200 0")) << lines[0];
}

TEST_F(ColdFilesOnSim, AFileThatMovesWhileItIsReadIsSentWhole) {
    world_->network().faults().file_changed = 1;
    const Caller& caller = call(kGetBig);
    world_->run_for(60 * kSecond);
    EXPECT_TRUE(caller.input.ends_with("\r\n\r\n" + site_file("/big.bin").body));
    EXPECT_EQ(counters().broken, 0U);
}

TEST_F(ColdFilesOnSim, AStopWaitsForWhatIsBeingRead) {
    call(kGetBig);
    world_->run_for(10 * kMillisecond);
    world_->stop();
    EXPECT_TRUE(world_->run_until([this] { return world_->reactor().finished(); }, 5 * kSecond));
}

// ---- accepting -------------------------------------------------------------------------------

TEST_F(ReactorOnSim, WhereAllAreBusyOthersWait) {
    for (int i = 0; i < 16; ++i) {
        call(kGetBig).reading = false;
    }
    world_->run_for(kSecond);
    EXPECT_EQ(world_->reactor().connections(), 16U);
    EXPECT_EQ(counters().accept_pauses, 1U);
    Caller& late = call(kGet);
    world_->run_for(kSecond);
    EXPECT_EQ(late.responses(), 0U);
    EXPECT_FALSE(late.ended());  // it waits in the backlog
    EXPECT_EQ(counters().accept_pauses, 1U);
    const Nanos start = now();
    callers_[3]->peer.reset();
    world_->run_for(kSecond);
    EXPECT_EQ(late.responses(), 1U);
    EXPECT_LE(late.last_byte_at - start, 10 * kLatency) << "a free place is used at once";
    // A place that an idle connection can give up is used soon as well.
    const Nanos next = now();
    Caller& later = call(kGet);
    world_->run_for(kSecond);
    EXPECT_EQ(later.responses(), 1U);
    EXPECT_LE(later.last_byte_at - next, 2 * kIdleLook);
    EXPECT_EQ(counters().refused, 0U);
    EXPECT_EQ(counters().gave_way, 1U);
}

TEST_F(ReactorOnSim, TheLongestIdleGivesWay) {
    for (int i = 0; i < 16; ++i) {
        call(kGet);
        world_->run_for(10 * kSecond / 16);
    }
    callers_[0]->peer.write(kGet);
    world_->run_for(kSecond);
    EXPECT_EQ(callers_[0]->responses(), 2U);
    EXPECT_EQ(counters().accept_pauses, 0U);
    for (std::size_t i = 0; i < 5; ++i) {
        if (i == 3) {
            callers_[4]->peer.write(kGet);  // between the look and its turn
            world_->run_for(10 * kMillisecond);
        }
        const Nanos start = now();
        Caller& late = call(kGet);
        world_->run_for(kSecond);
        EXPECT_EQ(late.responses(), 1U);
        EXPECT_LE(late.last_byte_at - start, 10 * kLatency);
        EXPECT_EQ(world_->reactor().connections(), 16U);
    }
    EXPECT_EQ(counters().gave_way, 5U);
    for (std::size_t i = 0; i < callers_.size(); ++i) {
        const bool gone = i == 1 || i == 2 || i == 3 || i == 5 || i == 6;
        EXPECT_EQ(callers_[i]->ended(), gone) << i;
        EXPECT_EQ(callers_[i]->peer.status(), Status::ok) << i;  // a FIN, and no reset
    }
}

// A connection on which nothing came is idle too, once its first request had time to arrive.
TEST_F(ReactorOnSim, TheSilentGiveWayButNotAtOnce) {
    for (int i = 0; i < 16; ++i) {
        call();
    }
    world_->run_for(10 * kMillisecond);
    const Nanos start = now();
    Caller& late = call(kGet);
    world_->run_for(kSecond);
    EXPECT_EQ(late.responses(), 1U);
    EXPECT_GE(late.last_byte_at - start, 200 * kMillisecond);
    EXPECT_LE(late.last_byte_at - start, 300 * kMillisecond);
    EXPECT_EQ(counters().gave_way, 1U);
    for (std::size_t i = 0; i < 15; ++i) {
        callers_[i]->peer.write(callers_[i]->ended() ? "" : kGet);
    }
    world_->run_for(kSecond);
    EXPECT_EQ(std::ranges::count_if(callers_, [](const auto& c) { return c->responses() == 1; }),
              15 + (callers_[15]->ended() ? 1 : 0));
}

// What is under way is never cut for others, however slow it is.
TEST_F(ReactorOnSim, TheBusyNeverGiveWay) {
    call(kGetBig).reading = false;
    call("GET / HTTP");
    call("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n");
    world_->run_for(kSecond);
    for (int i = 0; i < 300; ++i) {
        call(kGet);
        world_->run_for(2 * kMillisecond);
    }
    world_->run_for(kSecond);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_FALSE(callers_[i]->ended()) << i;
    }
    for (std::size_t i = 3; i < callers_.size(); ++i) {
        EXPECT_EQ(callers_[i]->responses(), 1U) << i;
        EXPECT_EQ(callers_[i]->peer.status(), Status::ok) << i;
    }
    EXPECT_EQ(counters().refused, 0U);
}

// More come at once than there are places: each is answered, as fast as places come free.
TEST_F(ReactorOnSim, ACrowdIsServedInTurn) {
    WorldOptions options = quiet_world();
    options.limits.connections_per_worker = 3;
    make(options);
    for (int i = 0; i < 300; ++i) {
        call(kGet);
    }
    ASSERT_TRUE(world_->run_until(
        [&] {
            return std::ranges::all_of(callers_,
                                       [](const auto& caller) { return caller->responses() == 1; });
        },
        5 * kSecond));
    EXPECT_EQ(counters().refused, 0U);
    world_->run_for(kSecond);
    EXPECT_LE(world_->reactor().connections(), 3U);
}

TEST_F(ReactorOnSim, NoDescriptorsPausesAcceptingAndRecovers) {
    world_->backend().limit_sockets(2);
    for (int i = 0; i < 4; ++i) {
        call(kGetBig).reading = false;
    }
    world_->run_for(kSecond);
    EXPECT_EQ(world_->reactor().connections(), 2U);
    EXPECT_GE(counters().accept_pauses, 5U);
    EXPECT_LE(counters().accept_pauses, 15U);  // it does not spin
    world_->backend().limit_sockets(SIZE_MAX);
    world_->run_for(kSecond);
    EXPECT_EQ(world_->reactor().connections(), 4U);
}

// Descriptors limit connections as well.
TEST_F(ReactorOnSim, TheIdleGiveWayForWantOfDescriptors) {
    world_->backend().limit_sockets(2);
    for (int i = 0; i < 10; ++i) {
        call(kGet);
        world_->run_for(10 * kMillisecond);
    }
    for (const auto& caller : callers_) {
        EXPECT_EQ(caller->responses(), 1U);
        EXPECT_EQ(caller->peer.status(), Status::ok);
    }
    EXPECT_EQ(counters().gave_way, 8U);
}

// ---- the end ---------------------------------------------------------------------------------

TEST_F(ReactorOnSim, DrainClosesIdleConnectionsAtOnce) {
    for (int i = 0; i < 5; ++i) {
        call(kGet);
    }
    world_->run_for(kSecond);
    EXPECT_LE(world_->drain(), 20 * kMillisecond);
    EXPECT_EQ(counters().closed, 5U);
}

TEST_F(ReactorOnSim, DrainLetsTheBusyFinish) {
    Caller& caller = call("GET /big.bin HTTP/1.1\r\nHost: example.org\r\n\r\n");
    caller.reading = false;
    Caller& half = call("GET /tiny.txt HTT");
    world_->run_for(kSecond);
    world_->network().after(2 * kSecond, [&] {
        caller.reading = true;
        caller.input += caller.peer.read();
        half.peer.write("P/1.1\r\nHost: x\r\n\r\n");
    });
    const Nanos took = world_->drain();
    EXPECT_GE(took, 2 * kSecond);
    EXPECT_LE(took, 5 * kSecond);
    EXPECT_GE(caller.input.size(), 200'000U);
    EXPECT_EQ(caller.peer.status(), Status::ok);
    EXPECT_TRUE(half.got("Connection: close\r\n"));
    EXPECT_EQ(half.responses(), 1U);
}

TEST_F(ReactorOnSim, DrainEndsAtItsDeadline) {
    Caller& caller = call("GET /big.bin HTTP/1.1\r\nHost: example.org\r\n\r\n");
    caller.reading = false;
    world_->run_for(kSecond);
    const Nanos took = world_->drain();
    EXPECT_GE(took, world_->limits().drain_timeout);
    EXPECT_LE(took, world_->limits().drain_timeout + kLate);
}

TEST_F(ReactorOnSim, DrainServesWhoWaitsInTheQueue) {
    WorldOptions options = quiet_world();
    options.limits.connections_per_worker = 300;
    options.backend.completions = 20;
    make(options);
    for (int i = 0; i < 200; ++i) {
        call(kGet).polite = true;
    }
    world_->network().run_until(now() + 10 * kMillisecond);  // without the server
    EXPECT_LE(world_->drain(), 500 * kMillisecond);
    for (const auto& caller : callers_) {
        EXPECT_EQ(caller->responses(), 1U);
        EXPECT_TRUE(caller->got("Connection: close\r\n"));
    }
    EXPECT_EQ(counters().accepted, 200U);
}

TEST_F(ReactorOnSim, DrainDoesNotWaitForTheSilent) {
    call();
    world_->run_for(kSecond);
    EXPECT_LE(world_->drain(), kSecond);
}

TEST_F(ReactorOnSim, DrainRefusesWhoComesLater) {
    Caller& busy = call("GET /big.bin HTTP/1.1\r\nHost: example.org\r\n\r\n");
    busy.reading = false;
    world_->run_for(kSecond);
    world_->reactor().drain();
    world_->run_for(kSecond);
    const Caller& late = call(kGet);
    world_->run_for(kSecond);
    EXPECT_EQ(late.peer.status(), Status::refused);
}

TEST_F(ReactorOnSim, DrainEndsAFloodOfConnections) {
    WorldOptions options = quiet_world();
    options.limits.connections_per_worker = 8'192;
    make(options);
    const std::function<void()> flood = [this, &flood] {
        call();
        if (callers_.size() < 20'000 && callers_.back()->peer.status() == Status::ok) {
            world_->network().after(100 * kMicrosecond, flood);
        }
    };
    flood();
    world_->run_for(10 * kMillisecond);
    EXPECT_LE(world_->drain(), kSecond);
}

TEST_F(ReactorOnSim, ASecondStopClosesAtOnce) {
    Caller& busy = call("GET /big.bin HTTP/1.1\r\nHost: example.org\r\n\r\n");
    busy.reading = false;
    call("GET / HT");
    call("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n");
    call("GET / HTTP/1.1\r\n\r\n");
    call(kGet);
    world_->run_for(100 * kMillisecond);
    world_->reactor().drain();
    world_->run_for(kSecond);
    EXPECT_FALSE(world_->reactor().finished());
    const Nanos start = now();
    world_->reactor().stop();
    EXPECT_TRUE(world_->run_until([&] { return world_->reactor().finished(); }, kSecond));
    EXPECT_LE(now() - start, 10 * kMillisecond);
}

TEST_F(ReactorOnSim, StopAloneClosesAtOnce) {
    Caller& busy = call("GET /big.bin HTTP/1.1\r\nHost: example.org\r\n\r\n");
    busy.reading = false;
    call(kGet);
    world_->run_for(kSecond);
    const Nanos start = now();
    world_->reactor().stop();
    EXPECT_TRUE(world_->run_until([&] { return world_->reactor().finished(); }, kSecond));
    EXPECT_LE(now() - start, 10 * kMillisecond);
}

// What ends makes room for those who wait.
TEST_F(ReactorOnSim, DrainServesTheQueueThoughDescriptorsWereShort) {
    world_->backend().limit_sockets(1);
    Caller& busy = call(kGetBig);
    busy.polite = true;
    busy.reading = false;
    world_->run_for(10 * kMillisecond);
    for (int i = 0; i < 2; ++i) {
        call(kGet).polite = true;
    }
    world_->run_for(kSecond);
    EXPECT_EQ(counters().accepted, 1U);
    read_after(busy, 50 * kMillisecond);
    EXPECT_LE(world_->drain(), kSecond);
    for (const auto& caller : callers_) {
        EXPECT_EQ(caller->responses(), 1U);
        EXPECT_EQ(caller->peer.status(), Status::ok);
    }
}

TEST_F(ReactorOnSim, DrainServesTheQueueThoughTheSlabWasFull) {
    for (int i = 0; i < 26; ++i) {
        Caller& caller = call(i < 16 ? kGetBig : kGet);
        caller.polite = true;
        caller.reading = i >= 16;
        world_->run_for(10 * kMillisecond);
    }
    EXPECT_EQ(counters().accepted, 16U);
    for (std::size_t i = 0; i < 16; ++i) {
        read_after(*callers_[i], 50 * kMillisecond);
    }
    EXPECT_LE(world_->drain(), kSecond);
    for (const auto& caller : callers_) {
        EXPECT_EQ(caller->responses(), 1U);
        EXPECT_EQ(caller->peer.status(), Status::ok);
    }
    EXPECT_EQ(counters().refused, 0U);
}

TEST_F(ReactorOnSim, DrainResetsTheQueueWhenNoRoomComes) {
    for (int i = 0; i < 16; ++i) {
        call("GET /big.bin HTTP/1.1\r\nHost: example.org\r\n\r\n").reading = false;
    }
    world_->run_for(kSecond);
    const Caller& waits = call(kGet);
    world_->run_for(kSecond);
    EXPECT_FALSE(waits.ended());
    const Nanos start = now();
    EXPECT_GE(world_->drain(), world_->limits().drain_timeout);
    EXPECT_EQ(waits.peer.status(), Status::reset);
    expect_kept(start, waits.ended_at, 250 * kMillisecond);
    EXPECT_EQ(counters().refused, 0U);
}

TEST_F(ReactorOnSim, StopWhileAcceptingIsPausedIsImmediate) {
    world_->backend().limit_sockets(1);
    call(kGet);
    call(kGet);
    world_->run_for(kSecond);
    const Nanos start = now();
    world_->reactor().stop();
    EXPECT_TRUE(world_->run_until([&] { return world_->reactor().finished(); }, kSecond));
    EXPECT_LE(now() - start, 10 * kMillisecond);
}

// An answer that did not announce the close, and a client that sends more before it has read all.
TEST_F(ReactorOnSim, DrainDoesNotDestroyTheAnswerBeforeIt) {
    for (int round = 0; round < 8; ++round) {  // a reset destroys it every second time
        make(quiet_world());
        Caller& caller = call("GET /logo.jpg HTTP/1.1\r\nHost: example.org\r\n\r\n");
        caller.reading = false;
        world_->run_for(10 * kMillisecond);
        world_->reactor().drain();
        world_->run_for(10 * kMillisecond);
        caller.input += caller.peer.read(30'000);  // now the rest leaves
        world_->run_for(10 * kMillisecond);
        caller.peer.write(kGet);
        world_->run_for(5 * kSecond);
        caller.input += caller.peer.read();
        EXPECT_GE(caller.input.size(), site_file("/logo.jpg").body.size());
        EXPECT_EQ(caller.peer.status(), Status::ok);
        EXPECT_TRUE(world_->reactor().finished());
        callers_.clear();
    }
}

// The same with an answer that has left as a whole, so that the connection counts as idle.
TEST_F(ReactorOnSim, DrainDoesNotDestroyAnAnswerThatIsStillUnread) {
    for (int round = 0; round < 8; ++round) {
        make(quiet_world());
        Caller& caller = call(kGet);
        caller.reading = false;
        world_->run_for(kSecond);
        world_->reactor().drain();
        world_->run_for(10 * kMillisecond);
        caller.peer.write(kGet);
        world_->run_for(5 * kSecond);
        world_->network().run_until(now() + kSecond);  // the server may have ended long ago
        caller.input += caller.peer.read();
        EXPECT_EQ(caller.responses(), 1U);
        EXPECT_EQ(caller.peer.status(), Status::ok);
        EXPECT_TRUE(world_->reactor().finished());
        callers_.clear();
    }
}

// ---- messages --------------------------------------------------------------------------------

TEST_F(ReactorOnSim, MessagesRunInOrderAndAreBounded) {
    std::vector<std::size_t> ran;
    std::vector<std::size_t> posted;
    const auto post = [&](std::size_t number) {
        return world_->reactor().post([&ran, number](Reactor&) { ran.push_back(number); });
    };
    for (std::size_t i = 0; i < Mailbox::kMessagesMax; ++i) {
        posted.push_back(i);
        EXPECT_TRUE(post(i));
    }
    EXPECT_FALSE(post(Mailbox::kMessagesMax));
    EXPECT_TRUE(ran.empty());
    world_->run_for(kMillisecond);
    EXPECT_EQ(ran, posted);
    tell([&ran](Reactor&) { ran.clear(); });
    EXPECT_TRUE(ran.empty());
}

TEST_F(ReactorOnSim, AMessageMayPostTheNextOne) {
    std::vector<Nanos> turns;
    tell([&](Reactor& reactor) {
        EXPECT_TRUE(reactor.post([&](Reactor&) { turns.push_back(2); }));
        turns.push_back(1);
    });
    EXPECT_EQ(turns, (std::vector<Nanos>{1, 2}));
}

TEST_F(ReactorOnSim, AMessageReadsTheCounters) {
    call(kGet);
    call(kGet);
    world_->run_for(10 * kMillisecond);
    ReactorCounters seen;
    tell([&seen](Reactor& reactor) { seen = reactor.counters(); });
    EXPECT_EQ(seen.accepted, 2U);
}

TEST_F(ReactorOnSim, AListenerIsAddedWhileOthersServe) {
    Caller& first = call(kGet);
    const Reactor::Listening added = add_listener();
    EXPECT_EQ(added.listener, 1U);
    const Caller& second = call_at(added.local, kGet);
    first.peer.write(kGet);
    world_->run_for(kSecond);
    EXPECT_EQ(first.responses(), 2U);
    EXPECT_EQ(second.responses(), 1U);
}

TEST_F(ReactorOnSim, AListenerIsStoppedWhileOthersServe) {
    const Reactor::Listening added = add_listener();
    Caller& open = call(kGet);
    world_->run_for(10 * kMillisecond);
    tell([](Reactor& reactor) { reactor.stop_listening(0); });
    const Caller& late = call(kGet);
    const Caller& other = call_at(added.local, kGet);
    open.peer.write(kGet);
    world_->run_for(kSecond);
    EXPECT_EQ(open.responses(), 2U);
    EXPECT_FALSE(open.ended());
    EXPECT_EQ(late.peer.status(), Status::refused);
    EXPECT_EQ(other.responses(), 1U);
    // Its number is free when its last connection has gone.
    EXPECT_EQ(add_listener().listener, 2U);
    open.peer.close();
    world_->run_for(10 * kMillisecond);
    const Reactor::Listening again = add_listener();
    EXPECT_EQ(again.listener, 0U);
    const Caller& newcomer = call_at(again.local, kGet);
    world_->run_for(kSecond);
    EXPECT_EQ(newcomer.responses(), 1U);
}

TEST_F(ReactorOnSim, AListenerThatIsPausedIsStopped) {
    WorldOptions options = quiet_world();
    options.limits.connections_per_worker = 1;
    make(options);
    call(kGetBig).reading = false;
    world_->run_for(kSecond);
    call(kGet);
    world_->run_for(kSecond);
    ASSERT_GT(counters().accept_pauses, 0U);
    tell([](Reactor& reactor) {
        reactor.stop_listening(0);
        reactor.stop_listening(0);  // once more changes nothing
    });
    EXPECT_EQ(call(kGet).peer.status(), Status::ok);
    world_->run_for(10 * kMillisecond);
    EXPECT_EQ(callers_.back()->peer.status(), Status::refused);
}

TEST_F(ReactorOnSim, WhoeverDrainsOpensNoListener) {
    call(kGetBig).reading = false;
    world_->run_for(10 * kMillisecond);
    world_->reactor().drain();
    world_->run_for(10 * kMillisecond);
    ASSERT_FALSE(world_->reactor().finished());
    tell([](Reactor& reactor) {
        const auto refused = reactor.listen(*Endpoint::parse("127.0.0.1:0"), {});
        ASSERT_FALSE(refused.has_value());
        EXPECT_EQ(refused.error().status, Status::cancelled);
    });
}

TEST_F(ReactorOnSim, AfterTheEndThereAreNoMessages) {
    ASSERT_NE(world_->drain(), kNever);
    EXPECT_FALSE(world_->reactor().post([](Reactor&) { FAIL(); }));
}

}  // namespace sluice::sim

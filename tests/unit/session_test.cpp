// The session beyond what transcripts can say: pieces and their sources, timeouts, waiting,
// draining, aborts, pins and the access log.
#include "http1/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/transcripts/memory_site.h"
#include "tests/transcripts/session_driver.h"

namespace sluice::http {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using transcripts::MemorySite;
using transcripts::SessionDriver;

constexpr std::uint64_t kTail = 300'000;

std::string get(std::string_view path, std::string_view fields = "",
                std::string_view method = "GET") {
    return std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" +
           std::string(fields) + "\r\n";
}

std::string pattern(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<char>('a' + i % 23 + (i / 1000) % 3);
    }
    return bytes;
}

std::size_t count(std::string_view text, std::string_view what) {
    std::size_t n = 0;
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string_view::npos; ++at) {
        ++n;
    }
    return n;
}

class Http1SessionTest : public ::testing::Test {
  protected:
    Http1SessionTest() {
        site_.add("/small", "small body\n");
        site_.add("/medium", medium_);
        site_.add_file("/file", large_, false);
        site_.add_file("/live", large_, true);
        site_.add_cold("/cold", 4);
        site_.publish();
        turn();
    }
    bool turn(bool draining = false) {
        SessionContext context;
        context.now = now_;
        context.wall_seconds = 971'211'336;  // 2000-10-10 20:55:36 UTC
        context.draining = draining;
        const bool changed = factory_.turn(context);
        (void)logged_factory_.turn(context);
        return changed;
    }
    std::vector<std::string> logged() {
        std::string text;
        for (const std::string_view piece : sink_.pending()) {
            text += piece;
        }
        sink_.consume(text.size());
        std::vector<std::string> lines;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = text.find('\n', at);
            lines.push_back(text.substr(at, end - at));
            at = end + 1;
        }
        return lines;
    }
    // As in the common format, for a peer at 192.0.2.7.
    static std::string line(const std::string& request, int status, std::uint64_t bytes) {
        return "192.0.2.7 - - [10/Oct/2000:20:55:36 +0000] \"" + request + "\" " +
               std::to_string(status) + " " + std::to_string(bytes);
    }

    const std::string medium_ = pattern(10'000);
    const std::string large_ = pattern(3'000'000);
    const Limits limits_;
    Nanos now_ = 0;
    MemorySite site_;
    AccessLogSink sink_{LogFormat::common};
    Http1Factory factory_{limits_, site_.view(), nullptr, kTail};
    Http1Factory logged_factory_{limits_, site_.view(), &sink_, kTail};
};

// ---- the wait to be accepted -----------------------------------------------------------------

TEST_F(Http1SessionTest, TheFirstAnswerTellsTheWaitToBeAccepted) {
    Http1Factory telling(limits_, site_.view(), nullptr, kTail, true);
    (void)telling.turn({});
    EXPECT_TRUE(telling.wants_accept_wait());
    EXPECT_FALSE(factory_.wants_accept_wait());
    for (const std::string& request :
         {get("/small"), get("/missing"), get("/file"), get("/small", "Range: bytes=1-2\r\n"),
          std::string("nonsense\r\n\r\n")}) {
        SessionDriver driver(telling);
        driver.accept_wait = 52 * kMillisecond + 7;
        driver.receive(request);
        EXPECT_EQ(count(driver.sent(), "\r\nServer-Timing: accept;dur=52\r\n"), 1U) << request;
        if (!driver.over()) {
            driver.receive(request);
        }
        EXPECT_EQ(count(driver.sent(), "Server-Timing"), 1U) << request;
    }
}

TEST_F(Http1SessionTest, AnUnknownWaitIsNotToldAndNobodyIsAskedWithoutTheOption) {
    Http1Factory telling(limits_, site_.view(), nullptr, kTail, true);
    SessionDriver unknown(telling);
    unknown.receive(get("/small"));
    EXPECT_EQ(count(unknown.sent(), "Server-Timing"), 0U);
    SessionDriver off(factory_);
    off.accept_wait = kSecond;
    off.receive(get("/small"));
    EXPECT_EQ(count(off.sent(), "Server-Timing"), 0U);
    EXPECT_EQ(off.accept_wait, kSecond);
}

// ---- pieces ----------------------------------------------------------------------------------

TEST_F(Http1SessionTest, PipelinedAnswersLeaveInOnePiece) {
    SessionDriver driver(factory_);
    std::string requests;
    for (int i = 0; i < 16; ++i) {
        requests += get(i % 2 == 0 ? "/small" : "/missing");
    }
    driver.receive(requests);
    EXPECT_EQ(driver.pieces(), 1U);
    EXPECT_EQ(count(driver.sent(), "HTTP/1.1 200 OK"), 8U);
    EXPECT_EQ(count(driver.sent(), "HTTP/1.1 404 Not Found"), 8U);
    EXPECT_EQ(driver.state(), SessionState::idle);
}

TEST_F(Http1SessionTest, MoreThanTheBufferHoldsTakesMorePiecesAndLosesNothing) {
    for (const std::size_t padding : {0U, 1U, 7U, 100U}) {
        SessionDriver driver(factory_);
        std::string requests;
        for (int i = 0; i < 500; ++i) {
            requests += get("/small", "A: " + std::string(padding, 'x') + "\r\n");
        }
        driver.receive(requests);
        EXPECT_EQ(count(driver.sent(), "HTTP/1.1 200 OK"), 500U);
        EXPECT_EQ(count(driver.sent(), "small body\n"), 500U);
        EXPECT_GT(driver.pieces(), 1U);
        EXPECT_LT(driver.pieces(), 20U);
        EXPECT_EQ(driver.state(), SessionState::idle);
    }
}

TEST_F(Http1SessionTest, NothingIsTakenWhileAPieceIsInFlight) {
    SessionDriver driver(factory_);
    driver.hold_pieces();
    driver.receive(get("/small"));
    EXPECT_EQ(driver.state(), SessionState::respond);
    EXPECT_EQ(driver.session().feed(get("/small")), 0U);
    driver.deliver();
    EXPECT_EQ(driver.state(), SessionState::idle);
}

TEST_F(Http1SessionTest, OnlyTheLastPieceSaysSo) {
    SessionDriver driver(factory_);
    driver.hold_pieces();
    driver.receive(get("/small"));
    EXPECT_TRUE(driver.piece().last);
    driver.deliver();
    driver.receive(get("/file"));
    EXPECT_FALSE(driver.piece().last);
    driver.deliver();
    driver.deliver();
    EXPECT_TRUE(driver.piece().last);
    driver.deliver();
    EXPECT_EQ(driver.state(), SessionState::idle);
    // Part of the next head is there: its deadline has to start as soon as this answer has left.
    driver.receive(get("/small") + "GET /");
    EXPECT_FALSE(driver.piece().last);
}

TEST_F(Http1SessionTest, LargerBodiesLeaveFromTheEntrysMemory) {
    SessionDriver driver(factory_);
    driver.hold_pieces();
    driver.receive(get("/small") + get("/medium") + get("/small"));
    const Piece piece = driver.piece();
    ASSERT_EQ(piece.slice_count, 2U);
    EXPECT_EQ(count({piece.slices[0].data, piece.slices[0].size}, "HTTP/1.1 200 OK"), 2U);
    EXPECT_EQ(piece.slices[1].data, site_.view().current().find("/medium")->memory().data());
    EXPECT_EQ(piece.slices[1].size, medium_.size());
    driver.deliver();
    driver.deliver();
    EXPECT_THAT(driver.sent(), HasSubstr("\r\n\r\n" + medium_ + "HTTP/1.1 200 OK"));
    EXPECT_THAT(driver.sent(), EndsWith("small body\n"));
}

TEST_F(Http1SessionTest, FilesLeaveInRangesOfBoundedLength) {
    SessionDriver driver(factory_);
    driver.hold_pieces();
    driver.receive(get("/file"));
    std::uint64_t at = site_.view().current().find("/file")->file_offset;
    std::uint64_t total = 0;
    while (driver.state() == SessionState::respond) {
        const FileRange& file = driver.piece().file;
        EXPECT_EQ(file.offset, at);
        EXPECT_LE(file.length, kPieceBytesMax);
        EXPECT_EQ(file.stamp, nullptr);
        EXPECT_FALSE(driver.piece().copy);
        EXPECT_EQ(driver.piece().slice_count, total == 0 ? 1U : 0U);
        at += file.length;
        total += file.length;
        driver.deliver();
    }
    EXPECT_EQ(total, large_.size());
    EXPECT_THAT(driver.sent(), EndsWith("\r\n\r\n" + large_));
}

// What remains after the lent bytes must be copied, and be more than the sockets can hold.
TEST_F(Http1SessionTest, LiveFilesCarryTheirStampAndEndInCopies) {
    for (const char* range : {"", "Range: bytes=0-2999998\r\n", "Range: bytes=1-350000\r\n",
                              "Range: bytes=0-1399999,1500000-1599999,2000000-2150000\r\n",
                              "Range: bytes=0-9,1000000-1999999\r\n"}) {
        SessionDriver driver(factory_);
        driver.hold_pieces();
        driver.receive(get("/live", range));
        const Entry* entry = site_.view().current().find("/live");
        std::uint64_t lent = 0;
        std::uint64_t copied = 0;
        while (driver.state() == SessionState::respond) {
            const FileRange& file = driver.piece().file;
            if (file.length != 0) {
                ASSERT_NE(file.stamp, nullptr);
                EXPECT_EQ(*file.stamp, entry->stamp);
                const bool copy = driver.piece().copy;
                EXPECT_TRUE(copy || copied == 0) << "lent after a copy";
                EXPECT_LE(file.length, kPieceBytesMax);
                (copy ? copied : lent) += file.length;
            }
            driver.deliver();
        }
        EXPECT_EQ(copied, kTail) << range;
        EXPECT_GT(lent, 0U);
        if (*range == '\0') {
            EXPECT_THAT(driver.sent(), EndsWith("\r\n\r\n" + large_));
        }
    }
}

TEST_F(Http1SessionTest, RangesOfFilesAlternateWithTheirHeads) {
    SessionDriver driver(factory_);
    driver.receive(get("/file", "Range: bytes=10-19,2000000-2999999,5-5\r\n") + get("/small"));
    EXPECT_THAT(driver.sent(), HasSubstr("\r\nContent-Range: bytes 10-19/3000000\r\n\r\n" +
                                         large_.substr(10, 10) + "\r\n--"));
    EXPECT_THAT(driver.sent(),
                HasSubstr("\r\nContent-Range: bytes 2000000-2999999/3000000\r\n\r\n" +
                          large_.substr(2'000'000, 1'000'000) + "\r\n--"));
    EXPECT_THAT(driver.sent(), HasSubstr("\r\nContent-Range: bytes 5-5/3000000\r\n\r\n" +
                                         large_.substr(5, 1) + "\r\n--"));
    EXPECT_EQ(driver.state(), SessionState::idle);
}

TEST_F(Http1SessionTest, ARedirectLongerThanTheBufferIsRefusedAndTheConnectionGoesOn) {
    const std::string path = "/" + std::string(5'000, '"');  // each escaped: three times as long
    site_.add_directory(path);
    site_.publish();
    turn();
    SessionDriver driver(factory_);
    driver.receive(get("/small") + get(path) + get("/small"));
    EXPECT_EQ(count(driver.sent(), "HTTP/1.1 200 OK"), 2U);
    EXPECT_EQ(count(driver.sent(), "HTTP/1.1 414 URI Too Long"), 1U);
    EXPECT_EQ(driver.state(), SessionState::idle);
}

// ---- content ---------------------------------------------------------------------------------

TEST_F(Http1SessionTest, ContentBeingSentIsPinnedUntilItHasLeft) {
    const Snapshot& old = site_.view().current();
    const Entry& file = *old.find("/file");
    SessionDriver driver(factory_);
    driver.hold_pieces();
    driver.receive(get("/file"));
    site_.publish();
    EXPECT_TRUE(turn());
    EXPECT_EQ(old.holders.load(), 0U) << "the file alone is pinned";
    EXPECT_EQ(driver.state(), SessionState::respond);
    while (driver.state() == SessionState::respond) {
        EXPECT_EQ(file.holders.load(), 1U);
        driver.deliver();
    }
    EXPECT_EQ(file.holders.load(), 0U);
}

TEST_F(Http1SessionTest, AnAbortAndADestructionLetGoOfTheContent) {
    const Entry& medium = *site_.view().current().find("/medium");
    for (const bool abort : {true, false}) {
        SessionDriver driver(factory_);
        driver.hold_pieces();
        driver.receive(get("/medium"));
        site_.publish();
        turn();
        EXPECT_EQ(medium.holders.load(), 1U);
        if (abort) {
            driver.abort(100);
            EXPECT_EQ(driver.state(), SessionState::close);
            EXPECT_EQ(medium.holders.load(), 0U);
        }
    }
    EXPECT_EQ(medium.holders.load(), 0U);
}

TEST_F(Http1SessionTest, AColdEntryIsWaitedFor) {
    SessionDriver driver(factory_);
    driver.receive(get("/small") + get("/cold") + get("/small"));
    EXPECT_EQ(count(driver.sent(), "HTTP/1.1 200 OK"), 1U);
    EXPECT_EQ(driver.state(), SessionState::waiting);
    EXPECT_EQ(site_.loads(), 1U);
    driver.resume();  // some other change
    EXPECT_EQ(driver.state(), SessionState::waiting);
    EXPECT_EQ(site_.loads(), 1U);
    site_.add("/cold", "warm");
    site_.publish();
    EXPECT_TRUE(turn());
    driver.resume();
    EXPECT_EQ(count(driver.sent(), "HTTP/1.1 200 OK"), 3U);
    EXPECT_THAT(driver.sent(), HasSubstr("\r\n\r\nwarmHTTP/1.1"));
    EXPECT_EQ(driver.state(), SessionState::idle);
}

TEST_F(Http1SessionTest, ACutHeadAndABodyMayEndInWaitingToo) {
    SessionDriver driver(factory_);
    const std::string request = get("/cold", "Content-Length: 3\r\n", "HEAD") + "abc";
    driver.receive(request.substr(0, 10));
    driver.receive(request.substr(10, request.size() - 12));
    EXPECT_EQ(driver.state(), SessionState::body);
    driver.receive(request.substr(request.size() - 2));
    EXPECT_EQ(driver.state(), SessionState::waiting);
    site_.add("/cold", "warm");
    site_.publish();
    turn();
    driver.eof();  // half-closed: the answer is still wanted
    EXPECT_EQ(driver.state(), SessionState::waiting);
    driver.resume();
    EXPECT_THAT(driver.sent(), AllOf(HasSubstr("Content-Length: 4\r\n"), Not(HasSubstr("warm"))));
    EXPECT_EQ(driver.state(), SessionState::close);
}

TEST_F(Http1SessionTest, WithoutRoomInTheLoadQueueTheClientComesAgain) {
    site_.view().connect(nullptr);
    SessionDriver driver(factory_);
    driver.receive(get("/cold") + get("/small"));
    EXPECT_THAT(driver.sent(), StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
    EXPECT_THAT(driver.sent(), HasSubstr("\r\nRetry-After: "));
    EXPECT_THAT(driver.sent(), EndsWith("small body\n"));
    EXPECT_EQ(driver.state(), SessionState::idle);
}

TEST_F(Http1SessionTest, WithoutContentThereIs503) {
    ContentView empty;
    Http1Factory factory(limits_, empty, nullptr, 0);
    (void)factory.turn({});
    SessionDriver driver(factory);
    driver.receive(get("/small"));
    EXPECT_THAT(driver.sent(), StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
}

// ---- events ----------------------------------------------------------------------------------

TEST_F(Http1SessionTest, TimeoutOfAHead) {
    for (const char* begun : {"G", "GET / HTTP/1.1\r\nHost:", "\r\nG"}) {
        SessionDriver driver(factory_);
        driver.receive(begun);
        EXPECT_EQ(driver.state(), SessionState::head);
        driver.time_out();
        EXPECT_THAT(driver.sent(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
        EXPECT_THAT(driver.sent(), HasSubstr("\r\nConnection: close\r\n"));
        EXPECT_EQ(driver.state(), SessionState::linger);
    }
    for (const char* nothing : {"", "\r\n"}) {
        SessionDriver driver(factory_);
        driver.receive(nothing);
        driver.time_out();
        EXPECT_EQ(driver.sent(), "");
        EXPECT_EQ(driver.state(), SessionState::close);
    }
}

TEST_F(Http1SessionTest, TimeoutOfABody) {
    SessionDriver driver(factory_);
    driver.receive(get("/small", "Content-Length: 5\r\n") + "abc");
    EXPECT_EQ(driver.state(), SessionState::body);
    driver.time_out();
    EXPECT_THAT(driver.sent(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
    EXPECT_EQ(driver.state(), SessionState::linger);
}

TEST_F(Http1SessionTest, TimeoutOfWaiting) {
    SessionDriver driver(factory_);
    driver.receive(get("/cold"));
    driver.time_out();
    EXPECT_THAT(driver.sent(), StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
    EXPECT_TRUE(driver.over());
    driver.resume();
    EXPECT_EQ(count(driver.sent(), "HTTP/1.1"), 1U);
}

TEST_F(Http1SessionTest, DrainingAnnouncesTheCloseAndLingersForWhatIsOnItsWay) {
    turn(true);
    SessionDriver driver(factory_);
    driver.receive(get("/small") + get("/small"));
    EXPECT_EQ(count(driver.sent(), "HTTP/1.1 200 OK"), 1U);
    EXPECT_THAT(driver.sent(), HasSubstr("\r\nConnection: close\r\n"));
    EXPECT_EQ(driver.state(), SessionState::linger);
    SessionDriver other(factory_);
    other.receive(get("/small", "Connection: close\r\n"));
    EXPECT_EQ(other.state(), SessionState::close) << "its own wish: nothing is on its way";
}

TEST_F(Http1SessionTest, AnEofWhileALargeBodyLeavesEndsTheConnectionAfterIt) {
    SessionDriver driver(factory_);
    driver.hold_pieces();
    driver.receive(get("/file"));
    driver.session().on_eof();
    while (driver.sent().size() < large_.size()) {
        driver.deliver();
    }
    EXPECT_THAT(driver.sent(), EndsWith(large_));
    EXPECT_EQ(driver.state(), SessionState::close);
}

TEST_F(Http1SessionTest, UnreadBytesTurnACloseIntoALinger) {
    SessionDriver driver(factory_);
    driver.hold_pieces();
    driver.receive(get("/small", "Connection: close\r\n"));
    EXPECT_EQ(driver.state(), SessionState::close);
    driver.receive("more");
    driver.deliver();
    EXPECT_EQ(driver.state(), SessionState::linger);
}

// ---- access log ------------------------------------------------------------------------------

TEST_F(Http1SessionTest, AnswersAreLoggedOnceTheyHaveLeft) {
    SessionDriver driver(logged_factory_);
    driver.hold_pieces();
    driver.receive(get("/small") + get("/missing?q", "", "HEAD") + get("/medium"));
    EXPECT_THAT(logged(), ElementsAre());
    driver.deliver();
    EXPECT_THAT(logged(), ElementsAre(line("GET /small HTTP/1.1", 200, 11),
                                      line("HEAD /missing?q HTTP/1.1", 404, 0),
                                      line("GET /medium HTTP/1.1", 200, medium_.size())));
}

TEST_F(Http1SessionTest, ALongAnswerIsLoggedAtItsEnd) {
    SessionDriver driver(logged_factory_);
    driver.hold_pieces();
    driver.receive(get("/small") + get("/file"));
    driver.deliver();
    EXPECT_THAT(logged(), ElementsAre(line("GET /small HTTP/1.1", 200, 11)));
    driver.deliver();
    EXPECT_THAT(logged(), ElementsAre());
    driver.deliver();
    EXPECT_THAT(logged(), ElementsAre(line("GET /file HTTP/1.1", 200, large_.size())));
    EXPECT_EQ(driver.state(), SessionState::idle);
    driver.receive(get("/file", "Range: bytes=0-9,20-29,2000000-2999999\r\n"));
    while (driver.state() == SessionState::respond) {
        driver.deliver();
    }
    const std::string& sent = driver.sent();
    const std::size_t at = sent.rfind("HTTP/1.1 206");
    const std::size_t body = sent.size() - (sent.find("\r\n\r\n", at) + 4);
    EXPECT_THAT(logged(), ElementsAre(line("GET /file HTTP/1.1", 206, body)));
}

TEST_F(Http1SessionTest, AnAbortLogsWhatReallyLeft) {
    const auto head = [this] {
        SessionDriver driver(factory_);
        driver.receive(get("/small"));
        return driver.sent().size() - 11;
    }();
    const auto aborted_at = [this](std::uint64_t bytes) {
        SessionDriver driver(logged_factory_);
        driver.hold_pieces();
        driver.receive(get("/small") + get("/small"));
        driver.abort(bytes);
        return logged();
    };
    const auto small = [](std::uint64_t bytes) { return line("GET /small HTTP/1.1", 200, bytes); };
    EXPECT_THAT(aborted_at(0), ElementsAre(small(0), small(0)));
    EXPECT_THAT(aborted_at(head), ElementsAre(small(0), small(0)));
    EXPECT_THAT(aborted_at(head + 4), ElementsAre(small(4), small(0)));
    EXPECT_THAT(aborted_at(head + 11 + 5), ElementsAre(small(11), small(0)));
    EXPECT_THAT(aborted_at(2 * head + 11 + 1), ElementsAre(small(11), small(1)));
    EXPECT_THAT(aborted_at(2 * head + 22), ElementsAre(small(11), small(11)));

    SessionDriver driver(logged_factory_);
    driver.hold_pieces();
    driver.receive(get("/file"));
    driver.deliver();
    driver.abort(1000);
    EXPECT_THAT(logged(), ElementsAre(line("GET /file HTTP/1.1", 200, kPieceBytesMax + 1000)));
}

TEST_F(Http1SessionTest, ADestroyedSessionStillLogs) {
    {
        SessionDriver driver(logged_factory_);
        driver.hold_pieces();
        driver.receive(get("/file"));
    }
    EXPECT_THAT(logged(), ElementsAre(line("GET /file HTTP/1.1", 200, 0)));
}

TEST_F(Http1SessionTest, RefusalsAreLoggedWithTheirLineAsItCame) {
    const auto log_of = [this](std::string_view bytes) {
        SessionDriver driver(logged_factory_);
        driver.receive(bytes);
        if (!driver.over()) {
            driver.time_out();
        }
        return logged();
    };
    EXPECT_THAT(log_of("GET  / HTTP/1.1\r\n"), ElementsAre(line("GET  / HTTP/1.1", 400, 150)));
    EXPECT_THAT(log_of("\r\nGET /\" \\\x1b[2J\r\n"),
                ElementsAre(line("GET /\\x22 \\x5c\\x1b[2J", 400, 150)));
    EXPECT_THAT(log_of("\n"), ElementsAre(line("-", 400, 150)));
    EXPECT_THAT(log_of("GET /\r"), ElementsAre(line("GET /", 408, 158)));
    EXPECT_THAT(log_of(std::string(9000, 'a')), ElementsAre(line(std::string(256, 'a'), 414, 152)));
    EXPECT_THAT(log_of("\r\n"), ElementsAre());
    EXPECT_THAT(log_of(get("/small", "Content-Length: 9999999\r\n")),
                ElementsAre(line("GET /small HTTP/1.1", 413, 162)));
}

TEST_F(Http1SessionTest, LongFieldsInTheLogNeverStopTheAnswers) {
    AccessLogSink sink(LogFormat::combined);
    Http1Factory factory(limits_, site_.view(), &sink, 0);
    (void)factory.turn({});
    SessionDriver driver(factory);
    std::string requests;
    for (int i = 0; i < 30; ++i) {
        requests += get("/" + std::string(8'000, 'p'),
                        "Referer: " + std::string(3'900, 'r') +
                            "\r\nUser-Agent: " + std::string(3'900, 'u') + "\r\n");
    }
    driver.receive(requests);
    EXPECT_EQ(count(driver.sent(), "HTTP/1.1 404 Not Found\r\n"), 30U);
    EXPECT_EQ(driver.state(), SessionState::idle);
    std::string text;
    for (const std::string_view piece : sink.pending()) {
        text += piece;
    }
    EXPECT_EQ(count(text, "\n"), 30U);
    EXPECT_EQ(count(text, std::string(kLogTextMax, 'u') + "\"\n"), 30U);
}

TEST_F(Http1SessionTest, TheDurationCountsFromTheHeadToTheLastByte) {
    AccessLogSink sink(LogFormat::json);
    Http1Factory factory(limits_, site_.view(), &sink, 0);
    SessionContext context;
    context.now = 5'000'000;
    (void)factory.turn(context);
    SessionDriver driver(factory);
    driver.hold_pieces();
    driver.receive(get("/medium"));
    context.now += 1'234'000;
    (void)factory.turn(context);
    driver.deliver();
    EXPECT_THAT(std::string(sink.pending()[0]), HasSubstr("\"duration_us\":1234,"));
}

}  // namespace
}  // namespace sluice::http

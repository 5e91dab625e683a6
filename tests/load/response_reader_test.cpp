// Every answer is read whole, byte by byte, and cut in two at every place: the outcome must be the
// same.
#include "bench/load/response_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::load {

namespace {

struct Seen {
    std::vector<std::string> answers;  // "200 5 keep" ...
    std::string body;
    bool broken = false;
    bool tunnel = false;
    bool whole_at_end = false;
    std::uint64_t interim = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
};

class Collect final : public BodySink {
  public:
    void body(std::string_view bytes) noexcept override { text.append(bytes); }
    std::string text;
};

std::string line_of(const Answer& answer) {
    return std::to_string(answer.status) + " " + std::to_string(answer.body_bytes) +
           (answer.keep_alive ? " keep" : " close") +
           (answer.accept_wait < 0 ? "" : " waited " + std::to_string(answer.accept_wait));
}

// `heads`: which of the answers are to a HEAD.
Seen read(const std::vector<std::string_view>& parts, const std::string& heads) {
    Seen seen;
    Collect collect;
    ResponseReader reader;
    reader.reset(&collect);
    for (std::string_view part : parts) {
        while (!part.empty() && !seen.broken && !seen.tunnel) {
            const std::size_t number = seen.answers.size();
            const auto fed = reader.feed(part, number < heads.size() && heads[number] == 'H');
            part.remove_prefix(fed.bytes);
            if (fed.outcome == ResponseReader::Outcome::answer) {
                seen.answers.push_back(line_of(reader.answer()));
            } else if (fed.outcome == ResponseReader::Outcome::not_http) {
                seen.broken = true;
            } else if (fed.outcome == ResponseReader::Outcome::tunnel) {
                seen.tunnel = true;
            } else {
                EXPECT_TRUE(part.empty());
            }
        }
    }
    seen.whole_at_end = reader.finish();
    if (seen.whole_at_end) {
        seen.answers.push_back(line_of(reader.answer()));
    }
    seen.body = collect.text;
    seen.interim = reader.interim();
    return seen;
}

Seen read_all_ways(std::string_view bytes, const std::string& heads = "") {
    const Seen whole = read({bytes}, heads);
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
        EXPECT_EQ(whole, read({bytes.substr(0, cut), bytes.substr(cut)}, heads)) << cut;
    }
    std::vector<std::string_view> single;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        single.push_back(bytes.substr(i, 1));
    }
    EXPECT_EQ(whole, read(single, heads));
    return whole;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST(ResponseReader, ByLength) {
    const Seen seen = read_all_ways("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    EXPECT_EQ(seen.answers, (Lines{"200 5 keep"}));
    EXPECT_EQ(seen.body, "hello");
    EXPECT_FALSE(seen.whole_at_end);
}

TEST(ResponseReader, Pipelined) {
    const Seen seen = read_all_ways(
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nde");
    EXPECT_EQ(seen.answers, (Lines{"200 3 keep", "404 0 keep", "200 2 close"}));
    EXPECT_EQ(seen.body, "abcde");
}

TEST(ResponseReader, HeadHasNoBodyWhateverItsLengthSays) {
    const Seen seen = read_all_ways(
        "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HHG");
    EXPECT_EQ(seen.answers, (Lines{"200 0 keep", "200 0 keep", "200 2 keep"}));
    EXPECT_EQ(seen.body, "ok");
}

TEST(ResponseReader, NoContentAndNotModifiedHaveNoBody) {
    const Seen seen = read_all_ways(
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\n\r\n"
        "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n"
        "HTTP/1.1 204 No Content\r\n\r\n"
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!");
    EXPECT_EQ(seen.answers, (Lines{"304 0 keep", "304 0 keep", "204 0 keep", "200 1 keep"}));
}

TEST(ResponseReader, InterimAnswersArePassedOver) {
    const Seen seen = read_all_ways(
        "HTTP/1.1 100 Continue\r\n\r\n"
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    EXPECT_EQ(seen.answers, (Lines{"200 1 keep"}));
    EXPECT_EQ(seen.interim, 2U);
}

TEST(ResponseReader, Chunked) {
    const Seen seen = read_all_ways(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nTrailer: x\r\n\r\n"
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!");
    EXPECT_EQ(seen.answers, (Lines{"200 11 keep", "200 1 keep"}));
    EXPECT_EQ(seen.body, "hello world!");
}

TEST(ResponseReader, UntilTheEndOfTheStream) {
    const Seen seen = read_all_ways("HTTP/1.1 200 OK\r\nServer: old\r\n\r\nuntil the end");
    EXPECT_TRUE(seen.whole_at_end);
    EXPECT_EQ(seen.answers, (Lines{"200 13 close"}));
    EXPECT_EQ(seen.body, "until the end");
    const Seen old = read_all_ways("HTTP/1.0 200 OK\r\n\r\n");
    EXPECT_EQ(old.answers, (Lines{"200 0 close"}));
}

TEST(ResponseReader, CutShortIsNoAnswer) {
    for (const char* text :
         {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "HTTP/1.1 200 OK\r\nContent-Le",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "HTTP/1.",
          "HTTP/1.1 100 Continue\r\n\r\n"}) {
        const Seen seen = read_all_ways(text);
        EXPECT_FALSE(seen.whole_at_end) << text;
        EXPECT_TRUE(seen.answers.empty()) << text;
        EXPECT_FALSE(seen.broken) << text;
    }
}

TEST(ResponseReader, OldVersionsCloseUnlessTheySayOtherwise) {
    EXPECT_EQ(read_all_ways("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx").answers,
              (Lines{"200 1 close"}));
    EXPECT_EQ(read_all_ways("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"
                            "Content-Length: 1\r\n\r\nx")
                  .answers,
              (Lines{"200 1 keep"}));
}

TEST(ResponseReader, WhatIsNoHttp) {
    for (const char* text :
         {"\x15\x03\x01\x00\x02\x02\x16", "SSH-2.0-OpenSSH_9.2p1\r\n", "220 mail.example ESMTP\r\n",
          "HTTP/1.1 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"}) {
        EXPECT_TRUE(read_all_ways(text).broken) << text;
    }
}

TEST(ResponseReader, SwitchingProtocolsEndsHttp) {
    const Seen seen = read_all_ways(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    EXPECT_TRUE(seen.tunnel);
    EXPECT_TRUE(seen.answers.empty());
}

TEST(ResponseReader, FindsTheWaitToBeAccepted) {
    const std::string end = "\r\nContent-Length: 0\r\n\r\n";
    const auto waited = [&](const std::string& fields) {
        return read_all_ways("HTTP/1.1 200 OK\r\n" + fields + end).answers.at(0);
    };
    EXPECT_EQ(waited("Server-Timing: accept;dur=52"), "200 0 keep waited 52000000");
    EXPECT_EQ(waited("Date: x\r\nserver-TIMING: db;dur=1, accept;dur=0.5\r\nB: c"),
              "200 0 keep waited 500000");
    EXPECT_EQ(waited("Server-Timing: accept;dur=0"), "200 0 keep waited 0");
    for (const char* other :
         {"Server-Timing: preaccept;dur=5", "Server-Timing: accept",
          "Server-Timing: accept;dur=", "Server-Timing: accept;dur=-5",
          "Server-Timing: accept;dur=1e99", "Server-Timing:", "Server-Timings: accept;dur=5",
          "Server-Timin: accept;dur=5", "X: accept;dur=5"}) {
        EXPECT_EQ(waited(other), "200 0 keep") << other;
    }
    // Of a connection's first answer only; an interim one is none.
    EXPECT_EQ(read_all_ways("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
                            "Server-Timing: accept;dur=3" +
                            end + "HTTP/1.1 200 OK\r\nServer-Timing: accept;dur=4" + end)
                  .answers,
              (Lines{"200 0 keep waited 3000000", "200 0 keep"}));
}

TEST(ResponseReader, CountsTheReadsOfAnAnswer) {
    ResponseReader reader;
    const std::string_view text = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd";
    EXPECT_EQ(reader.feed(text, false).outcome, ResponseReader::Outcome::answer);
    EXPECT_EQ(reader.answer().reads, 1U);
    EXPECT_EQ(reader.feed(text.substr(0, 40), false).outcome, ResponseReader::Outcome::more);
    EXPECT_TRUE(reader.begun());
    EXPECT_EQ(reader.feed(text.substr(40), false).outcome, ResponseReader::Outcome::answer);
    EXPECT_EQ(reader.answer().reads, 2U);
    EXPECT_FALSE(reader.begun());
}

}  // namespace sluice::load

#include "wire/http.h"

#include <gtest/gtest.h>

#include "tests/wire/build.h"

namespace sluice::wire {
namespace {

using namespace build;

const std::string kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

// A short form of the events: "> GET /a", ">.", "< 200", "<.", "<cut 200".
std::string story(const std::vector<HttpEvent>& events) {
    std::string text;
    for (const HttpEvent& event : events) {
        if (event.exchange == nullptr) {
            text += "? ";
            continue;
        }
        const HttpMessage& message = event.message();
        text += event.request ? ">" : "<";
        if (event.kind == HttpEventKind::end) {
            text += "; ";
            continue;
        }
        text += event.kind == HttpEventKind::cut ? "cut " : "";
        text += event.request ? std::string(message.method()).append(message.target())
                              : std::to_string(message.status);
        text += " ";
    }
    return text;
}

std::string told(Conversation& conversation) {
    Recorder& all = conversation.finish();
    std::vector<HttpEvent> events;
    for (const Remembered& frame : all.frames) {
        events.insert(events.end(), frame.http.begin(), frame.http.end());
    }
    events.insert(events.end(), all.late_http.begin(), all.late_http.end());
    return story(events);
}

std::string conversation(const std::vector<std::pair<int, std::string>>& parts,
                         std::size_t step = 1 << 20, bool fin = false) {
    HttpConversation http(1 << 20);
    std::uint64_t frame = 0;
    for (const auto& [direction, bytes] : parts) {
        for (std::size_t at = 0; at < bytes.size(); at += step) {
            http.on_data(direction, std::string_view(bytes).substr(at, step), {++frame, 0});
        }
    }
    if (fin) {
        http.on_end(1, {++frame, 0}, false);
    }
    return story(http.events());
}

TEST(WireHttp, OneExchange) {
    Conversation conversation;
    conversation.open().exchange(kGet, kOk);
    EXPECT_EQ(told(conversation), ">GET/a >; <200 <; ");
    const HttpExchange& exchange = *conversation.recorder().frames[3].http[0].exchange;
    EXPECT_EQ(exchange.response.body, "hello");
    EXPECT_EQ(exchange.response.head_bytes, kOk.size() - 5);
    EXPECT_EQ(exchange.response.total_bytes, kOk.size());
    EXPECT_EQ(exchange.request.first.frame, 4U);
    EXPECT_EQ(exchange.response.last.frame, 6U);
    EXPECT_EQ(*exchange.request.field("hOST"), "h");
}

TEST(WireHttp, HoweverItIsCut) {
    const std::string pipelined = kGet + "BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n" + kGet;
    const std::string chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    const std::string answers = kOk + "HTTP/1.1 501 No\r\nContent-Length: 0\r\n\r\n" + chunked;
    const std::string expected = ">GET/a >; >BREW/pot >; >GET/a >; <200 <; <501 <; <200 <; ";
    for (std::size_t step = 1; step < 200; ++step) {
        EXPECT_EQ(conversation({{0, pipelined}, {1, answers}}, step), expected) << step;
    }
}

TEST(WireHttp, BodiesThatAreNotThere) {
    EXPECT_EQ(conversation({{0, "HEAD / HTTP/1.1\r\n\r\n"},
                            {1, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"},
                            {0, kGet},
                            {1, "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n"},
                            {0, kGet},
                            {1, kOk}}),
              ">HEAD/ >; <200 <; >GET/a >; <304 <; >GET/a >; <200 <; ");
}

TEST(WireHttp, InterimAnswersBelongToTheSameRequest) {
    EXPECT_EQ(
        conversation({{0, "PUT /a HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"},
                      {1, "HTTP/1.1 100 Continue\r\n\r\n"},
                      {0, "ab"},
                      {1, kOk}}),
        ">PUT/a <100 >; <200 <; ");
}

TEST(WireHttp, ABodyUntilTheCloseEndsWithIt) {
    const std::string open_end = "HTTP/1.0 200 OK\r\n\r\nall of it";
    EXPECT_EQ(conversation({{0, kGet}, {1, open_end}}, 7, true), ">GET/a >; <200 <; ");
    EXPECT_EQ(conversation({{0, kGet}, {1, open_end}}, 7), ">GET/a >; <200 ");
}

TEST(WireHttp, CutShort) {
    EXPECT_EQ(conversation({{0, kGet}, {1, kOk.substr(0, kOk.size() - 1)}}, 9, true),
              ">GET/a >; <200 <cut 200 ");
    Conversation conversation;
    conversation.open().data(true, "GET / HTTP/1.1\r\nHo").rst(true);
    EXPECT_EQ(told(conversation), ">cut GET/ ");
    Conversation ends;  // the capture ends within a response
    ends.open().data(true, kGet).data(false, kOk.substr(0, 40));
    EXPECT_EQ(told(ends), ">GET/a >; <200 <cut 200 ");
}

TEST(WireHttp, AnAnswerToARequestThatNeverEnded) {
    EXPECT_EQ(conversation({{0, "GET / HTTP/1.1\r\nHo"},
                            {1, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"}}),
              "<408 <; ");
    HttpConversation http(0);
    http.on_data(0, "GET / HTTP/1.1\r\nHo", {1, 0});
    http.on_data(1, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", {2, 0});
    EXPECT_EQ(http.events()[0].exchange->request.method(), "GET");
}

TEST(WireHttp, AGapInABodyIsCountedAndOneInAHeadIsNotGuessed) {
    HttpConversation http(1 << 20);
    http.on_data(0, kGet, {1, 0});
    http.on_data(1, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\nabc", {2, 0});
    http.on_gap(1, 199'990, {3, 0});
    http.on_data(1, "defghij", {4, 0});
    http.on_data(1, kOk.substr(0, 20), {5, 0});
    http.on_gap(1, 5, {6, 0});
    http.on_data(1, "no sense", {7, 0});
    http.on_data(1, kOk, {8, 0});
    EXPECT_EQ(story(http.events()), ">GET/a >; <200 <; <cut 200 <200 <; ");
    const HttpMessage& first = http.events()[3].exchange->response;
    EXPECT_EQ(first.body_bytes, 200'000U);
    EXPECT_EQ(first.body, "abc");
    EXPECT_TRUE(first.gap);
}

TEST(WireHttp, OtherProtocolsAreLeftAlone) {
    EXPECT_EQ(conversation({{0, "\x16\3\1\2"}, {1, "\x16\3\3"}}), "");
    EXPECT_EQ(conversation({{1, "220 mail ready\r\n"}, {0, "\1\2"}}), "");
    EXPECT_EQ(conversation({{0, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}}), "");
}

TEST(WireHttp, AfterTheUpgradeItIsSomethingElse) {
    EXPECT_EQ(conversation(
                  {{0, "GET /chat HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"},
                   {1,
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                    "Upgrade: websocket\r\n\r\n"},
                   {0, kGet},
                   {1, kOk}}),
              ">GET/chat >; <101 <; ");
}

TEST(WireHttp, ACaptureThatBeginsInTheMiddle) {
    Conversation conversation;
    conversation.data(false, "rest of a body").ack(true).exchange(kGet, kOk);
    EXPECT_EQ(told(conversation), ">GET/a >; <200 <; ");
}

TEST(WireHttp, LossReorderingAndDoubles) {
    for (std::size_t lost = 0; lost < 4; ++lost) {
        Conversation conversation;
        conversation.open().data(true, kGet);
        const std::uint32_t at = conversation.server;
        std::vector<Tcp> parts;
        for (std::size_t i = 0; i < 4; ++i) {
            const std::size_t from = i * 12;
            parts.push_back({.from_client = false,
                             .seq = at + static_cast<std::uint32_t>(from),
                             .ack = conversation.client,
                             .payload = kOk.substr(from, i == 3 ? std::string::npos : 12)});
        }
        for (std::size_t i = 0; i < 4; ++i) {
            if (i != lost) {
                conversation.send(parts[i]);
            }
        }
        conversation.send(parts[lost]).send(parts[lost]);
        EXPECT_EQ(told(conversation), ">GET/a >; <200 <; ") << lost;
        EXPECT_EQ(conversation.recorder().frames[3].http[0].exchange->response.body, "hello");
    }
}

// ---- the reassembly alone

struct Taken final : StreamConsumer {
    void on_data(int, std::string_view bytes, Origin) override { text += bytes; }
    void on_gap(int, std::uint64_t bytes, Origin) override {
        text += "[" + std::to_string(bytes) + "]";
    }
    std::string text;
};

TEST(Reassembly, OverlapsKeepWhatCameFirst) {
    Reassembly stream;
    Taken taken;
    stream.start(0xfffffffe);  // the sequence numbers wrap
    stream.add(0, 0xfffffffe, "abcd", 4, {}, taken);
    stream.add(0, 0, "CDef", 4, {}, taken);
    EXPECT_EQ(taken.text, "abcdef");
    EXPECT_EQ(stream.offset(), 6U);
}

TEST(Reassembly, AHoleThatWasAcknowledgedIsGivenUpInTime) {
    Reassembly stream;
    Taken taken;
    stream.start(0);
    stream.add(0, 0, "a", 1, {}, taken);
    stream.add(0, 3, "d", 1, {}, taken);
    stream.acknowledged(4);
    for (std::uint32_t i = 0; i <= Reassembly::kSegmentsAfterHoleMax; ++i) {
        EXPECT_EQ(taken.text, "a");
        stream.add(0, 4 + i, "x", 1, {}, taken);
    }
    EXPECT_EQ(taken.text.substr(0, 6), "a[2]dx");
    EXPECT_FALSE(stream.waiting());
}

TEST(Reassembly, WhatWaitsIsBounded) {
    Reassembly stream;
    Taken taken;
    stream.start(0);
    const std::string block(1 << 16, 'b');
    for (std::uint32_t i = 0; i < 65; ++i) {
        stream.add(0, 10 + (i << 16), block, 1 << 16, {}, taken);
    }
    EXPECT_EQ(taken.text.substr(0, 5), "[10]b");
}

TEST(Reassembly, WhatWaitsInAllStreamsTogetherIsBounded) {
    WaitingBytes all;
    Taken taken;
    {
        Reassembly stream(&all);
        stream.start(0);
        stream.add(0, 10, std::string(20'000, 'a'), 20'000, {}, taken);
        EXPECT_TRUE(stream.waiting());
        EXPECT_GT(all.now, 20'000U);
        all.now += WaitingBytes::kMax;  // other streams
        stream.add(0, 30'000, "b", 1, {}, taken);
        EXPECT_EQ(taken.text.substr(0, 5), "[10]a");
        all.now -= WaitingBytes::kMax;
    }
    EXPECT_EQ(all.now, 0U);
}

TEST(Reassembly, CutPayloadsAreGaps) {
    Reassembly stream;
    Taken taken;
    stream.add(0, 5, "ab", 10, {}, taken);
    stream.add(0, 15, "c", 1, {}, taken);
    stream.add(0, 20, "z", 3, {}, taken);
    stream.finish(0, {}, taken);
    EXPECT_EQ(taken.text, "ab[8]c[4]z[2]");
}

}  // namespace
}  // namespace sluice::wire

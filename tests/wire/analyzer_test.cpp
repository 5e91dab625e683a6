#include "wire/analyzer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/wire/build.h"

namespace sluice::wire {
namespace {

using namespace build;

std::string states(const Remembered& frame) {
    return std::string(to_string(frame.client.state)) + (frame.client.inferred ? "? " : " ") +
           std::string(to_string(frame.server.state)) + (frame.server.inferred ? "?" : "");
}

std::string last_states(Conversation& conversation) {
    return states(conversation.recorder().frames.back());
}

TEST(States, TheHandshake) {
    Conversation conversation;
    conversation.open().data(true, "x").data(false, "y");
    const auto& frames = conversation.recorder().frames;
    EXPECT_EQ(states(frames[0]), "SYN_SENT LISTEN?");
    EXPECT_EQ(states(frames[1]), "ESTABLISHED? SYN_RCVD");
    EXPECT_EQ(states(frames[2]), "ESTABLISHED ESTABLISHED?");
    EXPECT_EQ(states(frames[4]), "ESTABLISHED ESTABLISHED");
}

TEST(States, TheCloseInFour) {
    Conversation conversation;
    conversation.open().fin(false);
    EXPECT_EQ(last_states(conversation), "CLOSE_WAIT? FIN_WAIT_1");
    conversation.ack(true);
    EXPECT_EQ(last_states(conversation), "CLOSE_WAIT FIN_WAIT_2?");
    conversation.fin(true);
    EXPECT_EQ(last_states(conversation), "LAST_ACK TIME_WAIT?");
    conversation.ack(false);
    EXPECT_EQ(last_states(conversation), "CLOSED? TIME_WAIT?");
    const Connection& connection = conversation.finish().connections.at(0);
    EXPECT_EQ(connection.close, Close::four);
    EXPECT_EQ(connection.close_starter, 1);
    EXPECT_EQ(connection.time_wait(), 2U);
}

TEST(States, TheCloseInThree) {
    Conversation conversation;
    conversation.open().fin(true).fin(false).ack(true);
    EXPECT_EQ(last_states(conversation), "TIME_WAIT? CLOSED?");
    const Connection& connection = conversation.finish().connections.at(0);
    EXPECT_EQ(connection.close, Close::three);
    EXPECT_EQ(connection.time_wait(), 1U);
}

TEST(States, BothCloseAtOnce) {
    Conversation conversation;
    conversation.open();
    const std::uint32_t client = conversation.client;
    conversation.fin(true);
    conversation.send({.from_client = false,
                       .flags = flag::fin | flag::ack,
                       .seq = conversation.server,
                       .ack = client});
    ++conversation.server;
    EXPECT_EQ(last_states(conversation), "CLOSING? FIN_WAIT_1");
    conversation.ack(true).ack(false);
    EXPECT_EQ(last_states(conversation), "TIME_WAIT? TIME_WAIT?");
    const Connection& connection = conversation.finish().connections.at(0);
    EXPECT_EQ(connection.close, Close::simultaneous);
    EXPECT_EQ(connection.time_wait(), 3U);
    EXPECT_NE(conversation.recorder().note(Rule::close_simultaneous), nullptr);
}

TEST(States, BothOpenAtOnce) {
    Conversation conversation;
    conversation.send({.from_client = true, .flags = flag::syn, .seq = 10});
    conversation.send({.from_client = false, .flags = flag::syn, .seq = 20});
    EXPECT_EQ(last_states(conversation), "SYN_RCVD? SYN_RCVD?");
    conversation.send({.from_client = true, .flags = flag::syn | flag::ack, .seq = 10, .ack = 21});
    conversation.send({.from_client = false, .flags = flag::syn | flag::ack, .seq = 20, .ack = 11});
    EXPECT_EQ(last_states(conversation), "ESTABLISHED? ESTABLISHED?");
    EXPECT_EQ(conversation.finish().connections.size(), 1U);
    ASSERT_NE(conversation.recorder().note(Rule::simultaneous_open), nullptr);
    EXPECT_EQ(conversation.recorder().note(Rule::simultaneous_open)->frames,
              (std::array<std::uint64_t, 4>{1, 2, 0, 0}));
    Conversation usual;
    usual.open();
    EXPECT_EQ(usual.recorder().note(Rule::simultaneous_open), nullptr);
}

TEST(States, ResetsEndBoth) {
    Conversation conversation;
    conversation.open().rst(true);
    EXPECT_EQ(last_states(conversation), "CLOSED CLOSED?");
    EXPECT_EQ(conversation.finish().connections.at(0).close, Close::reset);
    Conversation refused;
    refused.send({.from_client = true, .flags = flag::syn, .seq = 1});
    refused.send({.from_client = false, .flags = flag::rst | flag::ack, .ack = 2});
    EXPECT_EQ(refused.finish().connections.at(0).close, Close::refused);
}

TEST(Connections, TheSamePortsAgain) {
    Conversation conversation;
    conversation.open().fin(true).fin(false).ack(true);
    conversation.client = 700'000;
    conversation.server = 800'000;
    conversation.open();
    EXPECT_EQ(conversation.recorder().frames.back().stream, 1U);
    EXPECT_EQ(conversation.recorder().frames[6].analysis.bits, analysis::ports_reused);
    EXPECT_NE(conversation.recorder().note(Rule::ports_reused), nullptr);
    EXPECT_EQ(conversation.finish().connections.size(), 2U);
}

TEST(Connections, TheSamePortsAgainWithoutTheirSyn) {
    Conversation conversation;
    conversation.open().fin(true).fin(false).ack(true);
    conversation.client = 700'001;
    conversation.server = 800'000;
    conversation.send({.from_client = false,
                       .flags = flag::syn | flag::ack,
                       .seq = conversation.server,
                       .ack = conversation.client});
    conversation.server += 1;
    conversation.ack(true).exchange("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n");
    const Remembered& answer = conversation.recorder().frames[6];
    EXPECT_EQ(answer.stream, 1U);
    EXPECT_EQ(answer.analysis.bits, analysis::ports_reused);
    EXPECT_EQ(answer.analysis.relative_seq, 0U);
    EXPECT_EQ(answer.analysis.relative_ack, 1U);
    EXPECT_EQ(conversation.recorder().frames[8].analysis.relative_seq, 1U);
    EXPECT_EQ(conversation.recorder().frames[8].analysis.bits, 0U);
    const Connection& second = conversation.finish().connections.at(1);
    EXPECT_TRUE(second.client_seen);
    EXPECT_EQ(second.client_side().endpoint.port, conversation.client_port);
    EXPECT_EQ(second.exchanges, 1U);
}

TEST(Connections, AreForgottenWhenThereAreTooMany) {
    AnalyzerOptions options;
    options.connections_max = 10;
    Conversation conversation(options);
    for (std::uint16_t i = 0; i < 100; ++i) {
        conversation.client_port = static_cast<std::uint16_t>(20'000 + i);
        conversation.open();
    }
    EXPECT_EQ(conversation.recorder().connections.size(), 90U);
    EXPECT_EQ(conversation.finish().connections.size(), 100U);
    EXPECT_EQ(conversation.recorder().totals.forgotten, 90U);
    EXPECT_EQ(conversation.recorder().connections[99].stream, 99U);
}

TEST(Connections, WithoutAHandshakeTheHttpSaysWhoIsWho) {
    Conversation conversation;
    conversation.client_port = 79;  // by the ports it would be the server
    conversation.data(true, "GET / HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(conversation.recorder().frames[0].from_client);
    const Connection& connection = conversation.finish().connections.at(0);
    EXPECT_FALSE(connection.client_seen);
    EXPECT_EQ(connection.client_side().endpoint.port, 79);
}

TEST(Connections, FragmentsCompleteASegment) {
    const std::string tcp = tcp_bytes({.flags = flag::syn, .payload = "0123456789"});
    const std::string first = ipv4(std::string_view(tcp).substr(0, 24), true, false, 9, 0x2000);
    const std::string rest = ipv4(std::string_view(tcp).substr(24), true, false, 9, 3);
    Conversation conversation;
    conversation.raw(first).raw(rest);
    EXPECT_EQ(conversation.recorder().frames[0].decoded, Decoded::not_tcp);
    EXPECT_EQ(conversation.recorder().frames[1].decoded, Decoded::ok);
    EXPECT_EQ(conversation.finish().totals.fragments, 2U);
}

// ---- the rules: each has a capture that triggers it

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST(Rules, LargerThanTheMss) {
    Conversation conversation;
    conversation.syn_options = std::string("\2\4\5\xb4", 4);
    conversation.open().data(false, std::string(1460, 'x'));
    EXPECT_EQ(conversation.recorder().note(Rule::frame_larger_than_mss), nullptr);
    conversation.data(false, std::string(1461, 'x'));
    ASSERT_NE(conversation.recorder().note(Rule::frame_larger_than_mss), nullptr);
    EXPECT_EQ(conversation.recorder().note(Rule::frame_larger_than_mss)->arguments[1], "1460");
}

TEST(Rules, ChecksumsThatSegmentationOffloadLeavesOpen) {
    Conversation conversation;
    std::string bytes = packet({.flags = flag::syn, .good_checksum = false});
    // The folded sum of the pseudo header: 127.0.0.1 twice, protocol 6, 20 bytes.
    const std::uint32_t pseudo = 0x7f00 + 1 + 0x7f00 + 1 + 6 + 20;
    bytes[36] = static_cast<char>(pseudo >> 8);
    bytes[37] = static_cast<char>(pseudo & 0xff);
    conversation.raw(bytes);
    EXPECT_NE(conversation.recorder().note(Rule::checksum_not_filled_in), nullptr);
    bytes[37] = static_cast<char>(bytes[37] + 1);
    conversation.raw(bytes);
    EXPECT_NE(conversation.recorder().note(Rule::checksum_bad), nullptr);
}

TEST(Rules, CloseInThreeAndInFour) {
    Conversation three;
    three.open().fin(true).fin(false).ack(true);
    ASSERT_NE(three.recorder().note(Rule::close_in_three), nullptr);
    EXPECT_EQ(three.recorder().note(Rule::close_in_three)->frames,
              (std::array<std::uint64_t, 4>{4, 5, 6, 0}));
    EXPECT_EQ(three.recorder().note(Rule::close_in_four), nullptr);
    Conversation four;
    four.open().fin(true).ack(false).fin(false).ack(true);
    ASSERT_NE(four.recorder().note(Rule::close_in_four), nullptr);
    EXPECT_EQ(four.recorder().note(Rule::close_in_four)->frames,
              (std::array<std::uint64_t, 4>{4, 5, 6, 7}));
}

TEST(Rules, AResetAfterACompleteResponseIsTold) {
    Conversation conversation;
    conversation.open().exchange(kGet, kOk).rst(true);
    ASSERT_NE(conversation.recorder().note(Rule::reset_after_response), nullptr);
    EXPECT_EQ(conversation.recorder().note(Rule::reset_after_response)->arguments[1], "6");
    Conversation before;
    before.open().data(true, kGet).rst(false);
    EXPECT_EQ(before.recorder().note(Rule::reset_after_response), nullptr);
    EXPECT_NE(before.recorder().note(Rule::reset_of_connection), nullptr);
}

TEST(Rules, ASilentConnection) {
    Conversation conversation;
    conversation.open().fin(true).fin(false).ack(true);
    EXPECT_NE(conversation.finish().note(Rule::connection_silent), nullptr);
    Conversation spoke;
    spoke.open().data(true, "x");
    EXPECT_EQ(spoke.finish().note(Rule::connection_silent), nullptr);
}

TEST(Rules, EachLoopbackFrameTwice) {
    Conversation conversation;
    conversation.loopback = true;
    conversation.step = kMicrosecond;
    conversation.send({.flags = flag::syn, .seq = 1}).again();
    conversation.send({.from_client = false, .flags = flag::syn | flag::ack, .seq = 9, .ack = 2})
        .again();
    const auto& frames = conversation.recorder().frames;
    EXPECT_EQ(frames[0].analysis.bits, 0U);
    EXPECT_EQ(frames[1].analysis.bits, analysis::second_copy);
    EXPECT_EQ(frames[3].analysis.bits, analysis::second_copy);
    EXPECT_EQ(conversation.finish().connections[0].second_copies, 2U);
    ASSERT_NE(conversation.recorder().note(Rule::second_copy), nullptr);
    EXPECT_EQ(conversation.recorder().note(Rule::second_copy)->frames[0], 2U);
    // Elsewhere, or later, the same bytes are a retransmission.
    Conversation elsewhere;
    elsewhere.send({.flags = flag::syn, .seq = 1}).wait(kSecond).again();
    EXPECT_EQ(elsewhere.recorder().frames[1].analysis.bits, analysis::retransmission);
    Conversation later;
    later.loopback = true;
    later.send({.flags = flag::syn, .seq = 1}).wait(kSecond).again();
    EXPECT_EQ(later.recorder().frames[1].analysis.bits, analysis::retransmission);
}

TEST(Rules, NothingCaptured) {
    Conversation conversation;
    EXPECT_NE(conversation.finish().note(Rule::nothing_captured), nullptr);
}

TEST(Rules, HttpLessons) {
    Conversation conversation;
    conversation.open();
    conversation.exchange(
        "GET / HTTP/1.1\r\nIf-None-Match: \"v\"\r\nAuthorization: Basic eHg=\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\n\r\n");
    conversation.exchange("GET /favicon.ico HTTP/1.1\r\n\r\n", kOk);
    conversation.exchange("HEAD / HTTP/1.1\r\n\r\n",
                          "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    conversation.exchange(kGet + kGet, kOk + kOk);
    conversation.exchange("PUT / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
                          "HTTP/1.1 100 Continue\r\n\r\n" + kOk);
    conversation.exchange("GET / HTTP/1.0\r\n\r\n", kOk);
    for (const Rule rule : {Rule::http_not_modified, Rule::http_favicon, Rule::http_pipelined,
                            Rule::http_head_has_no_body, Rule::http_interim, Rule::http_credentials,
                            Rule::http_closed_by_version, Rule::relative_numbers}) {
        EXPECT_NE(conversation.recorder().note(rule), nullptr) << text_of(rule).id;
    }
    EXPECT_EQ(conversation.recorder().note(Rule::http_not_modified)->arguments[0],
              "If-None-Match: \"v\"");
    EXPECT_EQ(conversation.recorder().note(Rule::http_credentials)->arguments[0], "Authorization");
    EXPECT_EQ(conversation.finish().note(Rule::http_cut_short), nullptr);
    Conversation cut;
    cut.open().data(true, kGet).data(false, kOk.substr(0, 30), flag::fin);
    EXPECT_NE(cut.recorder().note(Rule::http_cut_short), nullptr);
}

TEST(Rules, WhatIsToldOnceOfAConnectionMayHappenInItAgain) {
    Conversation conversation;
    conversation.open();
    const std::string ask = "HEAD / HTTP/1.0\r\nAuthorization: Basic eHg=\r\n\r\n";
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    for (int i = 0; i < 2; ++i) {
        conversation.exchange(ask + ask, answer + answer);
        conversation.send({.from_client = false,
                           .seq = conversation.server,
                           .ack = conversation.client,
                           .window = 0});
        conversation.send({.seq = conversation.client - 1, .ack = conversation.server});
        conversation.wait(kSecond);
    }
    conversation.fin(true).data(false, kOk).data(false, kOk).fin(false).ack(true).ack(true);
    conversation.rst(true).rst(true);
    const std::vector<Note> notes = conversation.finish().notes();
    for (const Rule rule : {Rule::http_credentials, Rule::http_pipelined, Rule::zero_window,
                            Rule::http_head_has_no_body, Rule::http_closed_by_version,
                            Rule::keep_alive_probe, Rule::half_close, Rule::close_in_four}) {
        EXPECT_EQ(std::ranges::count(notes, rule, &Note::rule), 1) << text_of(rule).id;
    }
}

// In RFC 5681 section 3.2 the third duplicate ACK starts it. It may come sooner (RFC 8985), so two
// are enough for the name, and one is not.
TEST(Rules, AFastRetransmissionFollowsDuplicateAcks) {
    for (int duplicates = 0; duplicates <= 4; ++duplicates) {
        Conversation conversation;
        conversation.open();
        const std::uint32_t lost = conversation.client;
        conversation.data(true, "lost").ack(false).wait(50 * kMillisecond);
        conversation.data(true, "next");
        for (int i = 0; i < duplicates; ++i) {
            conversation.send({.from_client = false, .seq = conversation.server, .ack = lost});
        }
        // The first ACK of that number is no duplicate.
        conversation.send({.from_client = false, .seq = conversation.server, .ack = lost});
        conversation.send({.seq = lost, .ack = conversation.server, .payload = "lost"});
        const std::uint32_t bits = conversation.recorder().frames.back().analysis.bits;
        EXPECT_EQ((bits & analysis::fast_retransmission) != 0, duplicates >= 2) << duplicates;
        EXPECT_EQ((bits & analysis::retransmission) != 0, duplicates < 2) << duplicates;
    }
}

// RFC 7323 section 2.2: the window of a SYN is never scaled.
TEST(Rules, TheWindowOfASynIsNotScaled) {
    Conversation conversation;
    conversation.syn_options = std::string("\3\3\7", 3);
    conversation.open();
    const auto& frames = conversation.recorder().frames;
    ASSERT_EQ(frames.size(), 3U);
    EXPECT_EQ(frames[0].analysis.window, 1000U);
    EXPECT_EQ(frames[1].analysis.window, 1000U);
    EXPECT_EQ(frames[2].analysis.window, 1000U << 7);
    // The same holds when the peer fills it: the SYN+ACK offers 1,000 bytes.
    Conversation full;
    full.syn_options = conversation.syn_options;
    full.send({.flags = flag::syn, .seq = full.client, .options = full.syn_options});
    full.send({.from_client = false,
               .flags = flag::syn | flag::ack,
               .seq = full.server,
               .ack = ++full.client,
               .options = full.syn_options});
    ++full.server;
    full.data(true, std::string(1000, 'f'));
    EXPECT_NE(full.recorder().note(Rule::window_full), nullptr);
}

TEST(Rules, TcpTroubles) {
    Conversation conversation;
    conversation.open().data(true, "abc").wait(kSecond);
    conversation.send(
        {.seq = conversation.client - 3, .ack = conversation.server, .payload = "abc"});
    EXPECT_NE(conversation.recorder().note(Rule::retransmission), nullptr);
    conversation.client += 5;
    conversation.data(true, "later");
    EXPECT_NE(conversation.recorder().note(Rule::segment_not_captured), nullptr);
    conversation.send({.from_client = false,
                       .seq = conversation.server,
                       .ack = conversation.client,
                       .window = 0});
    EXPECT_NE(conversation.recorder().note(Rule::zero_window), nullptr);
    EXPECT_NE(conversation.recorder().note(Rule::ack_of_unseen), nullptr);
    conversation.send({.seq = conversation.client - 1, .ack = conversation.server});
    EXPECT_NE(conversation.recorder().note(Rule::keep_alive_probe), nullptr);
    Conversation full;
    full.open().data(true, std::string(1000, 'f'));
    EXPECT_NE(full.recorder().note(Rule::window_full), nullptr);
    Conversation half;
    half.open().fin(true).ack(false).data(false, "still");
    EXPECT_NE(half.recorder().note(Rule::half_close), nullptr);
    Conversation refused;
    refused.send({.flags = flag::syn, .seq = 1});
    refused.send({.from_client = false, .flags = flag::rst | flag::ack, .ack = 2});
    ASSERT_NE(refused.recorder().note(Rule::connection_refused), nullptr);
    EXPECT_EQ(refused.recorder().note(Rule::connection_refused)->arguments[0], "80");
    Conversation middle;
    middle.data(true, "x");
    EXPECT_NE(middle.recorder().note(Rule::handshake_missing), nullptr);
}

// A capture of this file triggers every rule: this test finds a rule without one.
TEST(Rules, EachHasACaptureThatTriggersIt) {
    std::vector<bool> seen(static_cast<std::size_t>(Rule::count), false);
    const auto play = [&seen](const auto& play_it, bool loopback = false) {
        Conversation conversation;
        conversation.loopback = loopback;
        conversation.step = kMicrosecond;
        play_it(conversation);
        for (const Note& note : conversation.finish().notes()) {
            seen[static_cast<std::size_t>(note.rule)] = true;
        }
    };
    play([](auto&) {});
    play([](auto& t) {
        t.syn_options = std::string("\2\4\5\xb4", 4);
        t.open().data(true, std::string(1'461, 'x'));
    });
    play([](auto& t) {
        std::string bytes = packet({.flags = flag::syn, .good_checksum = false});
        t.raw(bytes);
        bytes[36] = '\xfe';  // 0x7f00 + 1 + 0x7f00 + 1 + 6 + 20
        bytes[37] = '\x1c';
        t.raw(bytes);
    });
    play([](auto& t) { t.send({.flags = flag::syn}).again(); }, true);
    play([](auto& t) { t.data(true, "x"); });
    play([](auto& t) {
        t.send({.flags = flag::syn, .seq = 1});
        t.send({.from_client = false, .flags = flag::rst | flag::ack, .ack = 2});
    });
    play([](auto& t) {
        t.open().fin(true).fin(false).ack(true);
        t.client = 70'000;
        t.open().rst(true);
    });
    play([](auto& t) {
        t.send({.flags = flag::syn, .seq = 1});
        t.send({.from_client = false, .flags = flag::syn, .seq = 2});
    });
    play([](auto& t) { t.open().fin(true).ack(false).data(false, "more").fin(false).ack(true); });
    play([](auto& t) {
        t.open().fin(true);
        t.send(
            {.from_client = false, .flags = flag::fin | flag::ack, .seq = t.server, .ack = 1'001});
        ++t.server;
        t.ack(true).ack(false);
    });
    play([](auto& t) { t.open().exchange(kGet, kOk).rst(false); });
    play([](auto& t) {
        t.open().data(true, std::string(1'000, 'f')).wait(kSecond).again();
        t.client += 5;
        t.data(true, "later");
        t.send({.from_client = false, .seq = t.server, .ack = t.client, .window = 0});
        t.send({.seq = t.client - 1, .ack = t.server});
    });
    play([](auto& t) {
        t.open();
        t.exchange("GET / HTTP/1.1\r\nIf-None-Match: \"v\"\r\nAuthorization: Basic eA==\r\n\r\n",
                   "HTTP/1.1 304 Not Modified\r\n\r\n");
        t.exchange("GET /favicon.ico HTTP/1.1\r\n\r\n", kOk).exchange(kGet + kGet, kOk + kOk);
        t.exchange("HEAD / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
        t.exchange("PUT / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
                   "HTTP/1.1 100 Continue\r\n\r\n" + kOk);
        t.exchange("GET / HTTP/1.0\r\n\r\n", kOk);
        t.data(true, kGet).data(false, kOk.substr(0, 30), flag::fin);
    });
    for (std::size_t i = 0; i < seen.size(); ++i) {
        EXPECT_TRUE(seen[i]) << text_of(static_cast<Rule>(i)).id;
    }
}

TEST(Rules, EverySentenceIsThereInBothLanguages) {
    for (unsigned i = 0; i < static_cast<unsigned>(Rule::count); ++i) {
        Note note;
        note.rule = static_cast<Rule>(i);
        note.arguments[0] = "@client";
        note.arguments[1] = "@server";
        const std::string english = sentence(note, Language::en);
        const std::string chinese = sentence(note, Language::zh);
        EXPECT_GT(english.size(), 20U);
        EXPECT_NE(english, chinese);
        EXPECT_EQ(english.find('@'), std::string::npos);
        EXPECT_EQ(chinese.find("client"), std::string::npos) << chinese;
        EXPECT_FALSE(text_of(note.rule).source.empty());
    }
}

}  // namespace
}  // namespace sluice::wire

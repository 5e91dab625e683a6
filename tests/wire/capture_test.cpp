#include "wire/capture.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "report/escape.h"
#include "wire/output.h"
#include "wire/timeline.h"

#include "tests/wire/build.h"

namespace sluice::wire {
namespace {

class File {
  public:
    explicit File(const std::string& bytes)
        : path_((std::filesystem::temp_directory_path() /
                 ("sluice-wire-" + std::to_string(reinterpret_cast<std::uintptr_t>(this))))
                    .string()) {
        std::ofstream(path_, std::ios::binary) << bytes;
    }
    ~File() { std::filesystem::remove(path_); }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
};

template <typename T>
void put(std::string& out, T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out.append(bytes, sizeof value);
}

// A pcap file with nanosecond stamps, in this machine's byte order.
std::string pcap(std::uint32_t link, const std::vector<std::string>& packets) {
    std::string out;
    put<std::uint32_t>(out, 0xa1b23c4d);
    put<std::uint16_t>(out, 2);
    put<std::uint16_t>(out, 4);
    put<std::uint32_t>(out, 0);
    put<std::uint32_t>(out, 0);
    put<std::uint32_t>(out, 262'144);
    put<std::uint32_t>(out, link);
    for (const std::string& packet : packets) {
        put<std::uint32_t>(out, 1'700'000'000);
        put<std::uint32_t>(out, 123'456'789);
        put<std::uint32_t>(out, static_cast<std::uint32_t>(packet.size()));
        put<std::uint32_t>(out, static_cast<std::uint32_t>(packet.size()));
        out += packet;
    }
    return out;
}

TEST(Capture, ReadsNanoseconds) {
    const File file(pcap(101, {"abc", "defg"}));
    auto capture = Capture::open_file(file.path());
    ASSERT_TRUE(capture) << capture.error().what;
    const Frame* frame = capture->next();
    ASSERT_NE(frame, nullptr);
    EXPECT_EQ(frame->bytes, "abc");
    EXPECT_EQ(frame->time, 1'700'000'000'123'456'789);
    frame = capture->next();
    ASSERT_NE(frame, nullptr);
    EXPECT_EQ(frame->number, 2U);
    EXPECT_EQ(capture->next(), nullptr);
    EXPECT_TRUE(capture->ended());
    EXPECT_EQ(capture->error(), "");
}

TEST(Capture, AFileThatBreaksOffSaysWhereAfterWhatItHad) {
    const std::string whole = pcap(101, {"abc", "defg"});
    const File file(whole.substr(0, whole.size() - 2));
    auto capture = Capture::open_file(file.path());
    ASSERT_TRUE(capture);
    EXPECT_NE(capture->next(), nullptr);
    EXPECT_EQ(capture->next(), nullptr);
    EXPECT_NE(capture->error().find("after frame 1"), std::string::npos) << capture->error();
}

TEST(Capture, WhatIsNoCaptureIsRefusedWithAReason) {
    for (const std::string& bytes :
         {std::string(), std::string("abc"), std::string("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
          pcap(9999, {"x"})}) {
        const File file(bytes);
        const auto capture = Capture::open_file(file.path());
        ASSERT_FALSE(capture);
        EXPECT_NE(capture.error().what.find("cannot read " + file.path()), std::string::npos);
    }
    EXPECT_FALSE(Capture::open_file("/nonexistent/file.pcap"));
}

// pcapng with timestamps in whole seconds, in 64 bits.
TEST(Capture, ATimeThatNanosecondsCannotHoldIsTheNearest) {
    const auto words = [](std::initializer_list<std::uint32_t> all) {
        std::string bytes;
        for (const std::uint32_t word : all) {
            bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
        }
        return bytes;
    };
    const auto packet = [&](std::uint32_t high, std::uint32_t low) {
        return words({6, 36, 0, high, low, 4, 4, 0x45, 36});
    };
    const File file(words({0x0a0d0d0a, 28, 0x1a2b3c4d, 1, ~0U, ~0U, 28}) +
                    words({1, 32, 101, 65535, 9 | 1U << 16, 0, 0, 32}) + packet(0, 5) +
                    packet(4, 0) + packet(~0U, ~0U));
    auto capture = Capture::open_file(file.path());
    ASSERT_TRUE(capture) << capture.error().what;
    for (const Nanos seconds : {Nanos{5}, Nanos{9'000'000'000}, Nanos{0}}) {
        const Frame* frame = capture->next();
        ASSERT_NE(frame, nullptr) << capture->error();
        EXPECT_EQ(frame->time, seconds * kSecond);
    }
}

// ---- the printers' helpers

TEST(Output, WidthsAndWrapping) {
    EXPECT_EQ(display_width("abc"), 3U);
    EXPECT_EQ(display_width("三次"), 4U);
    EXPECT_EQ(wrap("one two three", 7), (std::vector<std::string>{"one two", "three"}));
    EXPECT_EQ(wrap("三次握手", 5), (std::vector<std::string>{"三次", "握手"}));
    EXPECT_EQ(wrap(std::string(12, 'x'), 5), (std::vector<std::string>{"xxxxx", "xxxxx", "xx"}));
}

TEST(Output, NothingFromTheWireControlsTheTerminal) {
    EXPECT_EQ(printable("a\x1b[31m\r\n"), "a\\x1b[31m\\x0d\\x0a");
    EXPECT_EQ(printable("\xc2\x9b \xff ok \xe4\xb8\xad"), "\\xc2\\x9b \\xff ok 中");
    EXPECT_EQ(report::html_escape("<b a=\"'&'\">"), "&lt;b a=&quot;&#39;&amp;&#39;&quot;&gt;");
}

TEST(Output, SecretsAreHiddenUnlessAskedFor) {
    const HttpField cookie{"cOOkie", "id=1"};
    EXPECT_EQ(shown_value(cookie, false), "(hidden, 4 bytes)");
    EXPECT_EQ(shown_value(cookie, true), "id=1");
    EXPECT_EQ(shown_value({"Host", "h"}, false), "h");
    EXPECT_TRUE(is_secret("Authorization"));
}

TEST(Timeline, NeverWiderThanAHundredColumns) {
    std::string text;
    Timeline timeline([&](std::string_view part) { text += part; }, {});
    Analyzer analyzer({}, {&timeline});
    std::uint64_t number = 0;
    const auto feed = [&](const build::Tcp& tcp) {
        const std::string bytes = build::packet(tcp);
        ++number;
        analyzer.feed(
            build::raw_frame(number + 999'000, static_cast<Nanos>(number) * 100 * kSecond, bytes));
    };
    feed({.flags = flag::syn, .seq = 1});
    feed({.from_client = false, .flags = flag::syn | flag::ack, .seq = 4'000'000'000, .ack = 2});
    feed({.flags = flag::ack | flag::psh | flag::urg | flag::fin | flag::ece | flag::cwr,
          .seq = 2,
          .ack = 4'000'000'001,
          .payload = "GET /" + std::string(500, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n",
          .window = 65'535});
    feed({.from_client = false, .seq = 3'999'999'999, .ack = 2, .window = 0});
    analyzer.finish();
    std::size_t lines = 0;
    for (std::size_t at = 0; at < text.size(); ++lines) {
        const std::size_t end = text.find('\n', at);
        EXPECT_LE(display_width(text.substr(at, end - at)), Timeline::kColumns)
            << text.substr(at, end - at);
        at = end + 1;
    }
    EXPECT_GT(lines, 10U);
}

}  // namespace
}  // namespace sluice::wire

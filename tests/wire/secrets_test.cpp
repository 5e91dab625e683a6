#include "wire/secrets.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "wire/pcapng.h"

#include "tests/wire/build.h"

namespace sluice::wire {
namespace {

using namespace build;
using Ranges = std::vector<ByteRange>;

Ranges collected(const Secrets& secrets, ByteRange range) {
    Ranges out;
    secrets.collect(range, out);
    return out;
}

TEST(Secrets, WhatIsHiddenStaysHiddenAndWhatIsNotReadIs) {
    Secrets secrets;
    secrets.read_to(100);
    secrets.hide({10, 20});
    secrets.hide({20, 30});  // joins the range before
    secrets.hide({50, 60});
    EXPECT_EQ(collected(secrets, {0, 100}), (Ranges{{10, 30}, {50, 60}}));
    EXPECT_EQ(collected(secrets, {15, 55}), (Ranges{{15, 30}, {50, 55}}));
    EXPECT_EQ(collected(secrets, {90, 120}), (Ranges{{100, 120}}));
    EXPECT_EQ(collected(secrets, {30, 50}), Ranges{});
    secrets.forget_before(12);
    EXPECT_EQ(collected(secrets, {0, 40}), (Ranges{{0, 12}, {12, 30}}));
}

TEST(Secrets, AreBoundedAndFailClosed) {
    Secrets secrets;
    secrets.read_to(1'000'000);
    for (std::uint64_t i = 0; i < 1'000; ++i) {
        secrets.hide({i * 10, i * 10 + 1});
    }
    const std::uint64_t known = (1'000 - Secrets::kRangesMax) * 10;
    EXPECT_EQ(collected(secrets, {0, 5}), (Ranges{{0, 5}}));
    EXPECT_EQ(collected(secrets, {known, known + 10}), (Ranges{{known, known + 1}}));
}

TEST(Secrets, NamesInStreamsThatAreNotHttp) {
    Ranges out;
    collect_named_values("a: b\r\nCookie: id\r\nnot-Cookie: x\nauthorization:y", 100, out);
    EXPECT_EQ(out, (Ranges{{113, 117}, {146, 147}}));
}

// Writes packets to a pcapng file and reads them again.
class Written {
  public:
    explicit Written(bool hide)
        : pcapng_([this](std::string_view part) { bytes_ += part; }, how(hide)),
          analyzer_(options(hide), {&pcapng_, &recorder_}) {}

    void packet(std::string_view bytes) {
        ++number_;
        analyzer_.feed(
            build::raw_frame(number_, static_cast<Nanos>(number_) * kMillisecond, bytes));
    }
    // From the client; its numbers begin after the SYN.
    void send(std::uint32_t at, const std::string& payload, bool good_checksum = true) {
        packet(build::packet({.flags = flag::ack | flag::psh,
                              .seq = 1'001 + at,
                              .ack = 5'001,
                              .payload = payload,
                              .good_checksum = good_checksum}));
    }
    void open() {
        packet(build::packet({.flags = flag::syn, .seq = 1'000}));
        packet(build::packet(
            {.from_client = false, .flags = flag::syn | flag::ack, .seq = 5'000, .ack = 1'001}));
    }
    std::vector<std::string> read() {
        analyzer_.finish();
        const std::string path =
            (std::filesystem::temp_directory_path() /
             ("sluice-secrets-" + std::to_string(reinterpret_cast<std::uintptr_t>(this))))
                .string();
        std::ofstream(path, std::ios::binary) << bytes_;
        std::vector<std::string> packets;
        {
            auto capture = Capture::open_file(path);
            EXPECT_TRUE(capture);
            while (const Frame* frame = capture ? capture->next() : nullptr) {
                packets.emplace_back(frame->bytes);
            }
        }
        std::filesystem::remove(path);  // after the close: Windows needs that
        return packets;
    }
    // The payloads of all segments, and whether every checksum is right.
    std::string payloads(bool* good = nullptr) {
        std::string all;
        for (const std::string& bytes : read()) {
            Frame frame;
            frame.link = Link::raw;
            frame.bytes = bytes;
            frame.length = static_cast<std::uint32_t>(bytes.size());
            IpPacket ip;
            Segment segment;
            EXPECT_EQ(decode_ip(frame, ip), Decoded::ok);
            EXPECT_EQ(decode_tcp(ip, segment), Decoded::ok);
            if (good != nullptr) {
                *good &= verify_checksum(segment) == Checksum::good;
            }
            all += segment.payload;
        }
        return all;
    }

  private:
    static PcapngOptions how(bool hide) {
        PcapngOptions options;
        options.link_type = 101;
        options.hides_secrets = hide;
        return options;
    }
    static AnalyzerOptions options(bool hide) {
        AnalyzerOptions options;
        options.find_secrets = hide;
        return options;
    }

    std::string bytes_;
    Pcapng pcapng_;
    Recorder recorder_;
    Analyzer analyzer_;
    std::uint64_t number_ = 0;
};

const std::string kRequest =
    "GET / HTTP/1.1\r\nHost: h\r\nCookie: secret=1\r\nAuthorization: Basic c2VjcmV0\r\n\r\n";
const std::string kShown =
    "GET / HTTP/1.1\r\nHost: h\r\nCookie: xxxxxxxx\r\nAuthorization: xxxxxxxxxxxxxx\r\n\r\n";

TEST(PcapngSecrets, AreOverwrittenAndTheChecksumsStayRight) {
    Written written(true);
    written.open();
    written.send(0, kRequest);
    bool good = true;
    EXPECT_EQ(written.payloads(&good), kShown);
    EXPECT_TRUE(good);
}

TEST(PcapngSecrets, AreLeftWhenAskedFor) {
    Written written(false);
    written.open();
    written.send(0, kRequest);
    EXPECT_EQ(written.payloads(), kRequest);
}

TEST(PcapngSecrets, HoweverTheSegmentsCutThem) {
    for (std::size_t cut = 1; cut < kRequest.size(); ++cut) {
        Written written(true);
        written.open();
        written.send(0, kRequest.substr(0, cut));
        written.send(static_cast<std::uint32_t>(cut), kRequest.substr(cut));
        bool good = true;
        ASSERT_EQ(written.payloads(&good), kShown) << cut;
        ASSERT_TRUE(good) << cut;
    }
}

TEST(PcapngSecrets, WhatIsSentAgainOrComesEarlyOrIsLost) {
    Written again(true);
    again.open();
    again.send(0, kRequest);
    again.send(30, kRequest.substr(30));
    EXPECT_EQ(again.payloads(), kShown + std::string(kRequest.size() - 30, 'x'));
    Written other(true);  // differs from the bytes read there before
    other.open();
    other.send(0, "GET / HTTP/1.1\r\nHost: h\r\nAccept: everything-there-is\r\n\r\n");
    other.send(0, kRequest.substr(0, 50));
    EXPECT_TRUE(other.payloads().ends_with(std::string(50, 'x'))) << other.payloads();
    Written early(true);  // comes before the start line, so its meaning is unknown
    early.open();
    early.send(40, kRequest.substr(40));
    early.send(0, kRequest.substr(0, 40));
    EXPECT_EQ(early.payloads(), std::string(kRequest.size() - 40, 'x') + kShown.substr(0, 40));
    Written lost(true);  // the field's name was not captured
    lost.open();
    lost.send(0, kRequest.substr(0, 20));
    lost.send(30, kRequest.substr(30));
    const std::string text = lost.payloads();
    EXPECT_EQ(text.find("secret"), std::string::npos) << text;
    EXPECT_EQ(text.find("c2Vj"), std::string::npos) << text;
}

// Bytes that the server has acknowledged but the capture lacks are given up after a while. Then
// they come.
TEST(PcapngSecrets, WhatComesAfterItWasGivenUp) {
    const auto size = static_cast<std::uint32_t>(kRequest.size());
    const std::string next = "GET / HTTP/1.1\r\n\r\n";
    Written late(true);
    late.open();
    late.send(0, kRequest);
    late.packet(build::packet({.from_client = false, .seq = 5'001, .ack = 1'001 + 2 * size}));
    std::string others;
    for (int i = 0; i < 100; ++i) {  // more segments than Reassembly waits for
        late.send(2 * size + static_cast<std::uint32_t>(others.size()), next);
        others += next;
    }
    late.send(size, kRequest);
    const std::string text = late.payloads();
    EXPECT_EQ(text.find("secret"), std::string::npos) << text;
    EXPECT_EQ(text.find("c2Vj"), std::string::npos) << text;
    EXPECT_TRUE(text.ends_with(next + std::string(size, 'x'))) << text;
}

TEST(PcapngSecrets, AnErrorInTheHeadHidesTheRest) {
    Written written(true);
    written.open();
    written.send(0, "GET / HTTP/1.1\r\nCookie: secret" + std::string(1, '\0') + "\r\n\r\n");
    written.send(33, "secret");
    EXPECT_EQ(written.payloads().find("secret"), std::string::npos);
}

TEST(PcapngSecrets, ContentThatComesEarlyIsKnownToBeContent) {
    Written written(true);
    const std::string head = "POST / HTTP/1.1\r\nContent-Length: 20\r\n\r\n";
    const auto size = static_cast<std::uint32_t>(head.size());
    written.open();
    written.send(0, head);
    written.send(size + 10, "0123456789");
    written.send(size, "abcdefghij");
    EXPECT_EQ(written.payloads(), head + "0123456789abcdefghij");
}

TEST(PcapngSecrets, WrongAndPartialChecksumsStayWhatTheyWere) {
    Written written(true);
    written.open();
    written.send(0, kRequest, false);  // zero: neither good nor partial
    bool good = true;
    EXPECT_EQ(written.payloads(&good), kShown);
    EXPECT_FALSE(good);
}

TEST(PcapngSecrets, FragmentsKeepTheirHeaderOnly) {
    const std::string tcp = tcp_bytes({.flags = flag::ack, .seq = 1'001, .payload = kRequest});
    Written written(true);
    written.packet(ipv4(std::string_view(tcp).substr(0, 64), true, true, 9, 0x2000));
    written.packet(ipv4(std::string_view(tcp).substr(64), true, true, 9, 8));
    const auto packets = written.read();
    ASSERT_EQ(packets.size(), 2U);
    EXPECT_EQ(packets[0].substr(20, 20), tcp.substr(0, 20));
    EXPECT_EQ(packets[0].substr(40), std::string(44, 'x'));
    EXPECT_EQ(packets[1].substr(20), std::string(tcp.size() - 64, 'x'));
}

}  // namespace
}  // namespace sluice::wire

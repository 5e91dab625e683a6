// Precompressed siblings against their files, for every coding that the system has.
#include "content/sibling_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "content/decoder.h"
#include "tests/support/coded.h"

namespace sluice::http {
namespace {

// Bytes in memory as a file, at most `read_max` in one read; records how far it was read.
class MemoryReader {
  public:
    explicit MemoryReader(std::string_view bytes, std::size_t read_max = SIZE_MAX)
        : bytes_(bytes), read_max_(read_max) {}

    [[nodiscard]] ReadAt read() {
        return [this](std::uint64_t offset, char* out,
                      std::size_t room) -> std::expected<std::size_t, Status> {
            const std::string_view rest =
                bytes_.substr(std::min<std::size_t>(offset, bytes_.size()));
            const std::size_t got = std::min({rest.size(), room, read_max_});
            std::memcpy(out, rest.data(), got);
            reached_ = std::max<std::uint64_t>(reached_, offset + got);
            return got;
        };
    }
    [[nodiscard]] std::uint64_t reached() const { return reached_; }

  private:
    std::string_view bytes_;
    std::size_t read_max_;
    std::uint64_t reached_ = 0;
};

SiblingVerdict check(Coding coding, std::string_view file, std::string_view sibling,
                     std::size_t read_max = SIZE_MAX) {
    MemoryReader plain(file, read_max);
    MemoryReader coded(sibling, read_max);
    return check_sibling(coding, plain.read(), coded.read(), {});
}

std::string lines(std::size_t bytes) {
    std::string text;
    for (unsigned i = 0; text.size() < bytes; ++i) {
        text += "line " + std::to_string(i * 2654435761U) + "\n";
    }
    text.resize(bytes);
    return text;
}

class SiblingCheck : public testing::TestWithParam<Coding> {};

TEST_P(SiblingCheck, TheSameBytesAreTheSame) {
    for (const std::size_t bytes : {0U, 1U, 1000U, 65'535U, 65'536U, 65'537U, 300'000U}) {
        const std::string text = lines(bytes);
        EXPECT_EQ(check(GetParam(), text, test::coded(GetParam(), text)), SiblingVerdict::same)
            << bytes;
    }
    const std::string text = lines(20'000);
    const std::string coded = test::coded(GetParam(), text);
    for (const std::size_t read_max : {1U, 2U, 7U, 4096U}) {
        EXPECT_EQ(check(GetParam(), text, coded, read_max), SiblingVerdict::same) << read_max;
    }
}

TEST_P(SiblingCheck, OtherBytesAreNot) {
    const std::string text = lines(200'000);
    const std::string coded = test::coded(GetParam(), text);
    for (const std::size_t at : {std::size_t{0}, std::size_t{65'536}, text.size() - 1}) {
        std::string other = text;
        other[at] ^= 1;
        EXPECT_EQ(check(GetParam(), other, coded), SiblingVerdict::different) << at;
    }
    EXPECT_EQ(check(GetParam(), text + "x", coded), SiblingVerdict::different);
    EXPECT_EQ(check(GetParam(), text.substr(1), coded), SiblingVerdict::different);
    EXPECT_EQ(check(GetParam(), text.substr(0, text.size() - 1), coded), SiblingVerdict::different);
    EXPECT_EQ(check(GetParam(), "", coded), SiblingVerdict::different);
}

TEST_P(SiblingCheck, AStreamThatIsCutAnywhereIsNone) {
    const std::string text = lines(3000);
    const std::string coded = test::coded(GetParam(), text);
    for (std::size_t bytes = 0; bytes < coded.size(); ++bytes) {
        EXPECT_EQ(check(GetParam(), text, std::string_view(coded).substr(0, bytes)),
                  SiblingVerdict::different)
            << bytes;
    }
}

TEST_P(SiblingCheck, WhatFollowsTheStreamBreaksIt) {
    const std::string text = lines(3000);
    const std::string coded = test::coded(GetParam(), text);
    for (const std::string_view more : {std::string_view("x"), std::string_view("\0", 1),
                                        std::string_view("\n"), std::string_view("\x1f\x8b")}) {
        EXPECT_EQ(check(GetParam(), text, coded + std::string(more)), SiblingVerdict::different);
        EXPECT_EQ(check(GetParam(), text, coded + std::string(more), 1), SiblingVerdict::different);
    }
}

TEST_P(SiblingCheck, EveryFlippedBitIsTakenForWhatItDecodesTo) {
    const std::string text = lines(300);
    const std::string coded = test::coded(GetParam(), text);
    std::size_t same = 0;
    for (std::size_t bit = 0; bit < coded.size() * 8; ++bit) {
        std::string broken = coded;
        broken[bit / 8] = static_cast<char>(broken[bit / 8] ^ (1 << (bit % 8)));
        const SiblingVerdict verdict = check(GetParam(), text, broken);
        EXPECT_EQ(verdict, check(GetParam(), text, broken, 3)) << bit;
        EXPECT_NE(verdict, SiblingVerdict::cannot_tell) << bit;
        same += verdict == SiblingVerdict::same ? 1U : 0U;
    }
    EXPECT_LT(same, coded.size()) << "few bits say nothing: a time in a head, padding";
}

TEST_P(SiblingCheck, ABombCostsWhatTheFileCosts) {
    const test::Endless bomb = test::endless_zeros(GetParam());
    constexpr std::uint64_t kZeros = 10ULL * 1024 * 1024 * 1024;
    std::uint64_t reached = 0;
    const ReadAt sibling = [&](std::uint64_t offset, char* out,
                               std::size_t room) -> std::expected<std::size_t, Status> {
        std::size_t got = 0;
        const std::uint64_t end = bomb.start.size() + (kZeros / bomb.step) * bomb.more.size();
        for (; got < room && offset + got < end; ++got) {
            const std::uint64_t at = offset + got;
            out[got] = at < bomb.start.size()
                           ? bomb.start[at]
                           : bomb.more[(at - bomb.start.size()) % bomb.more.size()];
        }
        reached = std::max(reached, offset + got);
        return got;
    };
    // It does hold zeros: five megabytes of them are decoded.
    const std::unique_ptr<Decoder> decoder = make_decoder(GetParam());
    std::string room(5 * 1024 * 1024, 'x');
    std::string input(1024 * 1024, '\0');
    ASSERT_TRUE(sibling(0, input.data(), input.size()));
    std::string_view in = input;
    std::span<char> out(room);
    while (!out.empty() && !in.empty()) {
        ASSERT_EQ(decoder->decode(in, out), Decoder::State::going);
    }
    EXPECT_TRUE(out.empty());
    EXPECT_EQ(room, std::string(room.size(), '\0'));

    reached = 0;
    const std::string text = lines(1024 * 1024);
    MemoryReader plain(text);
    EXPECT_EQ(check_sibling(GetParam(), plain.read(), sibling, {}), SiblingVerdict::different);
    EXPECT_LE(plain.reached(), 64U * 1024);
    EXPECT_LE(reached, 64U * 1024);

    reached = 0;
    const std::string zeros(1024 * 1024, '\0');
    MemoryReader begins(zeros);
    EXPECT_EQ(check_sibling(GetParam(), begins.read(), sibling, {}), SiblingVerdict::different);
    EXPECT_LE(reached, 128U * 1024) << "some more than makes the file";
}

TEST_P(SiblingCheck, NobodyKnowsWhatCannotBeRead) {
    const std::string text = lines(100'000);
    const std::string coded = test::coded(GetParam(), text);
    MemoryReader plain(text);
    MemoryReader stream(coded);
    const ReadAt fails = [](std::uint64_t, char*, std::size_t) {
        return std::expected<std::size_t, Status>(std::unexpected(Status::io_error));
    };
    const ReadAt ends_in_failure = [&](std::uint64_t offset, char* out, std::size_t room) {
        return offset < text.size() ? plain.read()(offset, out, room) : fails(offset, out, room);
    };
    EXPECT_EQ(check_sibling(GetParam(), fails, stream.read(), {}), SiblingVerdict::cannot_tell);
    EXPECT_EQ(check_sibling(GetParam(), plain.read(), fails, {}), SiblingVerdict::cannot_tell);
    EXPECT_EQ(check_sibling(GetParam(), ends_in_failure, stream.read(), {}),
              SiblingVerdict::cannot_tell);
}

TEST_P(SiblingCheck, StopsWhenItIsAskedTo) {
    std::stop_source stop;
    const std::string zeros(64 * 1024, '\0');
    const ReadAt endless = [&](std::uint64_t offset, char* out, std::size_t room) {
        if (offset > 10 * 1024 * 1024) {
            stop.request_stop();
        }
        const std::size_t got = std::min(room, zeros.size());
        std::memcpy(out, zeros.data(), got);
        return std::expected<std::size_t, Status>(got);
    };
    const test::Endless bomb = test::endless_zeros(GetParam());
    const ReadAt sibling = [&](std::uint64_t offset, char* out, std::size_t room) {
        std::size_t got = 0;
        for (; got < room; ++got) {
            const std::uint64_t at = offset + got;
            out[got] = at < bomb.start.size()
                           ? bomb.start[at]
                           : bomb.more[(at - bomb.start.size()) % bomb.more.size()];
        }
        return std::expected<std::size_t, Status>(got);
    };
    EXPECT_EQ(check_sibling(GetParam(), endless, sibling, stop.get_token()),
              SiblingVerdict::cannot_tell);
}

INSTANTIATE_TEST_SUITE_P(EveryCoding, SiblingCheck, testing::ValuesIn(test::codings()),
                         [](const auto& coding) {
                             switch (coding.param) {
                                 case Coding::identity: break;
                                 case Coding::br: return "br";
                                 case Coding::zstd: return "zstd";
                                 case Coding::gzip: return "gzip";
                             }
                             return "identity";
                         });

TEST(SiblingCheckOfGzip, OneMemberIsWhatBrowsersRead) {
    const std::string text = lines(2000);
    const std::string two = test::coded(Coding::gzip, text.substr(0, 1000)) +
                            test::coded(Coding::gzip, text.substr(1000));
    EXPECT_EQ(check(Coding::gzip, text, two), SiblingVerdict::different);
    EXPECT_EQ(check(Coding::gzip, text.substr(0, 1000), two), SiblingVerdict::different);
    EXPECT_EQ(check(Coding::gzip, text, test::coded(Coding::gzip, text) + std::string(512, '\0')),
              SiblingVerdict::different);
}

TEST(SiblingCheckOfIdentity, NothingIsDecoded) {
    EXPECT_FALSE(can_decode(Coding::identity));
    EXPECT_EQ(check(Coding::identity, "a", "a"), SiblingVerdict::cannot_tell);
}

}  // namespace
}  // namespace sluice::http

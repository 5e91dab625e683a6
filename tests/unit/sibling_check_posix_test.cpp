// The limits of br and zstd that browsers have and other decoders need not have.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "content/decoder.h"
#include "content/sibling_check.h"
#include "tests/support/coded.h"

namespace sluice::http {
namespace {

ReadAt reader(std::string_view bytes) {
    return [bytes](std::uint64_t offset, char* out,
                   std::size_t room) -> std::expected<std::size_t, Status> {
        const std::string_view rest = bytes.substr(std::min<std::size_t>(offset, bytes.size()));
        const std::size_t got = std::min(rest.size(), room);
        std::memcpy(out, rest.data(), got);
        return got;
    };
}

SiblingVerdict compare(Coding coding, std::string_view file, std::string_view sibling) {
    return check_sibling(coding, reader(file), reader(sibling), {});
}

TEST(SiblingCheckOfZstd, WindowsUpToEightMebibytes) {
    const std::string text(10'000, 'a');
    EXPECT_EQ(compare(Coding::zstd, text, test::coded(Coding::zstd, text, {.window_log = 23})),
              SiblingVerdict::same);
    EXPECT_EQ(compare(Coding::zstd, text, test::coded(Coding::zstd, text, {.window_log = 24})),
              SiblingVerdict::different);
}

TEST(SiblingCheckOfZstd, SeveralFramesAreOneStream) {
    const std::string text(10'000, 'a');
    const std::string frame = test::coded(Coding::zstd, text);
    const std::string skippable("\x50\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
    EXPECT_EQ(compare(Coding::zstd, text + text, frame + frame), SiblingVerdict::same);
    EXPECT_EQ(compare(Coding::zstd, text + text, frame + skippable + frame + skippable),
              SiblingVerdict::same);
    EXPECT_EQ(compare(Coding::zstd, text, frame + skippable.substr(0, 9)),
              SiblingVerdict::different);
    EXPECT_EQ(compare(Coding::zstd, text, frame + frame), SiblingVerdict::different);
}

TEST(SiblingCheckOfZstd, TheSizeInAHeadIsTrue) {
    // A frame with its size in four bytes, and a block that is a run of `a`.
    const auto frame = [](std::uint32_t named, std::uint32_t held) {
        std::string bytes = "\x28\xb5\x2f\xfd\xa0";
        for (int shift = 0; shift < 32; shift += 8) {
            bytes += static_cast<char>(named >> shift);
        }
        const std::uint32_t block = held << 3 | 1U << 1 | 1U;
        for (int shift = 0; shift < 24; shift += 8) {
            bytes += static_cast<char>(block >> shift);
        }
        return bytes + 'a';
    };
    for (const std::uint32_t size : {0U, 100U, 100'000U}) {
        const std::string text(size, 'a');
        EXPECT_EQ(compare(Coding::zstd, text, frame(size, size)), SiblingVerdict::same) << size;
        EXPECT_EQ(compare(Coding::zstd, text, frame(size + 1, size)), SiblingVerdict::different);
        EXPECT_EQ(compare(Coding::zstd, text + text, frame(size, size) + frame(size, size)),
                  SiblingVerdict::same);
    }
}

TEST(SiblingCheckOfBrotli, NoLargeWindows) {
    const std::string text(10'000, 'a');
    EXPECT_EQ(compare(Coding::br, text, test::coded(Coding::br, text, {.window_log = 24})),
              SiblingVerdict::same);
    EXPECT_EQ(compare(Coding::br, text,
                      test::coded(Coding::br, text, {.window_log = 25, .large_window = true})),
              SiblingVerdict::different);
}

}  // namespace
}  // namespace sluice::http

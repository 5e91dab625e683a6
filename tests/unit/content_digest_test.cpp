#include "http/content_digest.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <string>

namespace sluice::http {
namespace {

constexpr std::size_t kBlock = ContentDigest::kBlockBytes;

std::string some_bytes(std::size_t size, unsigned seed = 1) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) {
        seed = seed * 1'103'515'245 + 12'345;
        byte = static_cast<char>(seed >> 16);
    }
    return bytes;
}

ContentDigest digest_of(std::string_view bytes, std::size_t step) {
    DigestMaker maker;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        const std::string_view part = bytes.substr(at, step);
        maker.add(part.data(), part.size());
    }
    return maker.finish();
}

TEST(ContentDigest, DoesNotDependOnTheStepsItIsMadeIn) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kBlock - 1, kBlock, kBlock + 1,
                                   2 * kBlock, 5 * kBlock + 77}) {
        const std::string bytes = some_bytes(size);
        for (const std::size_t step : {std::size_t{1000}, kBlock, 2 * kBlock + 5}) {
            const ContentDigest digest = digest_of(bytes, step);
            EXPECT_EQ(digest.size, size);
            EXPECT_EQ(digest.whole, XXH3_64bits(bytes.data(), size));
            ASSERT_EQ(digest.blocks.size(), (size + kBlock - 1) / kBlock);
            for (std::size_t i = 0; i < digest.blocks.size(); ++i) {
                const std::string_view block = std::string_view(bytes).substr(i * kBlock, kBlock);
                EXPECT_EQ(digest.block_bytes(i), block.size());
                EXPECT_EQ(digest.blocks[i], XXH3_64bits(block.data(), block.size()));
            }
        }
    }
}

TEST(ContentDigest, ABlockIsKnownByItsBytesPlaceAndLength) {
    std::string bytes = some_bytes(2 * kBlock + 10);
    const ContentDigest digest = digest_of(bytes, kBlock);
    const auto block = [&](std::size_t i) {
        return std::string_view(bytes).substr(i * kBlock, kBlock);
    };
    EXPECT_TRUE(digest.has(0, block(0)));
    EXPECT_TRUE(digest.has(2, block(2)));
    EXPECT_FALSE(digest.has(1, block(0)));
    EXPECT_FALSE(digest.has(3, block(2)));
    EXPECT_FALSE(digest.has(2, block(2).substr(1)));
    bytes[kBlock + 5] ^= 1;
    EXPECT_FALSE(digest.has(1, block(1)));
    EXPECT_TRUE(digest.has(0, block(0)));
}

TEST(ContentDigest, GoesOnFromTheWholeBlocksOfAnOlderOne) {
    const std::string bytes = some_bytes(6 * kBlock + 100);
    const ContentDigest whole = digest_of(bytes, kBlock);
    for (const std::size_t old : {std::size_t{0}, std::size_t{10}, kBlock, 3 * kBlock + 1}) {
        const ContentDigest base = digest_of(std::string_view(bytes).substr(0, old), kBlock);
        DigestMaker maker(base);
        const std::string_view rest = std::string_view(bytes).substr(old / kBlock * kBlock);
        maker.add(rest.data(), rest.size());
        const ContentDigest grown = maker.finish();
        EXPECT_EQ(grown.size, whole.size);
        EXPECT_EQ(grown.blocks, whole.blocks);
        EXPECT_EQ(grown.whole, 0U) << "nobody has read all of it";
    }
}

TEST(ContentDigest, TextIsSixteenDigits) {
    EXPECT_EQ(hash_text(0), "0000000000000000");
    EXPECT_EQ(hash_text(0xabcULL), "0000000000000abc");
    EXPECT_EQ(hash_text(~0ULL), "ffffffffffffffff");
}

}  // namespace
}  // namespace sluice::http

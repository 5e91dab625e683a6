#include "http/encoding.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::http {
namespace {

constexpr Variants kAll = {true, true, true};
constexpr Variants kNone = {false, false, false};
constexpr Variants kBr = {true, false, false};
constexpr Variants kGzip = {false, false, true};
constexpr Variants kZstdGzip = {false, true, true};

struct Case {
    const char* field;
    Variants available;
    Coding expected;
};

const std::vector<Case> kCases = {
    // What browsers say.
    {"gzip, deflate, br, zstd", kAll, Coding::br},
    {"gzip, deflate, br", kZstdGzip, Coding::gzip},
    {"gzip, deflate, br, zstd", kZstdGzip, Coding::zstd},
    {"gzip, deflate", kAll, Coding::gzip},
    {"gzip, deflate, br", kNone, Coding::identity},
    // Only what is mentioned.
    {"", kAll, Coding::identity},
    {"deflate", kAll, Coding::identity},
    {"compress, deflate", kAll, Coding::identity},
    {"identity", kAll, Coding::identity},
    {"gzip", kBr, Coding::identity},
    // Weights come before our preference.
    {"br;q=0.5, gzip;q=0.8", kAll, Coding::gzip},
    {"br;q=0.001, gzip;q=0.002", kAll, Coding::gzip},
    {"br;q=0.8, zstd;q=0.8, gzip;q=0.8", kAll, Coding::br},
    {"gzip;q=1.000, br;q=1", kAll, Coding::br},
    {"gzip;q=1.0, br;q=0.999", kAll, Coding::gzip},
    // Zero refuses.
    {"br;q=0, gzip", kAll, Coding::gzip},
    {"br;q=0.000, gzip;q=0.0", kAll, Coding::identity},
    {"br;q=0.", kAll, Coding::identity},
    // "*" stands for the codings that are not mentioned.
    {"*", kAll, Coding::br},
    {"*", kGzip, Coding::gzip},
    {"*;q=0", kAll, Coding::identity},
    {"br;q=0, *", kAll, Coding::zstd},
    {"gzip, *;q=0.1", kAll, Coding::gzip},
    {"*;q=0, gzip", kAll, Coding::gzip},
    // Identity with a weight of its own.
    {"identity;q=1, br;q=0.5", kAll, Coding::identity},
    {"identity, br", kAll, Coding::br},
    {"identity;q=0.5, br;q=0.6", kAll, Coding::br},
    {"*;q=0.5, gzip;q=0.3", kGzip, Coding::identity},
    {"gzip;q=0.3, identity;q=0.2", kGzip, Coding::gzip},
    // When identity is refused, anything else comes first, and identity when there is nothing else.
    {"identity;q=0, gzip", kAll, Coding::gzip},
    {"identity;q=0", kAll, Coding::identity},
    {"identity;q=0, *", kAll, Coding::br},
    {"identity;q=0, *;q=0", kAll, Coding::identity},
    {"identity;q=0, br", kGzip, Coding::identity},
    // Spelling.
    {"x-gzip", kAll, Coding::gzip},
    {"X-GZip;Q=0.5, BR;q=0.1", kAll, Coding::gzip},
    {"x-gzip;q=0", kGzip, Coding::identity},
    {" ,, br ;\tq=0.5 , gzip ; q=0.4,", kAll, Coding::br},
    {"brotli", kAll, Coding::identity},
    {"b", kAll, Coding::identity},
    {"gzip2", kAll, Coding::identity},
    // Elements that break the grammar count as absent.
    {"br;q=2, gzip", kAll, Coding::gzip},
    {"br;q=1.001, gzip", kAll, Coding::gzip},
    {"br;q=0.1234, gzip;q=0.1", kAll, Coding::gzip},
    {"br;q=, gzip", kAll, Coding::gzip},
    {"br;q, gzip", kAll, Coding::gzip},
    {"br;, gzip", kAll, Coding::gzip},
    {"br; , gzip", kAll, Coding::gzip},
    {"br;q=.5, gzip", kAll, Coding::gzip},
    {"br;q=-1, gzip", kAll, Coding::gzip},
    {"br;q=0,5, gzip", kAll, Coding::gzip},
    {"br;q = 1, gzip", kAll, Coding::gzip},
    {"br;level=1, gzip", kAll, Coding::gzip},
    {"br;q=1;x=1, gzip", kAll, Coding::gzip},
    {"br gzip", kAll, Coding::identity},
    {";q=1", kAll, Coding::identity},
    // The later of two.
    {"br, br;q=0", kBr, Coding::identity},
    {"br;q=0, br", kBr, Coding::br},
    {"gzip;q=0, x-gzip", kGzip, Coding::gzip},
};

TEST(Encoding, Negotiates) {
    for (const Case& test : kCases) {
        EXPECT_EQ(negotiate(test.field, test.available), test.expected) << test.field;
    }
}

TEST(Encoding, NeverChoosesWhatDoesNotExist) {
    for (unsigned mask = 0; mask < 8; ++mask) {
        const Variants available = {(mask & 1) != 0, (mask & 2) != 0, (mask & 4) != 0};
        for (const char* field : {"*", "gzip, br, zstd", "identity;q=0, *", "identity;q=0, br"}) {
            const Coding coding = negotiate(field, available);
            EXPECT_TRUE(coding == Coding::identity ||
                        available[static_cast<std::size_t>(coding) - 1])
                << field << " mask " << mask;
        }
    }
}

}  // namespace
}  // namespace sluice::http

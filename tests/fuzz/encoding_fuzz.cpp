// Any bytes as Accept-Encoding, over every set of variants: what is chosen exists and was asked
// for, and the choice obeys the rules of preference.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/check.h"
#include "http/encoding.h"

namespace {

using namespace sluice::http;

constexpr std::string_view kNames[] = {"identity", "br", "zstd", "gzip"};

Coding choose(const std::string& field, unsigned mask) {
    const Variants available = {(mask & 1) != 0, (mask & 2) != 0, (mask & 4) != 0};
    const Coding coding = negotiate(field, available);
    CHECK(coding == Coding::identity || available[static_cast<std::size_t>(coding) - 1]);
    return coding;
}

unsigned bit(Coding coding) {
    return coding == Coding::identity ? 0 : 1U << (static_cast<unsigned>(coding) - 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string field(data, data + size);
    std::string lower;
    std::string upper;
    for (const char c : field) {
        lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
        upper += c >= 'a' && c <= 'z' ? static_cast<char>(c & ~0x20) : c;
    }
    for (unsigned mask = 0; mask < 8; ++mask) {
        const Coding coding = choose(field, mask);
        const std::string_view name = kNames[static_cast<std::size_t>(coding)];
        // Nothing but identity comes unasked.
        CHECK(coding == Coding::identity || lower.find(name) != std::string::npos ||
              lower.find('*') != std::string::npos);
        // Case and white space around the list mean nothing.
        CHECK(choose(upper, mask) == coding);
        CHECK(choose(" \t, " + field, mask) == coding);
        // The choice does not depend on variants that were not chosen.
        CHECK(choose(field, bit(coding)) == coding);
        // A variant that is refused at the end is not chosen; one that is wanted is.
        const std::string refused = field + "," + std::string(name) + ";q=0";
        CHECK(coding == Coding::identity || choose(refused, mask) != coding);
        if (mask != 0) {
            CHECK(choose(field + ",br;q=0,gzip;q=0,zstd;q=0", mask) == Coding::identity);
            CHECK(choose(field + ",br,zstd,gzip", mask) == choose("br,zstd,gzip", mask));
        }
    }
    return 0;
}

// Any bytes as a precompressed sibling of any bytes. The first byte picks the coding, the next two
// say how long the file is; what follows it is the sibling. The verdict does not depend on how much
// is read at once; it says "same" exactly when the decoder, given the whole sibling, makes the file
// and ends; and a sibling that the coding's own library makes of the file is the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "content/decoder.h"
#include "content/sibling_check.h"
#include "core/check.h"
#include "tests/support/coded.h"

namespace {

using namespace sluice;
using namespace sluice::http;

ReadAt reader(std::string_view bytes, std::size_t piece) {
    return [bytes, piece](std::uint64_t offset, char* out,
                          std::size_t room) -> std::expected<std::size_t, Status> {
        const std::string_view rest = bytes.substr(std::min<std::size_t>(offset, bytes.size()));
        const std::size_t got = std::min({rest.size(), room, piece});
        std::memcpy(out, rest.data(), got);
        return got;
    };
}

SiblingVerdict check(Coding coding, std::string_view file, std::string_view sibling,
                     std::size_t piece) {
    return check_sibling(coding, reader(file, piece), reader(sibling, piece), {});
}

bool decodes_to(Coding coding, std::string_view sibling, std::string_view file) {
    const auto decoder = make_decoder(coding);
    CHECK(decoder != nullptr);
    std::string decoded(file.size() + 1, '\0');
    std::span<char> out(decoded);
    for (;;) {
        const std::size_t before = sibling.size() + out.size();
        if (decoder->decode(sibling, out) != Decoder::State::going || out.empty()) {
            return false;
        }
        if (sibling.size() + out.size() == before) {
            break;
        }
    }
    decoded.resize(decoded.size() - out.size());
    return sibling.empty() && decoder->may_end() && decoded == file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 3) {
        return 0;
    }
    const auto codings = test::codings();
    const Coding coding = codings[data[0] % codings.size()];
    const std::string_view rest(reinterpret_cast<const char*>(data) + 3, size - 3);
    const std::string_view file = rest.substr(0, data[1] * 256U + data[2]);
    const std::string_view sibling = rest.substr(file.size());

    const SiblingVerdict verdict = check(coding, file, sibling, SIZE_MAX);
    CHECK(verdict != SiblingVerdict::cannot_tell);
    CHECK((verdict == SiblingVerdict::same) == decodes_to(coding, sibling, file));
    CHECK(check(coding, file, sibling, 1) == verdict);
    CHECK(check(coding, file, sibling, 7) == verdict);
    CHECK(check(coding, file, test::coded(coding, file), 1000) == SiblingVerdict::same);
    return 0;
}

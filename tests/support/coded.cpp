#include "coded.h"

#include <zlib.h>

#include "core/check.h"

namespace sluice::test {

namespace {

constexpr std::size_t kRoom = 64 * 1024;

std::vector<std::string> gzip(const std::vector<std::string_view>& pieces) {
    z_stream stream{};
    CHECK(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    std::vector<std::string> coded;
    std::string room(kRoom, '\0');
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(pieces[i].data()));
        stream.avail_in = static_cast<uInt>(pieces[i].size());
        std::string& out = coded.emplace_back();
        do {
            stream.next_out = reinterpret_cast<Bytef*>(room.data());
            stream.avail_out = static_cast<uInt>(room.size());
            (void)deflate(&stream, i + 1 == pieces.size() ? Z_FINISH : Z_FULL_FLUSH);
            out.append(room, 0, room.size() - stream.avail_out);
        } while (stream.avail_out == 0);
    }
    deflateEnd(&stream);
    return coded;
}

std::vector<std::string> in_pieces(http::Coding coding, const std::vector<std::string_view>& pieces,
                                   const CodedOptions& options = {}) {
    return coding == http::Coding::gzip ? gzip(pieces) : system_coded(coding, pieces, options);
}

}  // namespace

std::vector<http::Coding> codings() {
    std::vector<http::Coding> all = system_codings();
    all.push_back(http::Coding::gzip);
    return all;
}

std::string coded(http::Coding coding, std::string_view text, const CodedOptions& options) {
    return in_pieces(coding, {text}, options).front();
}

Endless endless_zeros(http::Coding coding) {
    const std::string zeros(1024 * 1024, '\0');
    // After the second piece, each piece has the same bytes.
    const auto pieces = in_pieces(coding, {zeros, zeros, zeros, zeros, {}});
    CHECK(pieces[2] == pieces[3]);
    return {.start = pieces[0] + pieces[1], .more = pieces[2], .step = zeros.size()};
}

}  // namespace sluice::test

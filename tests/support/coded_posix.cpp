#include <brotli/encode.h>
#include <zstd.h>

#include "coded.h"
#include "core/check.h"

namespace sluice::test {

namespace {

constexpr std::size_t kSystemRoom = 64 * 1024;

std::vector<std::string> brotli(const std::vector<std::string_view>& pieces,
                                const CodedOptions& options) {
    BrotliEncoderState* state = BrotliEncoderCreateInstance(nullptr, nullptr, nullptr);
    CHECK(state != nullptr);
    BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, 5);
    if (options.window_log != 0) {
        BrotliEncoderSetParameter(state, BROTLI_PARAM_LARGE_WINDOW, options.large_window ? 1 : 0);
        BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN,
                                  static_cast<std::uint32_t>(options.window_log));
    }
    std::vector<std::string> coded;
    std::string room(kSystemRoom, '\0');
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const auto how = i + 1 == pieces.size() ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_FLUSH;
        const auto* from = reinterpret_cast<const std::uint8_t*>(pieces[i].data());
        std::size_t given = pieces[i].size();
        std::string& out = coded.emplace_back();
        do {
            auto* into = reinterpret_cast<std::uint8_t*>(room.data());
            std::size_t left = room.size();
            CHECK(BrotliEncoderCompressStream(state, how, &given, &from, &left, &into, nullptr) ==
                  BROTLI_TRUE);
            out.append(room, 0, room.size() - left);
        } while (given != 0 || BrotliEncoderHasMoreOutput(state) == BROTLI_TRUE);
    }
    BrotliEncoderDestroyInstance(state);
    return coded;
}

std::vector<std::string> zstd(const std::vector<std::string_view>& pieces,
                              const CodedOptions& options) {
    ZSTD_CCtx* context = ZSTD_createCCtx();
    CHECK(context != nullptr);
    if (options.window_log != 0) {
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, options.window_log);
    }
    std::vector<std::string> coded;
    std::string room(kSystemRoom, '\0');
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        // A frame head without a content size names the window.
        const ZSTD_EndDirective how = i + 1 == pieces.size() ? ZSTD_e_end : ZSTD_e_flush;
        ZSTD_inBuffer from{pieces[i].data(), pieces[i].size(), 0};
        std::string& out = coded.emplace_back();
        if (i == 0 && pieces.size() == 1) {
            ZSTD_inBuffer first{pieces[0].data(), pieces[0].size() / 2, 0};
            ZSTD_outBuffer into{room.data(), room.size(), 0};
            CHECK(ZSTD_isError(ZSTD_compressStream2(context, &into, &first, ZSTD_e_continue)) == 0);
            out.append(room, 0, into.pos);
            from.pos = first.pos;
        }
        std::size_t left = 0;
        do {
            ZSTD_outBuffer into{room.data(), room.size(), 0};
            left = ZSTD_compressStream2(context, &into, &from, how);
            CHECK(ZSTD_isError(left) == 0);
            out.append(room, 0, into.pos);
        } while (left != 0);
    }
    ZSTD_freeCCtx(context);
    return coded;
}

}  // namespace

std::vector<std::string> system_coded(http::Coding coding,
                                      const std::vector<std::string_view>& pieces,
                                      const CodedOptions& options) {
    return coding == http::Coding::br ? brotli(pieces, options) : zstd(pieces, options);
}

std::vector<http::Coding> system_codings() {
    return {http::Coding::br, http::Coding::zstd};
}

}  // namespace sluice::test

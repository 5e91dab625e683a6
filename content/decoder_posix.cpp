// br and zstd.
#include <brotli/decode.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <string>

#include "content/decoder.h"

namespace sluice::http {
namespace {

class BrotliDecoder final : public Decoder {
  public:
    BrotliDecoder() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {}
    ~BrotliDecoder() override { BrotliDecoderDestroyInstance(state_); }

    [[nodiscard]] bool start() const { return state_ != nullptr; }

    State decode(std::string_view& in, std::span<char>& out) override {
        if (may_end()) {
            return in.empty() ? State::going : State::broken;
        }
        std::size_t given = in.size();
        std::size_t room = out.size();
        const auto* next_in = reinterpret_cast<const std::uint8_t*>(in.data());
        auto* next_out = reinterpret_cast<std::uint8_t*>(out.data());
        const auto result =
            BrotliDecoderDecompressStream(state_, &given, &next_in, &room, &next_out, nullptr);
        in.remove_prefix(in.size() - given);
        out = out.subspan(out.size() - room);
        if (result != BROTLI_DECODER_RESULT_ERROR) {
            return State::going;
        }
        const BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(state_);
        const bool no_memory = code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
                               code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;
        return no_memory ? State::failed : State::broken;
    }

    [[nodiscard]] bool may_end() const override {
        return BrotliDecoderIsFinished(state_) == BROTLI_TRUE;
    }

  private:
    BrotliDecoderState* state_;
};

class ZstdDecoder final : public Decoder {
  public:
    ZstdDecoder() : context_(ZSTD_createDCtx()) {}
    ~ZstdDecoder() override { ZSTD_freeDCtx(context_); }

    [[nodiscard]] bool start() const {
        constexpr int kWindowLogMax = 23;
        return context_ != nullptr && ZSTD_isError(ZSTD_DCtx_setParameter(
                                          context_, ZSTD_d_windowLogMax, kWindowLogMax)) == 0;
    }

    State decode(std::string_view& in, std::span<char>& out) override {
        if (in.empty() && may_end_) {
            return State::going;  // another call would begin a frame
        }
        ZSTD_inBuffer from{in.data(), in.size(), 0};
        ZSTD_outBuffer into{out.data(), out.size(), 0};
        const std::size_t left = ZSTD_decompressStream(context_, &into, &from);
        head_.append(in.substr(0, std::min(from.pos, kHeadBytesMax - head_.size())));
        made_ += into.pos;
        in.remove_prefix(from.pos);
        out = out.subspan(into.pos);
        if (ZSTD_isError(left) != 0) {
            return ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation ? State::failed
                                                                           : State::broken;
        }
        may_end_ = left == 0;
        return may_end_ && !end_frame() ? State::broken : State::going;
    }

    [[nodiscard]] bool may_end() const override { return may_end_; }

  private:
    static constexpr std::size_t kHeadBytesMax = 18;  // RFC 8878 section 3.1.1.1, with the magic

    // The library checks the size in a frame's header only when it is given the whole frame at
    // once.
    [[nodiscard]] bool end_frame() {
        const unsigned long long size = ZSTD_getFrameContentSize(head_.data(), head_.size());
        const bool true_size = size == ZSTD_CONTENTSIZE_UNKNOWN || size == made_;
        head_.clear();
        made_ = 0;
        return true_size;
    }

    ZSTD_DCtx* context_;
    bool may_end_ = false;
    std::string head_;        // the first bytes of the frame
    std::uint64_t made_ = 0;  // of the frame
};

template <typename Which>
std::unique_ptr<Decoder> started() {
    auto decoder = std::make_unique<Which>();
    return decoder->start() ? std::move(decoder) : nullptr;
}

}  // namespace

std::unique_ptr<Decoder> make_system_decoder(Coding coding) {
    switch (coding) {
        case Coding::br: return started<BrotliDecoder>();
        case Coding::zstd: return started<ZstdDecoder>();
        case Coding::identity:
        case Coding::gzip: break;
    }
    return nullptr;
}

bool system_can_decode(Coding coding) noexcept {
    return coding == Coding::br || coding == Coding::zstd;
}

}  // namespace sluice::http

// gzip, which every system has.
#include "content/decoder.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

namespace sluice::http {
namespace {

class GzipDecoder final : public Decoder {
  public:
    ~GzipDecoder() override { inflateEnd(&stream_); }

    [[nodiscard]] bool start() {
        constexpr int kGzipOnly = 16;
        return inflateInit2(&stream_, MAX_WBITS + kGzipOnly) == Z_OK;
    }

    State decode(std::string_view& in, std::span<char>& out) override {
        if (ended_) {
            return in.empty() ? State::going : State::broken;
        }
        constexpr std::size_t kMax = std::numeric_limits<uInt>::max();
        const auto given = static_cast<uInt>(std::min(in.size(), kMax));
        const auto room = static_cast<uInt>(std::min(out.size(), kMax));
        // zlib does not write to its input; its interface is older than const.
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
        stream_.avail_in = given;
        stream_.next_out = reinterpret_cast<Bytef*>(out.data());
        stream_.avail_out = room;
        const int result = inflate(&stream_, Z_NO_FLUSH);
        in.remove_prefix(given - stream_.avail_in);
        out = out.subspan(room - stream_.avail_out);
        switch (result) {
            case Z_STREAM_END: ended_ = true; [[fallthrough]];
            case Z_OK:
            case Z_BUF_ERROR: return State::going;  // Z_BUF_ERROR: nothing moved
            case Z_MEM_ERROR: return State::failed;
            default: return State::broken;
        }
    }

    [[nodiscard]] bool may_end() const override { return ended_; }

  private:
    z_stream stream_{};
    bool ended_ = false;
};

}  // namespace

std::unique_ptr<Decoder> make_decoder(Coding coding) {
    if (coding != Coding::gzip) {
        return make_system_decoder(coding);
    }
    auto decoder = std::make_unique<GzipDecoder>();
    return decoder->start() ? std::move(decoder) : nullptr;
}

bool can_decode(Coding coding) noexcept {
    return coding == Coding::gzip || system_can_decode(coding);
}

}  // namespace sluice::http

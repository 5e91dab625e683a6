// Debian packages neither brotli nor zstd for MinGW-w64, so these codings are not used there.
#include "content/decoder.h"

namespace sluice::http {

std::unique_ptr<Decoder> make_system_decoder(Coding) {
    return nullptr;
}

bool system_can_decode(Coding) noexcept {
    return false;
}

}  // namespace sluice::http

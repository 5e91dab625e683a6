// Debian has brotli and zstd for no MinGW-w64: what is coded with them is not used there.
#include "content/decoder.h"

namespace sluice::http {

std::unique_ptr<Decoder> make_system_decoder(Coding) {
    return nullptr;
}

bool system_can_decode(Coding) noexcept {
    return false;
}

}  // namespace sluice::http

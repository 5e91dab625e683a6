// Decoder: removes a content coding from a stream of bytes, as strictly as browsers do.
//
// LIMITS are those of browsers, so that what passes here can be read there. gzip: one member
// (Chromium drops what follows it, curl fails). zstd: windows up to 8 MiB (RFC 9659), no
// dictionaries. br: the windows of RFC 7932, up to 16 MiB. Bytes behind the end of the stream make
// it broken.
//
// A decoder holds little more than its window. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "http/entry.h"

namespace sluice::http {

class Decoder {
  public:
    enum class State : std::uint8_t {
        going,
        broken,  // not a stream of this coding
        failed,  // no memory: nothing is known of the stream
    };

    Decoder() = default;
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;
    virtual ~Decoder() = default;

    // Consumes some of `in` and fills some of `out`; both are advanced past what was used. When
    // neither moves, it needs more of `in`.
    [[nodiscard]] virtual State decode(std::string_view& in, std::span<char>& out) = 0;
    // Whether the stream may end after the bytes consumed so far.
    [[nodiscard]] virtual bool may_end() const = 0;
};

// Null when this build cannot decode the coding (br and zstd on Windows), or without memory.
[[nodiscard]] std::unique_ptr<Decoder> make_decoder(Coding coding);
[[nodiscard]] bool can_decode(Coding coding) noexcept;

// The parts of make_decoder() and can_decode() that differ by system (decoder_*.cpp).
[[nodiscard]] std::unique_ptr<Decoder> make_system_decoder(Coding coding);
[[nodiscard]] bool system_can_decode(Coding coding) noexcept;

}  // namespace sluice::http

// Decoder: takes a content coding off a stream of bytes, as strictly as browsers do it.
//
// LIMITS, those of browsers, so that what passes here can be read there. gzip: one member (Chromium
// leaves away what follows it, curl fails). zstd: windows up to 8 MiB (RFC 9659), no dictionaries.
// br: the windows of RFC 7932, up to 16 MiB. What follows the end of the stream breaks it.
//
// A decoder holds its window and little else. One thread at a time.
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
        broken,  // this is no stream of the coding
        failed,  // no memory: it says nothing of the stream
    };

    Decoder() = default;
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;
    virtual ~Decoder() = default;

    // Takes some of `in` and fills some of `out`; both are moved behind what was used. When neither
    // moves it has nothing more to say without more `in`.
    [[nodiscard]] virtual State decode(std::string_view& in, std::span<char>& out) = 0;
    // Whether the stream may end behind what was taken.
    [[nodiscard]] virtual bool may_end() const = 0;
};

// Null where this program cannot take the coding off (br and zstd on Windows), or for want of
// memory.
[[nodiscard]] std::unique_ptr<Decoder> make_decoder(Coding coding);
[[nodiscard]] bool can_decode(Coding coding) noexcept;

// The parts of make_decoder() and can_decode() that not every system has (decoder_*.cpp).
[[nodiscard]] std::unique_ptr<Decoder> make_system_decoder(Coding coding);
[[nodiscard]] bool system_can_decode(Coding coding) noexcept;

}  // namespace sluice::http

// Token: the 64-bit name of an operation: slot (32 bits), generation (24), kind (8).
//
// It is the only thing about us that the kernel ever holds, so a late completion can be recognised
// by its old generation instead of being followed to freed memory.
#pragma once

#include <cstdint>

#include "core/check.h"

namespace sluice {

using Slot = std::uint32_t;        // index into the connection slab and into backend arrays
using Generation = std::uint32_t;  // 24 bits, bumped each time a slot is freed

inline constexpr Generation kGenerationMask = (1U << 24) - 1;
inline constexpr Slot kNoSlot = ~Slot{0};

enum class OpKind : std::uint8_t {
    none,
    accept,  // slot is the listener's number
    connect,
    recv,
    send,  // send and send_file: at most one of them is in flight on a slot
    read,
    close,
    internal,  // the backend's own operations; never seen outside it
};

struct Token {
    std::uint64_t value = 0;

    constexpr Token() = default;
    constexpr explicit Token(std::uint64_t raw) : value(raw) {}
    constexpr Token(Slot slot, Generation generation, OpKind kind)
        : value((std::uint64_t{slot} << 32) | (std::uint64_t{generation & kGenerationMask} << 8) |
                static_cast<std::uint64_t>(kind)) {}

    [[nodiscard]] constexpr Slot slot() const { return static_cast<Slot>(value >> 32); }
    [[nodiscard]] constexpr Generation generation() const {
        return static_cast<Generation>(value >> 8) & kGenerationMask;
    }
    [[nodiscard]] constexpr OpKind kind() const { return static_cast<OpKind>(value & 0xff); }
    [[nodiscard]] constexpr Token with(OpKind kind) const {
        return Token{slot(), generation(), kind};
    }
    friend constexpr bool operator==(Token, Token) = default;
};

static_assert(sizeof(Token) == 8);

}  // namespace sluice

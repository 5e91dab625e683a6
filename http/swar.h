// SWAR: eight bytes at a time in a plain 64-bit register, for the short strings of a request head,
// where a vector loop would not pay. Pure functions; nothing can fail. All loads stay inside the
// string.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::http::swar {

inline constexpr std::uint64_t kOnes = 0x0101010101010101;
inline constexpr std::uint64_t kHighs = 0x8080808080808080;

[[nodiscard]] inline std::uint64_t load8(const char* bytes) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    return word;
}

[[nodiscard]] inline std::uint32_t load4(const char* bytes) noexcept {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    return word;
}

// Not zero when some byte of `word` is `byte`, or below `bound` (at most 128). The mark does not
// tell which byte: a borrow may mark a neighbour of a true hit.
[[nodiscard]] constexpr std::uint64_t any_equal(std::uint64_t word, unsigned char byte) noexcept {
    const std::uint64_t zero_where = word ^ (kOnes * byte);
    return (zero_where - kOnes) & ~zero_where & kHighs;
}
[[nodiscard]] constexpr std::uint64_t any_below(std::uint64_t word, unsigned char bound) noexcept {
    return (word - kOnes * bound) & ~word & kHighs;
}

// Whether `test` (not zero for a hit, given eight bytes) holds anywhere in `text`. Short strings
// are padded with 'a', so `test` must not hit that.
template <typename Test>
[[nodiscard]] inline bool any(std::string_view text, Test test) noexcept {
    const char* bytes = text.data();
    std::size_t size = text.size();
    if (size < 8) {
        std::uint64_t word = kOnes * 'a';
        if (size >= 4) {
            word = load4(bytes) | (std::uint64_t{load4(bytes + size - 4)} << 32);
        } else {
            for (std::size_t i = 0; i < size; ++i) {
                word = (word << 8) | static_cast<unsigned char>(bytes[i]);
            }
        }
        return test(word) != 0;
    }
    std::uint64_t hits = test(load8(bytes + size - 8));
    for (; size > 8; size -= 8, bytes += 8) {
        hits |= test(load8(bytes));
    }
    return hits != 0;
}

// Whether `text`, of the literal's length, equals the lower-case literal when case is ignored.
// Setting bit 5 folds letters; it would also fold control bytes onto '-' and digits, so the text
// must be free of them (field names are).
template <std::size_t N>
[[nodiscard]] inline bool equals_folded(const char* text, const char (&lower)[N]) noexcept {
    constexpr std::size_t size = N - 1;
    constexpr std::uint64_t kFold = 0x2020202020202020;
    if constexpr (size < 8) {
        static_assert(size >= 4);
        const std::uint32_t head = load4(text) | static_cast<std::uint32_t>(kFold);
        const std::uint32_t tail = load4(text + size - 4) | static_cast<std::uint32_t>(kFold);
        return head == load4(lower) && tail == load4(lower + size - 4);
    } else {
        for (std::size_t i = 0; i + 8 <= size; i += 8) {
            if ((load8(text + i) | kFold) != load8(lower + i)) {
                return false;
            }
        }
        return (load8(text + size - 8) | kFold) == load8(lower + size - 8);
    }
}

}  // namespace sluice::http::swar

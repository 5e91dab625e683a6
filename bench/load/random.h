// Random: xoshiro256++ (Blackman and Vigna, "Scrambled linear pseudorandom number generators",
// 2021), seeded by SplitMix64. The standard library's distributions differ between libraries; a
// seed in a report must mean the same everywhere.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace sluice::load {

class Random {
  public:
    // Streams with different numbers of the same seed are independent.
    explicit Random(std::uint64_t seed, std::uint64_t stream = 0) noexcept {
        std::uint64_t mix = seed + stream * 0xd1342543de82ef95;
        for (std::uint64_t& word : state_) {
            mix += 0x9e3779b97f4a7c15;
            std::uint64_t z = mix;
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
            z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
            word = z ^ (z >> 31);
        }
    }
    std::uint64_t next() noexcept {
        const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
        const std::uint64_t carried = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= carried;
        state_[3] = std::rotl(state_[3], 45);
        return result;
    }
    // In [0, 1), 53 bits.
    double uniform() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
    // In [0, bound), without noticeable bias for bounds far below 2^64.
    std::uint64_t below(std::uint64_t bound) noexcept {
        __extension__ using Wide = unsigned __int128;
        return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
    }
    // Exponential with mean 1.
    double exponential() noexcept { return -std::log1p(-uniform()); }

  private:
    std::array<std::uint64_t, 4> state_{};
};

}  // namespace sluice::load

// SimRandom: the simulator's only source of chance. The sequence depends on the seed alone (the
// standard library's distributions differ between implementations, so none is used).
//
// The generator is SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
// generators", 2014).
#pragma once

#include <cstdint>

#include "core/check.h"

namespace sluice {

class SimRandom {
  public:
    explicit SimRandom(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t next() noexcept {
        state_ += 0x9e3779b97f4a7c15U;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }

    // Uniform in [low, high], both included. The bias of the remainder does not matter here.
    template <typename T>
    T between(T low, T high) noexcept {
        DCHECK(low <= high);
        const std::uint64_t span =
            static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
        const std::uint64_t pick = span == 0 ? next() : next() % span;
        return static_cast<T>(static_cast<std::uint64_t>(low) + pick);
    }

    // True with the given probability. Zero costs no draw, so that switching a fault off does not
    // shift the others.
    bool chance(double probability) noexcept {
        return probability > 0 && static_cast<double>(next() >> 11) * 0x1.0p-53 < probability;
    }

  private:
    std::uint64_t state_;
};

}  // namespace sluice

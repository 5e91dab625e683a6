// Histogram: durations counted in log-linear buckets, for percentiles that can be believed.
//
// LAYOUT. Up to 2,047 ns each value has its own bucket; above, each doubling is cut into 1,024
// equal steps. So a bucket is never wider than 1/1,024 of its values: three significant digits,
// from 1 ns to 1 h. It is the layout of HdrHistogram's format (lowest 1, highest 1 h, 3 digits), so
// that counts are written there index by index. Values outside are counted at the nearest end, and
// out_of_range() tells how many. Minimum and maximum are kept exactly.
//
// OWNERSHIP AND THREADS. One thread at a time. record() is O(1); the 8 KiB of a doubling are
// allocated when the first value falls there and kept to the end. A few doublings hold all
// durations of one kind of thing.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/clock.h"

namespace sluice {

class Histogram {
  public:
    static constexpr Nanos kLowest = 1;
    static constexpr Nanos kHighest = 3600 * kSecond;
    static constexpr int kDigits = 3;
    static constexpr std::size_t kStepBits = 10;  // 2^10 steps for each doubling
    static constexpr std::size_t kSteps = std::size_t{1} << kStepBits;
    // The bucket of the highest value, plus the rest of its doubling.
    static constexpr std::size_t kDoublings =
        std::bit_width(static_cast<std::uint64_t>(kHighest)) - kStepBits;
    static constexpr std::size_t kBuckets = (kDoublings + 1) * kSteps;

    void record(Nanos value, std::uint64_t times = 1) noexcept {
        if (value < 0 || value > kHighest) [[unlikely]] {
            out_of_range_ += times;
            value = value < 0 ? 0 : kHighest;
        }
        count_in(index_of(value)) += times;
        count_ += times;
        min_ = value < min_ ? value : min_;
        max_ = value > max_ ? value : max_;
    }
    void merge(const Histogram& other) noexcept;
    void clear() noexcept;

    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] std::uint64_t out_of_range() const { return out_of_range_; }
    // Of no values at all, these four are 0.
    [[nodiscard]] Nanos min() const { return count_ == 0 ? 0 : min_; }
    [[nodiscard]] Nanos max() const { return count_ == 0 ? 0 : max_; }
    [[nodiscard]] double mean() const noexcept;
    [[nodiscard]] double deviation() const noexcept;  // of the population
    // The smallest value that at least the share `q` (0 to 1) of all values do not exceed; rounded
    // up to the end of its bucket, but never beyond the maximum. 0 of no values.
    [[nodiscard]] Nanos quantile(double q) const noexcept;

    // The buckets, for the formats that store them.
    [[nodiscard]] std::uint64_t count_at(std::size_t index) const {
        const auto& doubling = doublings_[index >> kStepBits];
        return doubling == nullptr ? 0 : (*doubling)[index & (kSteps - 1)];
    }
    [[nodiscard]] std::size_t buckets_used() const;  // one past the last that may hold something
    [[nodiscard]] static constexpr std::size_t index_of(Nanos value) noexcept {
        const auto v = static_cast<std::uint64_t>(value);
        const auto width = static_cast<std::size_t>(std::bit_width(v | (2 * kSteps - 1)));
        const std::size_t shift = width - (kStepBits + 1);
        return (shift << kStepBits) + static_cast<std::size_t>(v >> shift);
    }
    [[nodiscard]] static constexpr Nanos lowest_at(std::size_t index) noexcept {
        if (index < 2 * kSteps) {
            return static_cast<Nanos>(index);
        }
        const std::size_t shift = (index >> kStepBits) - 1;
        return static_cast<Nanos>(((index & (kSteps - 1)) + kSteps) << shift);
    }
    [[nodiscard]] static constexpr Nanos highest_at(std::size_t index) noexcept {
        return lowest_at(index + 1) - 1;
    }

  private:
    using Doubling = std::array<std::uint64_t, kSteps>;

    std::uint64_t& count_in(std::size_t index) {
        auto& doubling = doublings_[index >> kStepBits];
        if (doubling == nullptr) [[unlikely]] {
            doubling = std::make_unique<Doubling>();
        }
        return (*doubling)[index & (kSteps - 1)];
    }

    std::array<std::unique_ptr<Doubling>, kDoublings + 1> doublings_;
    std::uint64_t count_ = 0;
    std::uint64_t out_of_range_ = 0;
    Nanos min_ = kNever;
    Nanos max_ = 0;
};

}  // namespace sluice

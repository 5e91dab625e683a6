#include "core/histogram.h"

#include <algorithm>
#include <cmath>

namespace sluice {

namespace {

// Where a bucket's values are taken to lie, for sums.
double middle_at(std::size_t index) {
    return (static_cast<double>(Histogram::lowest_at(index)) +
            static_cast<double>(Histogram::highest_at(index))) /
           2;
}

}  // namespace

std::size_t Histogram::buckets_used() const {
    return count_ == 0 ? 0 : index_of(max_) + 1;
}

void Histogram::merge(const Histogram& other) noexcept {
    if (other.count_ == 0) {
        return;
    }
    for (std::size_t i = index_of(other.min_); i < other.buckets_used(); ++i) {
        if (const std::uint64_t more = other.count_at(i); more > 0) {
            count_in(i) += more;
        }
    }
    count_ += other.count_;
    out_of_range_ += other.out_of_range_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
}

void Histogram::clear() noexcept {
    for (const auto& doubling : doublings_) {
        if (doubling != nullptr) {
            doubling->fill(0);
        }
    }
    count_ = 0;
    out_of_range_ = 0;
    min_ = kNever;
    max_ = 0;
}

double Histogram::mean() const noexcept {
    if (count_ == 0) {
        return 0;
    }
    double sum = 0;
    for (std::size_t i = index_of(min_); i < buckets_used(); ++i) {
        sum += static_cast<double>(count_at(i)) * middle_at(i);
    }
    // The middle of an end's bucket may lie beyond the exact end.
    return std::clamp(sum / static_cast<double>(count_), static_cast<double>(min_),
                      static_cast<double>(max_));
}

double Histogram::deviation() const noexcept {
    if (count_ == 0 || min_ == max_) {
        return 0;
    }
    const double center = mean();
    double sum = 0;
    for (std::size_t i = index_of(min_); i < buckets_used(); ++i) {
        const double away = middle_at(i) - center;
        sum += static_cast<double>(count_at(i)) * away * away;
    }
    return std::sqrt(sum / static_cast<double>(count_));
}

Nanos Histogram::quantile(double q) const noexcept {
    if (count_ == 0) {
        return 0;
    }
    // Shares like 0.999 are no exact doubles: without the small allowance, 0.999 of 1,000 would
    // round up to all of them.
    const double exact = std::clamp(q, 0.0, 1.0) * static_cast<double>(count_);
    const auto wanted =
        std::max(std::uint64_t{1}, static_cast<std::uint64_t>(std::ceil(exact * (1 - 1e-12))));
    std::uint64_t seen = 0;
    for (std::size_t i = index_of(min_); i < buckets_used(); ++i) {
        seen += count_at(i);
        if (seen >= wanted) {
            return std::clamp(highest_at(i), min_, max_);
        }
    }
    return max_;
}

}  // namespace sluice

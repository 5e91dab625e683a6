// RateSearch: which rate to try next, to find the highest one that keeps an objective. Pure: the
// caller measures and reports the outcome.
//
// Doubles until a rate fails (halves until one holds), then bisects the bracket at its geometric
// mean until its ends are within the precision.
#pragma once

#include <cmath>
#include <optional>

namespace sluice::load {

class RateSearch {
  public:
    static constexpr double kRateMin = 1;  // requests per second; below it the search ends

    RateSearch(double start, double precision) : next_(start), precision_(precision) {}

    // None when the search is over.
    [[nodiscard]] std::optional<double> next() const {
        const bool closed = held_ > 0 && failed_ > 0 && failed_ <= held_ * (1 + precision_);
        return closed || next_ < kRateMin ? std::nullopt : std::optional(next_);
    }
    // The outcome of the rate that next() gave.
    void tell(bool held) {
        (held ? held_ : failed_) = next_;
        next_ = failed_ == 0 ? held_ * 2 : held_ == 0 ? failed_ / 2 : std::sqrt(held_ * failed_);
    }
    [[nodiscard]] double held() const { return held_; }      // highest that held; 0: none
    [[nodiscard]] double failed() const { return failed_; }  // lowest that failed; 0: none

  private:
    double next_;
    double precision_;
    double held_ = 0;
    double failed_ = 0;
};

}  // namespace sluice::load

#include "bench/load/arrivals.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace sluice::load {

namespace {

constexpr std::uint64_t kSkippedOneByOne = 1'000'000;
constexpr double kCountMax = 1e18;

// Arrivals expected in the first `t` seconds of a step: the integral of its rate.
double within(const RateStep& step, double t) {
    const double slope = (step.to - step.from) / in_seconds(step.duration);
    return step.from * t + slope * t * t / 2;
}

// The inverse. Written so that it neither divides by a slope near zero nor loses digits by
// cancellation.
double when(const RateStep& step, double arrivals) {
    const double slope = (step.to - step.from) / in_seconds(step.duration);
    const double root = std::sqrt(std::max(0.0, step.from * step.from + 2 * slope * arrivals));
    return 2 * arrivals / (step.from + root);
}

}  // namespace

Arrivals::Arrivals(ArrivalKind kind, std::vector<RateStep> steps, std::uint64_t seed,
                   unsigned thread, unsigned threads)
    : kind_(kind == ArrivalKind::uniform ? Kind::uniform : Kind::poisson),
      steps_(std::move(steps)),
      random_(seed, thread + 1),
      threads_(threads),
      taken_(thread) {
    const double last = steps_.back().to;
    steps_.push_back({last, last, kNever});
    pop();
}

Arrivals::Arrivals(std::vector<Planned> planned)
    : kind_(Kind::written),
      planned_(std::move(planned)),
      random_(0),
      threads_(1),
      taken_(0),
      next_(planned_.empty() ? kNever : planned_.front().at) {}

// Time is where the integral of the rate reaches the arrival's number (uniform), or a point of a
// Poisson process of unit rate (an inhomogeneous Poisson process by change of time).
void Arrivals::pop() noexcept {
    if (kind_ == Kind::written) {
        next_ = ++taken_ < planned_.size() ? planned_[taken_].at : kNever;
    } else if (kind_ == Kind::uniform) {
        next_ = instant_of(static_cast<double>(taken_));
        taken_ += threads_;
    } else {
        position_ += random_.exponential() * threads_;
        next_ = instant_of(position_);
    }
}

Nanos Arrivals::instant_of(double requests) noexcept {
    while (step_ + 1 < steps_.size()) {
        const double all = within(steps_[step_], in_seconds(steps_[step_].duration));
        if (requests < step_start_ + all) {
            break;
        }
        step_start_ += all;
        step_at_ += steps_[step_].duration;
        ++step_;
    }
    const double t = when(steps_[step_], requests - step_start_) * static_cast<double>(kSecond);
    // At a tiny rate the next one may lie beyond all time.
    constexpr double kEver = 1e18;  // 31 years
    return t < kEver ? step_at_ + static_cast<Nanos>(t) : kNever;
}

std::uint64_t Arrivals::skip(Nanos end) noexcept {
    std::uint64_t skipped = 0;
    while (next_ < end && (kind_ == Kind::written || skipped < kSkippedOneByOne)) {
        pop();
        ++skipped;
    }
    if (next_ < end) {
        const double left = expected_arrivals(steps_, end) - expected_arrivals(steps_, next_);
        skipped += static_cast<std::uint64_t>(std::min(left / threads_, kCountMax));
        next_ = kNever;
    }
    return skipped;
}

double expected_arrivals(const std::vector<RateStep>& steps, Nanos duration) {
    double sum = 0;
    for (const RateStep& step : steps) {
        sum += within(step, in_seconds(std::min(duration, step.duration)));
        duration -= std::min(duration, step.duration);
    }
    return sum + steps.back().to * in_seconds(duration);
}

}  // namespace sluice::load

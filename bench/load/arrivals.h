// Arrivals: the instants at which an open loop sends, fixed before the run by rate, kind and seed
// alone. They are made one after the other, so a plan of any length takes no memory, and nothing
// that happens during the run can move them.
//
// Several threads share one plan: evenly spaced arrivals go to the threads round-robin; a Poisson
// process is the sum of independent ones with a share of the rate each.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/load/random.h"
#include "core/clock.h"

namespace sluice::load {

enum class ArrivalKind : std::uint8_t { uniform, poisson };

// The rate goes linearly from `from` to `to` (requests per second, more than 0) in `duration`.
struct RateStep {
    double from = 0;
    double to = 0;
    Nanos duration = 0;
};

class Arrivals {
  public:
    // The last step's final rate goes on for ever.
    Arrivals(ArrivalKind kind, std::vector<RateStep> steps, std::uint64_t seed, unsigned thread,
             unsigned threads);

    // An explicit plan: this thread's share of it, in order.
    struct Planned {
        Nanos at = 0;
        std::uint32_t request = 0;  // index
    };
    explicit Arrivals(std::vector<Planned> planned);

    // Which request the next one is; only for an explicit plan.
    [[nodiscard]] bool names_requests() const noexcept { return kind_ == Kind::written; }
    [[nodiscard]] std::uint32_t request() const noexcept { return planned_[taken_].request; }
    // The next instant (kNever after the last), in nanoseconds from the start of the run.
    [[nodiscard]] Nanos peek() const noexcept { return next_; }
    void pop() noexcept;
    // Skips all arrivals before `end`, and returns how many they were (where millions are left,
    // about how many).
    [[nodiscard]] std::uint64_t skip(Nanos end) noexcept;

  private:
    [[nodiscard]] Nanos instant_of(double requests) noexcept;

    enum class Kind : std::uint8_t { uniform, poisson, written };
    Kind kind_;
    std::vector<RateStep> steps_;
    std::vector<Planned> planned_;
    Random random_;
    unsigned threads_;
    std::uint64_t taken_;    // uniform: the number of the next arrival in the common plan
    double position_ = 0;    // Poisson: how many arrivals the whole plan would expect by now
    std::size_t step_ = 0;   // the step that holds the next arrival
    double step_start_ = 0;  // expected arrivals before that step
    Nanos step_at_ = 0;      // and its instant
    Nanos next_ = 0;
};

// How many arrivals a plan expects within `duration`.
[[nodiscard]] double expected_arrivals(const std::vector<RateStep>& steps, Nanos duration);

}  // namespace sluice::load

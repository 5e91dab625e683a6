// Channel: what the threads of a run and the thread that started them tell each other.
//
// Threads deliver a Tally for each interval of the run (a second); the starter adds them up and
// gives the memory back for the next. That is once a second for each thread, so a mutex is enough.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bench/load/plan.h"
#include "bench/load/system.h"
#include "bench/load/tally.h"

namespace sluice::load {

// The intervals of a run: they end after each second, at the end of the warm-up, and at the end of
// the run. The last one also holds what was answered after the end.
class Intervals {
  public:
    Intervals(Nanos start, Nanos warmup, Nanos duration)
        : start_(start), measured_(start + warmup), end_(start + warmup + duration) {}
    [[nodiscard]] Nanos start() const { return start_; }
    [[nodiscard]] Nanos measured() const { return measured_; }  // end of the warm-up
    [[nodiscard]] Nanos end() const { return end_; }
    // When the interval that begins at `from` ends.
    [[nodiscard]] Nanos next(Nanos from) const {
        const Nanos later = from + kSecond;
        if (from < measured_) {
            return later < measured_ ? later : measured_;
        }
        // No short interval at the end: a run of 2.1 s has two.
        return later + kSecond / 2 < end_ ? later : end_;
    }

  private:
    Nanos start_;
    Nanos measured_;
    Nanos end_;
};

// What one thread counted in an interval.
struct Delivery {
    std::uint32_t interval = 0;
    bool last = false;  // the thread delivers nothing more
    std::unique_ptr<Tally> tally;
};

struct ThreadReport {
    Nanos cpu = 0;  // of the measured time
    Nanos waited = 0;
    Nanos wall = 0;
    Nanos ended_at = 0;         // the end of the measured time, planned or not
    std::uint64_t planned = 0;  // open loop: requests that the plan has in the measured time
    std::string backend;
    Expected last_answer;  // when bodies are verified
    WireStamps wire;       // of sampled connections, when there is a tap
    std::string failure;   // why the thread gave up; empty: it did not
};

class Channel {
  public:
    // From the starter: the instant at which all begin; 0: not yet.
    std::atomic<Nanos> start_at{0};
    // From the threads: how many have their connections open, or gave up.
    std::atomic<unsigned> ready{0};

    void deliver(Delivery delivery) {
        const std::lock_guard lock(mutex_);
        deliveries_.push_back(std::move(delivery));
        changed_.notify_one();
    }
    [[nodiscard]] std::unique_ptr<Tally> blank() {
        const std::lock_guard lock(mutex_);
        if (blanks_.empty()) {
            return std::make_unique<Tally>();
        }
        std::unique_ptr<Tally> tally = std::move(blanks_.back());
        blanks_.pop_back();
        return tally;
    }
    void give_back(std::unique_ptr<Tally> tally) {
        tally->clear();
        const std::lock_guard lock(mutex_);
        blanks_.push_back(std::move(tally));
    }
    // All that was delivered since the last call; waits for it at most `timeout`.
    [[nodiscard]] std::vector<Delivery> collect(Nanos timeout) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::chrono::nanoseconds(timeout),
                          [this] { return !deliveries_.empty(); });
        return std::exchange(deliveries_, {});
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Delivery> deliveries_;
    std::vector<std::unique_ptr<Tally>> blanks_;
};

}  // namespace sluice::load

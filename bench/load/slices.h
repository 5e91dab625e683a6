// SlicedLoad: a closed loop that can be interrupted. Its connections are opened once; then it asks
// for a slice of time, comes to rest, and waits for its next slice, with the connections open. So
// several servers that are all alive can be loaded in turns of some milliseconds.
//
// Lives on one thread, which makes, runs and destroys it; several of them may share that thread.
// The plan must outlive it; open loops, several threads and taps are not for it.
#pragma once

#include <memory>

#include "bench/load/exchange.h"
#include "bench/load/run.h"
#include "bench/load/worker.h"

namespace sluice::load {

class SlicedLoad {
  public:
    explicit SlicedLoad(const Plan& plan) : plan_(plan), worker_(plan, exchange_, 0) {}

    // Opens all connections. Fails when that was not to be had.
    [[nodiscard]] Result<void> open();

    struct Slice {
        Nanos wall = 0;             // from the first request to the last answer
        std::uint64_t answers = 0;  // to all that was asked in it
    };
    [[nodiscard]] Slice run(Nanos duration);
    // What was measured until now was the warm-up: only its handshakes stay, and what was wrong.
    void end_warmup();
    // Closes the connections. All that was measured; its window is the time of all slices.
    [[nodiscard]] Outcome close();

  private:
    const Plan& plan_;
    Exchange exchange_;
    Worker worker_;
    Outcome outcome_;
    ThreadReport thread_;  // sums over the slices
};

}  // namespace sluice::load

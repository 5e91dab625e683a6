// SlicedLoad: a closed loop that runs in slices of time. Its connections are opened once. A slice
// sends requests for a time and waits until all are answered; between slices the connections stay
// open. So several live servers can be loaded in turns of some milliseconds.
//
// One thread makes, runs and destroys it; several of them may share that thread. The plan must
// outlive it. Open loops, several threads and taps are not supported.
#pragma once

#include <memory>

#include "bench/load/channel.h"
#include "bench/load/run.h"
#include "bench/load/worker.h"

namespace sluice::load {

class SlicedLoad {
  public:
    explicit SlicedLoad(const Plan& plan) : plan_(plan), worker_(plan, channel_, 0) {}

    // Opens all connections; fails when it cannot.
    [[nodiscard]] Result<void> open();

    struct Slice {
        Nanos wall = 0;             // from the first request to the last answer
        std::uint64_t answers = 0;  // to all requests of the slice
    };
    [[nodiscard]] Slice run(Nanos duration);
    // Ends the warm-up: of what was measured until now, only handshakes, failures and statuses
    // stay.
    void end_warmup();
    // Closes the connections and returns all that was measured; its window is the time of all
    // slices.
    [[nodiscard]] Outcome close();

  private:
    const Plan& plan_;
    Channel channel_;
    Worker worker_;
    Outcome outcome_;
    ThreadReport thread_;  // sums over the slices
};

}  // namespace sluice::load

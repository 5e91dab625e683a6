#include "bench/load/slices.h"

namespace sluice::load {

Result<void> SlicedLoad::open() {
    if (!worker_.open()) {
        return fail(Status::io_error, worker_.report().failure);
    }
    return {};
}

SlicedLoad::Slice SlicedLoad::run(Nanos duration) {
    const std::uint64_t before = worker_.tally().answers();
    const Nanos began = monotonic_now();
    worker_.slice(duration);
    const Slice slice{monotonic_now() - began, worker_.tally().answers() - before};
    const ThreadReport& thread = worker_.report();
    thread_.cpu += thread.cpu;
    thread_.waited += thread.waited;
    thread_.wall += thread.wall;
    outcome_.window += slice.wall;
    return slice;
}

void SlicedLoad::end_warmup() {
    const std::unique_ptr<Tally> warmup = worker_.take_tally();
    outcome_.total.connect.merge(warmup->connect);
    outcome_.total.connect_retransmitted.merge(warmup->connect_retransmitted);
    outcome_.total.failures = warmup->failures;
    outcome_.total.status = warmup->status;
    outcome_.window = thread_.cpu = thread_.waited = thread_.wall = 0;
}

Outcome SlicedLoad::close() {
    // The tally is taken here, so what the worker still delivers is empty.
    outcome_.total.merge(*worker_.take_tally());
    worker_.close();
    thread_.backend = worker_.report().backend;
    outcome_.gave_up = thread_.failure = worker_.report().failure;
    outcome_.stopped = plan_.stop != nullptr && plan_.stop->load();
    outcome_.threads = {std::move(thread_)};
    return std::move(outcome_);
}

}  // namespace sluice::load

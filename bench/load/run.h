// run(): carries out a plan and returns what was measured. `sluice bench` and `sluice compare` are
// front ends of this one function.
//
// Starts plan.threads threads, joins them before it returns, and calls `on_second` on the calling
// thread for each interval of the run while it goes on.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/load/channel.h"
#include "bench/load/plan.h"
#include "bench/load/system.h"
#include "bench/load/tally.h"

namespace sluice::load {

// One line of the time series. Instants count from the start of the run.
struct Second {
    Nanos from = 0;
    Nanos to = 0;
    bool warmup = false;
    std::uint64_t answers = 0;
    std::uint64_t failed = 0;
    std::uint64_t not_2xx_3xx = 0;
    std::uint64_t received_bytes = 0;
    // None of too few values (known_quantile()).
    std::optional<Nanos> response_p50;
    std::optional<Nanos> response_p99;
    Nanos response_max = 0;
    std::optional<Nanos> service_p50;
    std::optional<Nanos> service_p99;
};

// What look() sent before the run. It is in no count of the run.
struct Look {
    std::uint64_t requests = 0;  // sent
};

struct Outcome {
    Tally total;   // set-up and measured time, without the warm-up
    Tally warmup;  // what was cut off
    std::vector<Second> series;
    std::vector<ThreadReport> threads;
    Nanos window = 0;                  // measured time: end of warm-up to the end
    bool only_warmup = false;          // it ended in the warm-up: then `total` is that
    std::int64_t started_wall_ms = 0;  // milliseconds since 1970 at the start
    std::uint64_t offered = 0;         // open loop: requests that the plan has in the window
    bool stopped = false;              // ended early, by plan.stop
    std::string gave_up;               // why the run ended by itself, if it did

    ServerProcesses server;
    std::optional<Nanos> server_cpu;  // of the server in `server_cpu_over`
    Nanos server_cpu_over = 0;
    double server_cpu_answers = 0;
    std::optional<double> stolen_share;  // of all CPUs' time over the run
    std::optional<NetCounters> network;  // differences over the run
    std::optional<Ports> ports;          // before the run
    Look look;                           // what look() returned to the caller
    std::optional<WireCheck> wire;       // when there was a tap
};

using OnSecond = std::function<void(const Second&, const Tally&)>;

// Fails when the run could not begin (no backend, not enough descriptors).
[[nodiscard]] Result<Outcome> run(const Plan& plan, const OnSecond& on_second = {});

// Sends a request before anything is measured, so that errors are reported first: nobody listens,
// no HTTP, TLS. Of several addresses the first that answers is kept, or with `all` each that does;
// `say` hears why another is not. When the plan says verify, every kind of request is sent, and its
// answer becomes its `expected`. All this takes no longer than the run would; a server that is
// slower than that is left to the run.
using Say = std::function<void(const std::string&)>;
[[nodiscard]] Result<Look> look(Plan& plan, bool all, const Say& say);

}  // namespace sluice::load

// Generator: what loads a server in a block: our own (bench/load, in this process), or wrk as a
// second opinion that shares no code with it.
//
// Returns figures only when every answer was right: a failed request, another status or too few
// bytes is an error that says what came. What makes only the latencies doubtful (a generator that
// was kept from running) is a flaw of the measurement, not of the server.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/compare/process.h"
#include "bench/load/run.h"
#include "core/backend.h"
#include "core/histogram.h"

namespace sluice::compare {

struct Load {
    std::uint16_t port = 0;
    std::vector<std::string> paths;
    std::vector<std::string> fields = {};
    unsigned connections = 64;
    unsigned pipeline = 1;
    bool churn = false;
    std::uint16_t status = 200;
    std::optional<std::uint64_t> body_bytes = std::nullopt;  // of each answer, when known
    Nanos duration = kSecond;
};

// Up to here the handshakes cost almost nothing compared with the requests.
inline constexpr unsigned kFewConnections = 1000;

struct Measured {
    double cpu_ns = 0;  // of the server, for each request
    double rate = 0;    // answers per second
    std::uint64_t answers = 0;
    Nanos p50 = 0;  // response time
    Nanos p99 = 0;
    Nanos p999 = 0;
    std::optional<Histogram> response = std::nullopt;  // only from our own
    std::optional<Histogram> connect = std::nullopt;
    std::string flaw = {};  // why rate and latencies are not valid; empty: they are
};

class Generator {
  public:
    virtual ~Generator() = default;
    [[nodiscard]] virtual Result<Measured> run(const Load& load, const Process& server) = 0;
    // Why it cannot do this work; empty: it can.
    [[nodiscard]] virtual std::string unable(const Load& load) const = 0;
};

// The two halves of our own generator, for slices: the plan of a load, and the figures of its
// outcome. `cpu`: CPU time of the server.
[[nodiscard]] Result<load::Plan> plan_of(const Load& load);
[[nodiscard]] Result<Measured> measured_of(const Load& load, const load::Plan& plan,
                                           load::Outcome& outcome, Nanos cpu);

[[nodiscard]] std::unique_ptr<Generator> own_generator(const BackendFactory& backends,
                                                       const std::atomic<bool>* stop);
// `program` is wrk's path; it runs on `cpu`, and writes into `folder`.
[[nodiscard]] std::unique_ptr<Generator> wrk_generator(std::string program, int cpu,
                                                       std::string folder,
                                                       const std::atomic<bool>* stop);

}  // namespace sluice::compare

// Plan: everything that determines a run, as plain data, fixed before the run starts. Two runs of
// one plan send the same requests in the same order at the same planned instants.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/load/arrivals.h"
#include "bench/load/wire_check.h"
#include "core/backend.h"

namespace sluice::load {

// What an answer must be, when bodies are verified: its status, and the length and XXH3 of its
// body.
struct Expected {
    std::uint16_t status = 0;
    std::uint64_t bytes = 0;
    std::uint64_t hash = 0;
    friend bool operator==(const Expected&, const Expected&) = default;
};

// One kind of request: its bytes, made once.
struct Request {
    std::string bytes;
    std::string last_bytes;  // for the last request of a connection
    bool is_head = false;
    double weight = 1;
    std::string url;
    std::string target;  // of the request line
    Expected expected;   // used when the plan says verify
};

struct Plan {
    std::vector<Endpoint> servers;  // connections go to them round-robin
    std::vector<Request> requests;
    unsigned threads = 1;
    unsigned connections = 64;  // of all threads together
    unsigned pipeline = 1;      // requests in flight at once on a connection
    std::uint64_t churn = 0;    // requests for each connection; 0: as many as the server allows

    Nanos warmup = 0;  // before the measured time
    Nanos duration = 10 * kSecond;
    std::uint64_t requests_max = 0;  // closed loop: end after that many; 0: by time

    // Open loop when not empty; instants count from the start of the warm-up.
    std::vector<RateStep> rate;
    ArrivalKind arrivals = ArrivalKind::uniform;
    std::uint64_t seed = 1;
    // Open loop with explicit instants and requests (a replayed log), in order of time; instead of
    // `rate`.
    std::vector<Arrivals::Planned> replay;

    Nanos timeout = 10 * kSecond;         // for an answer
    Nanos connect_timeout = 5 * kSecond;  // for a handshake
    bool pin = true;
    bool verify = false;  // compare each answer with its request's `expected`

    WireTap* tap = nullptr;         // sees the packets of sampled connections, when given
    std::uint16_t sample_mask = 0;  // says which these are

    const BackendFactory* backends = nullptr;
    const std::atomic<bool>* stop = nullptr;  // ends the run early; what was measured counts

    [[nodiscard]] bool open_loop() const { return !rate.empty() || !replay.empty(); }
};

}  // namespace sluice::load

// `sluice bench`: from options to a plan, the run, the reports and the exit code.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench/load/arrivals.h"
#include "core/clock.h"

namespace sluice {

inline constexpr std::string_view kBench = "sluice bench";  // prefix of its messages
inline constexpr Nanos kDuration = 10 * kSecond;

struct BenchOptions {
    std::vector<std::string> urls;
    std::vector<double> weights;
    std::string method = "GET";
    std::vector<std::string> headers;
    unsigned connections = 64;
    unsigned threads = 1;
    unsigned pipeline = 1;
    std::uint64_t churn = 0;
    Nanos duration = -1;  // less than 0: kDuration, or the length of the replayed log
    std::uint64_t requests = 0;
    double rate = 0;
    double ramp_to = 0;
    bool find_rate = false;
    std::string objective = "p99=10ms";  // --slo
    load::ArrivalKind arrivals = load::ArrivalKind::uniform;
    std::string replay_path;
    std::uint64_t seed = 1;
    Nanos warmup = -1;  // less than 0: a tenth of the duration, at most a second
    Nanos timeout = 10 * kSecond;
    Nanos connect_timeout = 5 * kSecond;
    bool all_addresses = false;
    std::string backend = "auto";
    bool pin = true;
    bool verify = false;
    std::string verify_root;  // the directory with the expected bodies; implies verify
    bool verify_wire = false;
    bool quiet = false;
    std::string json_path;  // "-": standard output
    std::string csv_path;
    std::string hdr_prefix;  // PREFIX.hlog, PREFIX.response.hgrm, PREFIX.service.hgrm
    std::string html_path;
    std::string command;  // as typed, for the reports
};

// The exit code of a run that was made but is not valid. Others: app/exit.h.
inline constexpr int kExitInvalid = 3;

[[nodiscard]] int bench(const BenchOptions& options);

}  // namespace sluice

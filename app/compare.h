// `sluice compare`: from options to a comparison, its reports and the exit code.
#pragma once

#include <string>
#include <vector>

#include "core/clock.h"

namespace sluice {

struct CompareOptions {
    std::vector<std::string> scenarios;  // empty: the usual ones
    std::vector<std::string> servers;    // empty: all that are there
    std::string baseline;                // empty: the null server ("floor"), else the first one
    unsigned rounds = 8;                 // restarts
    Nanos duration = kSecond;            // measured time of each server in each round
    double noise = -1;                   // less than 0: kNoise, or kNoiseAgainst with --against
    unsigned self_trials = 0;            // --aa
    Nanos spin = 0;                      // --aa-spin
    std::string generator = "sluice";
    std::string priority = "auto";
    bool instructions = false;
    bool quiet = false;
    bool markdown = false;
    std::string json_path;  // "-": standard output
    std::string html_path;
    std::string against_path;
    std::string command;  // as typed, for the reports
};

// Relative differences up to this are not claimed unless --noise says otherwise. Within a run the
// interval covers the noise; two runs hours apart differ by more than the interval shows.
inline constexpr double kNoise = 0;
inline constexpr double kNoiseAgainst = 0.05;

// Exit codes beside those of app/exit.h and kExitInvalid (app/bench.h).
inline constexpr int kExitRegression = 4;  // --against: something is slower than before

[[nodiscard]] int compare_servers(const CompareOptions& options);

}  // namespace sluice

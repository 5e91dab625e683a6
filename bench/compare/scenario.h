// Scenario: one kind of work, as plain data: the requests, the root, the right answer, and the null
// server that marks the limit. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sluice::compare {

// What a block measures. Lower is always better.
enum class Kind : std::uint8_t {
    load,         // CPU time of the server per request, in nanoseconds
    idle_memory,  // growth of the resident set per idle connection, in bytes
    start,        // from the start of the process to the end of its first 200, in nanoseconds
};

inline constexpr std::size_t kPageBytes = 509;
inline constexpr std::size_t kLogoBytes = 51'138;  // the picture of site/
inline constexpr std::size_t kLargeBytes = 10'000'000;
inline constexpr unsigned kIdleConnections = 10'000;

// A null server of bench/floor and its arguments.
struct FloorUse {
    std::string program;
    std::vector<std::string> arguments;
    std::string file = {};  // floor_sendfile: the path below the root that it sends
    bool reference = true;  // may be the baseline; else for information
};

// The parameters of a scenario: of the load and of the server.
struct Parameters {
    unsigned connections = 64;
    bool log = false;
    std::string root = "small";               // Workspace::root()
    std::vector<std::string> arguments = {};  // for `sluice serve`
};

// What Sluice's own design asks for: a ratio, or for memory and start the figure itself.
struct Target {
    double io_uring = 0;  // 0: none
    double epoll = 0;
};

struct Scenario {
    std::string name;
    std::string title;
    Kind kind = Kind::load;
    std::string path = "/";
    std::vector<std::string> fields = {};
    std::uint16_t status = 200;
    std::optional<std::uint64_t> body_bytes = kPageBytes;  // none: not checked
    unsigned pipeline = 1;
    bool churn = false;
    bool revalidate = false;  // asks with the validator of an earlier answer
    unsigned many = 0;        // that many different files; 0: `path`
    Parameters parameters = {};
    // If set, each server is compared with itself under these parameters.
    std::optional<Parameters> base = std::nullopt;
    std::string base_title = {};
    std::vector<FloorUse> floors = {};
    Target target = {};
    bool ours_only = false;
    bool when_named = false;  // not part of a run that names no scenario

    // One answer takes the server a good part of a millisecond.
    [[nodiscard]] bool large() const { return body_bytes.value_or(0) > 1'000'000; }
};

[[nodiscard]] std::vector<Scenario> all_scenarios();
// By name; "border" means all that are named "border-...". No names: the usual ones.
[[nodiscard]] Result<std::vector<Scenario>> choose_scenarios(const std::vector<std::string>& names);

}  // namespace sluice::compare

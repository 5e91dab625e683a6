// ServeConfig: the configuration of a service, as plain data with defaults.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "content/mime.h"
#include "core/limits.h"
#include "log/access_log.h"

namespace sluice {

// 256 MiB, or a quarter of the memory that the process may use when that is less.
[[nodiscard]] std::uint64_t default_memory_budget();

struct ServeConfig {
    std::string root = ".";
    bool follow_links = false;  // symbolic links that lead out of the root
    std::vector<std::string> listen = {"127.0.0.1:8080"};
    std::string backend = "auto";
    unsigned workers = 0;  // 0: one for each CPU that the process may use
    bool pin = true;
    std::uint64_t memory_budget_bytes = default_memory_budget();
    // Bodies up to this size are sent from memory behind their head, larger ones by sendfile. The
    // default is the largest size at which memory is cheaper on both backends
    // (docs/performance.md).
    std::uint32_t memory_send_max_bytes = 16 * 1024;
    std::string access_log;  // empty: none; "-": standard output
    http::LogFormat log_format = http::LogFormat::combined;
    std::vector<http::MimeRule> mime;
    bool server_timing = false;  // report how long each connection waited to be accepted
    Limits limits;
};

inline constexpr unsigned kWorkersMax = 1024;

}  // namespace sluice

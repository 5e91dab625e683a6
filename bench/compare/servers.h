// Which servers can be compared, and how each is configured for the same work: one worker,
// unlimited keep-alive, sendfile and a cache of open files where it has them, the same access log
// or none. Makes command lines and configuration files; starts nothing.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/compare/process.h"
#include "bench/compare/scenario.h"

namespace sluice::compare {

// What a server is started with.
struct LaunchOptions {
    std::uint16_t port = 0;
    std::string root;
    std::string work;  // a folder for its configuration and whatever else it writes
    std::string log;   // a file for the access log; empty: none
    std::vector<std::string> arguments = {};  // Parameters::arguments, for ours
};

struct ServerKind {
    std::string name;        // "sluice epoll", "nginx", "floor_epoll"
    std::string program;     // a path
    bool ours = false;       // `sluice serve`
    bool floor = false;      // answers a constant
    bool reference = false;  // a floor that may be the baseline
    // Writes the configuration and returns the command.
    std::function<Result<Command>(const LaunchOptions&)> launch = {};
};

// `sluice serve` on each backend, and the peers, installed or not.
[[nodiscard]] std::vector<ServerKind> known_servers();
// A null server, found in `folder`; its program is empty when it is not there.
[[nodiscard]] ServerKind floor_server(const FloorUse& use, const std::string& folder);
// "sluice" and "epoll" both match "sluice epoll"; "floor" matches every floor.
[[nodiscard]] bool name_matches(const std::string& server, const std::string& wanted);

// "floor", or the name of a null server.
[[nodiscard]] bool is_floor(const std::string& name);
// The full names of the servers that `wanted` matches. Without any it fails and lists all names.
[[nodiscard]] Result<std::vector<std::string>> servers_named(const std::string& wanted);
// The same; fails when more than one matches.
[[nodiscard]] Result<std::string> one_server(const std::string& wanted);

// The version that the program prints: "1.22.1".
[[nodiscard]] std::string version_of(const ServerKind& server, const std::string& folder);

}  // namespace sluice::compare

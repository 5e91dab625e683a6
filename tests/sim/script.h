// Scripts: what a simulated client sends, and what it must get for it. The expectation is made
// together with the request, from the site's bytes and the rules of HTTP, and never from the
// server's own code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backends/sim/random.h"
#include "tests/sim/world.h"

namespace sluice::sim {

struct Expected {
    int status = 200;
    std::optional<std::string> body;      // byte by byte; none: a page of the server's own
    std::optional<std::uint64_t> length;  // Content-Length
    std::string content_range;
    std::vector<std::pair<std::size_t, std::size_t>> parts;  // of multipart/byteranges
    const SiteFile* file = nullptr;
    bool no_body = false;     // whatever Content-Length says
    bool interim = false;     // a 100 may come first
    bool ends = false;        // the server closes after it
    bool may_be_503 = false;  // a cold file that could not be loaded in time
    bool from_file = false;   // its body may be cut when files change
};

struct Step {
    std::string bytes;
    Expected expected;
};

// A request that is answered, and after which the connection goes on.
[[nodiscard]] Step ordinary_request(SimRandom& random, const World& world);
// One that ends the connection: because it says so, or because it is malformed.
[[nodiscard]] Step last_request(SimRandom& random, const World& world);

// What is wrong with a complete response; empty when nothing is.
struct Response {
    int status = 0;
    std::string head;
    std::string body;
};
[[nodiscard]] std::string complaint(const Expected& expected, const Response& response);
// The same for a response of which only a beginning arrived.
[[nodiscard]] std::string complaint_of_cut(const Expected& expected, const Response& response);

[[nodiscard]] std::string field(const std::string& head, std::string_view name);

}  // namespace sluice::sim

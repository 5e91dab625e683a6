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
    // What was asked for of a file that changes (judge.cpp).
    std::vector<std::pair<std::size_t, std::size_t>> ranges;
    bool if_first = false;  // only if it is what it was at the start

    [[nodiscard]] bool no_body_in(int answered) const {
        return answered == 304 || (no_body && status != 304);
    }
};

struct Step {
    std::string bytes;
    Expected expected;
    std::string target;
    std::string id;  // in its target, and so in its line of the log; empty: it has none
};

// A request that is answered, and after which the connection goes on.
[[nodiscard]] Step ordinary_request(SimRandom& random, World& world);
// One that ends the connection: because it says so, or because it is malformed.
[[nodiscard]] Step last_request(SimRandom& random, World& world);

struct Response {
    int status = 0;
    std::string head;
    std::string body;
    bool whole = true;  // else only a beginning arrived
};
// What is wrong with a response to a request of that time; empty when nothing is.
[[nodiscard]] std::string complaint(const Expected& expected, const Response& response, Span span);

// The same for a file that changes (judge.cpp).
[[nodiscard]] std::string complaint_of_changing(const Expected& expected, const Response& response,
                                                Span span);
// Whether the rest of the response may have been lost because the bytes of its file changed.
[[nodiscard]] bool may_be_cut(const Expected& expected, const Response& response, Span span);

[[nodiscard]] std::string multipart_body(const Expected& expected, std::string_view bytes,
                                         const std::string& head);

[[nodiscard]] std::string field(const std::string& head, std::string_view name);

}  // namespace sluice::sim

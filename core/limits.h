// Limits: every bound that a user can set, with its default. One place, so that the documentation,
// the command line and the code cannot disagree. Times are nanoseconds, sizes are bytes.
#pragma once

#include <cstdint>

#include "core/clock.h"

namespace sluice {

struct Limits {
    // HTTP messages.
    std::uint32_t request_line_bytes = 8 * 1024;  // longer: 414
    std::uint32_t head_bytes = 16 * 1024;         // request line and fields together; longer: 431
    std::uint32_t fields = 100;                   // more: 431
    std::uint64_t body_bytes = 1024 * 1024;       // a request body is read and dropped; longer: 413

    // Connections.
    // At this many the longest idle ones give way to new ones; when all are busy, new ones wait.
    std::uint32_t connections_per_worker = 16 * 1024;
    // From one address, over all workers; 0: as many as they like. Behind a proxy everybody has the
    // same address, so only the user can choose a bound.
    std::uint32_t connections_per_client = 0;
    Nanos head_timeout =
        10 * kSecond;  // from the first byte (or accept) to the end of the head: 408
    Nanos body_timeout = 30 * kSecond;  // the whole request body
    Nanos idle_timeout = 60 * kSecond;  // between requests
    // A response is given up when the peer acknowledges none of its bytes for so long (at the
    // latest a quarter later). So even the slowest peer is served if it takes at least one byte in
    // this time. But a system whose receive buffer is full acknowledges nothing until there is room
    // for a segment again, or for up to a sixteenth of a large buffer.
    Nanos write_timeout = 30 * kSecond;
    Nanos linger_timeout = 2 * kSecond;  // reading on after the last response, before close
    std::uint64_t linger_bytes = 256 * 1024;
    Nanos drain_timeout = 10 * kSecond;  // from SIGTERM to the end of the last response
};

}  // namespace sluice

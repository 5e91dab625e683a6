// What is known about a connection without one captured frame: the kernel's view of both ends
// (TCP_INFO, /proc/net/tcp), a SYN that a listener kept (TCP_SAVED_SYN), and the bytes that the
// client's program sent and received. Its report says so, and has only what was seen there: no
// frames, no sequence numbers.
//
// Source: tcp(7), proc(5), linux/tcp.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "wire/report.h"

namespace sluice::wire {

// Both ends at one moment.
struct KernelStep {
    enum class When : std::uint8_t { connected, page, logo, server_closed, client_closed };

    When when = When::connected;
    std::string client_state;  // "ESTABLISHED"; empty when the kernel has no such socket any more
    std::string server_state;
    // Of the client's socket; all 0 once it is closed.
    std::uint32_t segments_out = 0;
    std::uint32_t segments_in = 0;
    std::uint64_t bytes_acked = 0;
    std::uint64_t bytes_received = 0;
    std::uint32_t round_trip_us = 0;
    std::uint32_t retransmitted = 0;
};

// Bytes that a program wrote to its socket, or read from it.
struct ProgramBytes {
    bool sent = false;
    Nanos time = 0;
    std::string bytes;
};

struct ReconstructedScenario {
    std::string id;
    std::vector<ProgramBytes> transcript;
};

struct Reconstruction {
    std::string why;        // the reason that there is no capture
    std::string saved_syn;  // from the IP header on; of a separate connection
    std::vector<KernelStep> steps;
    std::vector<ReconstructedScenario> scenarios;  // the page's is first
};

[[nodiscard]] std::string write_reconstruction(Document& document, const Reconstruction& facts,
                                               const ReportOptions& options);

}  // namespace sluice::wire

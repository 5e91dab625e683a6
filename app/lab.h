// The lab behind `sluice wire --lab`: our server and a small client in a private network namespace
// whose loopback is captured, so that nobody's rights are needed and nobody else's packets are
// seen. Each card provokes one thing: a status, a way to close.
//
// After enter_private_network() the whole process lives in the namespace; it must still have one
// thread. The server is a child process, stopped by its id.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/result.h"
#include "wire/capture.h"

namespace sluice {

struct LabCard {
    std::string id;                 // "page", "206", "reset" ...
    std::uint16_t client_port = 0;  // by which its connection is found in the capture
};

struct LabOptions {
    std::string root = ".";
    bool browser = false;  // let Chromium fetch the page as well
};

// A user and network namespace of our own, its loopback up. An error says what forbids it.
[[nodiscard]] Result<void> enter_private_network();

// Runs all cards; every captured frame goes to `feed` as it comes.
[[nodiscard]] Result<std::vector<LabCard>> run_lab(
    const LabOptions& options, wire::Capture& capture,
    const std::function<void(const wire::Frame&)>& feed);

}  // namespace sluice

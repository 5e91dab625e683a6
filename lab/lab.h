// The lab behind `sluice wire --lab`: our server and a small client, in a private network namespace
// whose loopback is captured where the system allows it, so that nobody's rights are needed and
// nobody else's packets are seen. Each card provokes one thing: a status, a way to close.
//
// The servers are child processes, stopped by their ids when the Lab goes. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "lab/reconstruction.h"
#include "wire/capture.h"

namespace sluice {

struct LabCard {
    std::string id;                 // "page", "206", "reset" ...
    std::uint16_t client_port = 0;  // by which its connection is found in the capture
    std::vector<wire::ProgramBytes> talk;
    std::vector<wire::KernelStep> steps;  // of the page, when nothing is captured
};

struct LabOptions {
    std::string root = ".";
    bool browser = false;          // let Chromium fetch the page as well
    bool private_network = false;  // every port is free
};

class Lab {
  public:
    // Starts the servers.
    [[nodiscard]] static Result<Lab> start(const LabOptions& options);
    Lab(Lab&&) noexcept;
    ~Lab();

    // For a capture of what the lab does, pcap-filter(7).
    [[nodiscard]] std::string filter() const;
    // Runs all cards; every captured frame goes to `feed` as it comes. Without a capture the kernel
    // is asked instead.
    [[nodiscard]] Result<void> run(wire::Capture* capture,
                                   const std::function<void(const wire::Frame&)>& feed);
    [[nodiscard]] const std::vector<LabCard>& cards() const;
    // What started the server.
    [[nodiscard]] const std::string& server_command() const;

  private:
    class Client;
    explicit Lab(std::unique_ptr<Client> client);

    std::unique_ptr<Client> client_;
};

// Whether this system has what the lab needs; an error says that it has not.
[[nodiscard]] Result<void> lab_possible();

// A user and network namespace of our own, its loopback up. It is tried in a child first, because a
// process that got only half of it could not go back. An error says what forbids it. The process
// must have one thread.
[[nodiscard]] Result<void> enter_private_network();

}  // namespace sluice

// The lab of `sluice wire --lab`: our server and a small client, in a private network namespace
// where the system allows it. Its loopback is captured, so that no special rights are needed and no
// other packets are seen. Each scenario provokes one thing: a status, a way to close.
//
// The servers are child processes; ~Lab stops them by their ids. One thread.
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

struct LabScenario {
    std::string id;                 // "page", "206", "reset" ...
    std::uint16_t client_port = 0;  // identifies its connection in the capture
    std::vector<wire::ProgramBytes> transcript;
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

    // The pcap-filter(7) for a capture of the lab.
    [[nodiscard]] std::string filter() const;
    // Runs all scenarios; every captured frame goes to `feed` as it comes. Without a capture it
    // asks the kernel instead.
    [[nodiscard]] Result<void> run(wire::Capture* capture,
                                   const std::function<void(const wire::Frame&)>& feed);
    [[nodiscard]] const std::vector<LabScenario>& scenarios() const;
    // The command that started the server.
    [[nodiscard]] const std::string& server_command() const;

  private:
    class Client;
    explicit Lab(std::unique_ptr<Client> client);

    std::unique_ptr<Client> client_;
};

// An error when this system lacks what the lab needs.
[[nodiscard]] Result<void> lab_possible();

// Enters a new user and network namespace and sets its loopback up. A child process tries it first,
// because a process could not undo a half of it. An error says what forbids it. The process must
// have one thread.
[[nodiscard]] Result<void> enter_private_network();

}  // namespace sluice

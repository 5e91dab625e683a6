// A small blocking client: enough to see that a server is there and answers correctly, and to hold
// connections to it. Not for measuring load. Every wait has a timeout.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/compare/connection.h"
#include "bench/compare/process.h"
#include "core/result.h"

namespace sluice::compare {

struct Answer {
    int status = 0;
    std::string etag;
    std::string body;
};

// Waits until the port accepts connections; fails when the process ends first.
[[nodiscard]] Result<void> wait_ready(std::uint16_t port, const Process& server);
[[nodiscard]] Result<Answer> ask(std::uint16_t port, const std::string& path,
                                 const std::vector<std::string>& fields = {});

// Connections that sent one request, got its answer, and stay open as long as this object.
class HeldConnections {
  public:
    // Each expects an answer with a body of `body_bytes`. Ends early (with fewer) when `stop` is
    // set.
    [[nodiscard]] static Result<HeldConnections> open(std::uint16_t port, unsigned count,
                                                      std::size_t body_bytes,
                                                      const std::atomic<bool>* stop);
    HeldConnections(HeldConnections&&) noexcept = default;
    HeldConnections& operator=(HeldConnections&&) = delete;
    ~HeldConnections() = default;

  private:
    HeldConnections() = default;
    std::vector<Connection> connections_;
};

}  // namespace sluice::compare

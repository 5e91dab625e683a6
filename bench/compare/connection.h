// Connection: a blocking connection to 127.0.0.1. Each send and receive gives up after ten seconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "bench/compare/blocking_socket.h"
#include "core/endpoint.h"
#include "core/result.h"

namespace sluice::compare {

class Connection {
  public:
    explicit Connection(std::uint16_t port);
    Connection(Connection&& other) noexcept;
    Connection& operator=(Connection&&) = delete;
    ~Connection();

    [[nodiscard]] bool open() const { return socket_ != blocking::kNone; }
    [[nodiscard]] bool send(const std::string& text);
    // More bytes behind `text`; 0 at the end of the stream, less than 0 on an error.
    [[nodiscard]] std::ptrdiff_t receive(std::string& text);
    // The system's message for the last failure.
    [[nodiscard]] const std::string& error() const { return error_; }

  private:
    blocking::Socket socket_ = blocking::kNone;
    std::string error_;
};

[[nodiscard]] Endpoint loopback(std::uint16_t port);  // 127.0.0.1
// A port of 127.0.0.1 that was free a moment ago. Whoever starts a server on it must check who
// listens there in the end (Process::listens_at).
[[nodiscard]] Result<std::uint16_t> free_port();

}  // namespace sluice::compare

// Blocking TCP sockets over IPv4, as the system has them. One implementation for each system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/endpoint.h"

namespace sluice::compare::blocking {

using Socket = std::intptr_t;
constexpr Socket kNone = -1;

// Sends and receives time out after ten seconds each. kNone when the system gives no socket.
[[nodiscard]] Socket make();
void close(Socket socket);
[[nodiscard]] bool connect(Socket socket, const Endpoint& peer);
// Returns the address that the socket has then; Family::none on failure.
[[nodiscard]] Endpoint bind(Socket socket, const Endpoint& to);
// Bytes, or less than 0; 0 at the end of the stream.
[[nodiscard]] std::ptrdiff_t send(Socket socket, const char* data, std::size_t bytes);
[[nodiscard]] std::ptrdiff_t receive(Socket socket, char* into, std::size_t room);
// The system's message for this thread's last failure.
[[nodiscard]] std::string last_error();

}  // namespace sluice::compare::blocking

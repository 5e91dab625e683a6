// Status, Error and Result: how things fail.
//
// Status is what a completion carries on the hot path: one byte, no allocation. Error is what
// set-up code returns: a status, the operating system's own code, and one line of text for the
// user. Neither is ever thrown.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

enum class Status : std::uint8_t {
    ok,
    eof,              // the peer finished its direction of the stream
    reset,            // the peer reset the connection, or it broke
    timed_out,        // the kernel gave up on the peer
    cancelled,        // the operation was withdrawn by close or stop
    refused,          // connect: nobody listens there
    unreachable,      // connect: no route
    no_fds,           // EMFILE or ENFILE
    no_memory,        // ENOMEM or ENOBUFS
    address_in_use,   // listen: the port is taken
    address_invalid,  // listen or connect: not an address of this machine, or malformed
    access_denied,    // EACCES or EPERM
    not_found,        // ENOENT, ENOTDIR
    not_supported,    // the backend or the kernel lacks it
    changed,          // send_file: the file is no longer the one that was promised
    io_error,         // anything else; Error::os_code tells
};

[[nodiscard]] std::string_view to_string(Status status) noexcept;

struct Error {
    Status status = Status::io_error;
    int os_code = 0;   // errno or a Windows error code; 0 when the system was not involved
    std::string what;  // one line, complete: what was tried and why it failed
};

template <typename T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(Status status, std::string what, int os_code = 0) {
    return std::unexpected<Error>(Error{status, os_code, std::move(what)});
}

}  // namespace sluice

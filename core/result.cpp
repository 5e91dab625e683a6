#include "core/result.h"

namespace sluice {

std::string_view to_string(Status status) noexcept {
    switch (status) {
        case Status::ok: return "ok";
        case Status::eof: return "end of stream";
        case Status::reset: return "connection reset";
        case Status::timed_out: return "timed out";
        case Status::cancelled: return "cancelled";
        case Status::refused: return "connection refused";
        case Status::unreachable: return "unreachable";
        case Status::no_fds: return "out of file descriptors";
        case Status::no_memory: return "out of memory";
        case Status::address_in_use: return "address in use";
        case Status::address_invalid: return "invalid address";
        case Status::access_denied: return "permission denied";
        case Status::not_found: return "not found";
        case Status::not_supported: return "not supported";
        case Status::changed: return "file changed";
        case Status::io_error: return "I/O error";
    }
    return "unknown status";
}

}  // namespace sluice

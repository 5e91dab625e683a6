#include <algorithm>
#include <cstring>

#include "backends/windows/socket.h"
#include "bench/load/url.h"

namespace sluice::load {

Result<Endpoint> resolve(const Url& url) {
    if (!url.unix_path.empty()) {
        return fail(Status::not_supported,
                    "unix:" + url.unix_path + ": Unix sockets are not for Windows");
    }
    if (const DWORD error = winsock::start(); error != 0) {
        return fail(Status::io_error, "Winsock: " + win32::text_of(error));
    }
    Endpoint endpoint;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* found = nullptr;
    int error = ::getaddrinfo(url.host.c_str(), nullptr, &hints, &found);
    if (error != 0) {
        // AI_ADDRCONFIG hides ::1 on a machine whose only IPv6 address is the loopback's.
        hints.ai_flags = 0;
        error = ::getaddrinfo(url.host.c_str(), nullptr, &hints, &found);
    }
    if (error != 0) {
        return fail(Status::not_found, "no such host: '" + url.host + "' (" +
                                           win32::text_of(static_cast<DWORD>(error)) + ")");
    }
    for (const addrinfo* one = found; one != nullptr && endpoint.family == Family::none;
         one = one->ai_next) {
        sockaddr_storage storage{};
        std::memcpy(&storage, one->ai_addr, std::min(one->ai_addrlen, sizeof storage));
        endpoint = winsock::to_endpoint(storage);
    }
    ::freeaddrinfo(found);
    endpoint.port = url.port;
    if (endpoint.family == Family::none) {
        return fail(Status::not_found, "host '" + url.host + "' has no address");
    }
    return endpoint;
}

}  // namespace sluice::load

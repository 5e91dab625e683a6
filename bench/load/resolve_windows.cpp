#include <algorithm>
#include <cstring>

#include "backends/windows/socket.h"
#include "bench/load/url.h"

namespace sluice::load {

Result<std::vector<Endpoint>> resolve(const Url& url) {
    if (!url.unix_path.empty()) {
        return fail(Status::not_supported,
                    "unix:" + url.unix_path + ": Unix sockets are not for Windows");
    }
    if (const DWORD error = winsock::start(); error != 0) {
        return fail(Status::io_error, "Winsock: " + win32::text_of(error));
    }
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(url.host.c_str(), nullptr, &hints, &found);
    if (error != 0) {
        return fail(Status::not_found, "no such host: '" + url.host + "' (" +
                                           win32::text_of(static_cast<DWORD>(error)) + ")");
    }
    std::vector<Endpoint> endpoints;
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        sockaddr_storage storage{};
        std::memcpy(&storage, one->ai_addr, std::min(one->ai_addrlen, sizeof storage));
        Endpoint endpoint = winsock::to_endpoint(storage);
        endpoint.port = url.port;
        if (endpoint.family != Family::none &&
            std::ranges::find(endpoints, endpoint) == endpoints.end()) {
            endpoints.push_back(std::move(endpoint));
        }
    }
    ::freeaddrinfo(found);
    if (endpoints.empty()) {
        return fail(Status::not_found, "host '" + url.host + "' has no address");
    }
    return endpoints;
}

}  // namespace sluice::load

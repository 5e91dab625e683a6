#include <netdb.h>

#include <algorithm>
#include <cstring>

#include "backends/posix/socket.h"
#include "bench/load/url.h"

namespace sluice::load {

Result<std::vector<Endpoint>> resolve(const Url& url) {
    if (!url.unix_path.empty()) {
        Endpoint endpoint;
        endpoint.family = Family::unix_path;
        endpoint.path = url.unix_path;
        return std::vector{endpoint};
    }
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(url.host.c_str(), nullptr, &hints, &found);
    if (error != 0) {
        return fail(Status::not_found, "no such host: '" + url.host + "' (" +
                                           std::string(::gai_strerror(error)) + ")");
    }
    std::vector<Endpoint> endpoints;
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        posix::SocketAddress address;
        address.size = std::min<socklen_t>(one->ai_addrlen, sizeof address.storage);
        std::memcpy(&address.storage, one->ai_addr, address.size);
        Endpoint endpoint = posix::to_endpoint(address);
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

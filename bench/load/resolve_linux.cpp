#include <netdb.h>

#include <algorithm>
#include <cstring>

#include "backends/posix/socket.h"
#include "bench/load/url.h"

namespace sluice::load {

Result<Endpoint> resolve(const Url& url) {
    Endpoint endpoint;
    if (!url.unix_path.empty()) {
        endpoint.family = Family::unix_path;
        endpoint.path = url.unix_path;
        return endpoint;
    }
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
                                           std::string(::gai_strerror(error)) + ")");
    }
    for (const addrinfo* one = found; one != nullptr && endpoint.family == Family::none;
         one = one->ai_next) {
        posix::SocketAddress address;
        address.size = std::min<socklen_t>(one->ai_addrlen, sizeof address.storage);
        std::memcpy(&address.storage, one->ai_addr, address.size);
        endpoint = posix::to_endpoint(address);
    }
    ::freeaddrinfo(found);
    endpoint.port = url.port;
    if (endpoint.family == Family::none) {
        return fail(Status::not_found, "host '" + url.host + "' has no address");
    }
    return endpoint;
}

}  // namespace sluice::load

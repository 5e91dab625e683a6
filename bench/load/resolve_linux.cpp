#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

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
    endpoint.port = url.port;
    for (const addrinfo* one = found; one != nullptr && endpoint.family == Family::none;
         one = one->ai_next) {
        if (one->ai_family == AF_INET) {
            sockaddr_in in{};
            std::memcpy(&in, one->ai_addr, sizeof in);
            endpoint.family = Family::ipv4;
            std::memcpy(endpoint.address.data(), &in.sin_addr, 4);
        } else if (one->ai_family == AF_INET6) {
            sockaddr_in6 in{};
            std::memcpy(&in, one->ai_addr, sizeof in);
            endpoint.family = Family::ipv6;
            std::memcpy(endpoint.address.data(), &in.sin6_addr, 16);
        }
    }
    ::freeaddrinfo(found);
    if (endpoint.family == Family::none) {
        return fail(Status::not_found, "host '" + url.host + "' has no address");
    }
    return endpoint;
}

}  // namespace sluice::load

#include "bench/compare/connection.h"

#include <utility>

namespace sluice::compare {

Connection::Connection(std::uint16_t port) : socket_(blocking::make()) {
    if (!blocking::connect(socket_, loopback(port))) {
        error_ = blocking::last_error();
        blocking::close(std::exchange(socket_, blocking::kNone));
    }
}

Connection::Connection(Connection&& other) noexcept
    : socket_(std::exchange(other.socket_, blocking::kNone)), error_(std::move(other.error_)) {}

Connection::~Connection() {
    if (open()) {
        blocking::close(socket_);
    }
}

bool Connection::send(const std::string& text) {
    std::size_t sent = 0;
    while (sent < text.size()) {
        const std::ptrdiff_t now = blocking::send(socket_, text.data() + sent, text.size() - sent);
        if (now <= 0) {
            error_ = blocking::last_error();
            return false;
        }
        sent += static_cast<std::size_t>(now);
    }
    return true;
}

std::ptrdiff_t Connection::receive(std::string& text) {
    char part[16 * 1024];
    const std::ptrdiff_t got = blocking::receive(socket_, part, sizeof part);
    if (got > 0) {
        text.append(part, static_cast<std::size_t>(got));
    } else if (got < 0) {
        error_ = blocking::last_error();
    }
    return got;
}

Endpoint loopback(std::uint16_t port) {
    return {.family = Family::ipv4, .address = {127, 0, 0, 1}, .port = port, .path = {}};
}

Result<std::uint16_t> free_port() {
    const blocking::Socket socket = blocking::make();
    const Endpoint bound = blocking::bind(socket, loopback(0));
    const std::string error = blocking::last_error();
    blocking::close(socket);
    if (bound.family == Family::none) {
        return fail(Status::io_error, "no free port on 127.0.0.1: " + error);
    }
    return bound.port;
}

}  // namespace sluice::compare

#include "backends/sim/peer.h"

namespace sluice {

SimPeer::SimPeer(SimNetwork& network, const Endpoint& target) : network_(network) {
    socket_ = network_.connect(this, 0, target);
}

SimPeer::SimPeer(SimNetwork& network, std::uint32_t listener) : network_(network) {
    socket_ = network_.accept(listener, this, 0);
}

SimPeer::~SimPeer() {
    if (!closed()) {
        network_.close(socket_);
    }
}

bool SimPeer::connected() const {
    const SimSocket* socket = network_.find(socket_);
    return socket != nullptr && !socket->connecting && socket->broken == Status::ok;
}

Status SimPeer::status() const {
    const SimSocket* socket = network_.find(socket_);
    return socket == nullptr ? status_at_close_ : socket->broken;
}

void SimPeer::write(std::string_view bytes) {
    CHECK(!closed() && !shutdown_wanted_ && !close_wanted_);
    outbox_ += bytes;
    flush();
}

std::string SimPeer::read(std::size_t bytes_max) {
    const SimSocket* socket = network_.find(socket_);
    if (socket == nullptr) {
        return {};
    }
    std::string bytes(std::min(bytes_max, socket->inbox.size()), '\0');
    (void)network_.read(socket_, bytes.data(), bytes.size());
    return bytes;
}

bool SimPeer::eof() const {
    const SimSocket* socket = network_.find(socket_);
    return socket != nullptr && socket->fin_arrived && socket->inbox.empty();
}

void SimPeer::shutdown_write() {
    CHECK(!closed());
    shutdown_wanted_ = true;
    flush();
}

void SimPeer::close() {
    if (!closed()) {
        close_wanted_ = true;
        flush();
    }
}

void SimPeer::reset() {
    if (!closed()) {
        network_.reset(socket_);
        socket_ = kNoSocket;
        outbox_.clear();
    }
}

Endpoint SimPeer::local() const {
    const SimSocket* socket = network_.find(socket_);
    return socket == nullptr ? Endpoint{} : socket->local;
}

Endpoint SimPeer::remote() const {
    const SimSocket* socket = network_.find(socket_);
    return socket == nullptr ? Endpoint{} : socket->remote;
}

// Moves on with what was asked for: bytes first, then FIN, then close.
void SimPeer::flush() {
    const SimSocket* socket = network_.find(socket_);
    CHECK(socket != nullptr);
    if (socket->connecting && socket->broken == Status::ok && !close_wanted_) {
        return;
    }
    if (socket->broken != Status::ok) {
        outbox_.clear();
    }
    if (!outbox_.empty() && !socket->connecting) {
        outbox_.erase(0, network_.write(socket_, outbox_));
    }
    if (!outbox_.empty() && !socket->connecting) {
        return;
    }
    if (shutdown_wanted_ && !socket->connecting) {
        network_.shutdown_write(socket_);
    }
    if (close_wanted_) {
        status_at_close_ = socket->broken;
        network_.close(socket_);
        socket_ = kNoSocket;
        outbox_.clear();
    }
}

void SimPeer::on_socket(Socket socket, std::uint32_t) {
    CHECK(socket == socket_);
    flush();
    if (callback_) {
        callback_(*this);
    }
}

SimPeerListener::SimPeerListener(SimNetwork& network, const Endpoint& endpoint,
                                 const ListenOptions& options)
    : network_(network) {
    const auto listener = network_.listen(this, 0, endpoint, options);
    CHECK(listener.has_value());
    listener_ = *listener;
}

SimPeerListener::~SimPeerListener() {
    network_.close_listener(listener_);
}

std::unique_ptr<SimPeer> SimPeerListener::accept() {
    if (network_.backlog_empty(listener_)) {
        return nullptr;
    }
    return std::unique_ptr<SimPeer>(new SimPeer(network_, listener_));
}

void SimPeerListener::on_backlog(std::uint32_t) {
    if (callback_) {
        callback_(*this);
    }
}

}  // namespace sluice

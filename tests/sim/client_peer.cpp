#include "tests/sim/client_peer.h"

#include <utility>

namespace sluice::sim {

ClientPeer::ClientPeer(SimNetwork& network, const Endpoint& target,
                       std::unique_ptr<test::XorClient> seal)
    : peer_(network, target), seal_(std::move(seal)) {
    if (seal_ != nullptr) {
        peer_.write(seal_->seal(""));
    }
}

void ClientPeer::on_change(std::function<void()> callback) {
    peer_.on_change([this, callback = std::move(callback)](SimPeer&) {
        if (seal_ != nullptr && seal_->handshaking()) {
            greet();
        }
        callback();
    });
}

void ClientPeer::greet() {
    opened_ += seal_->open(peer_.read());
    if (!seal_->handshaking()) {
        peer_.write(seal_->seal(""));
        if (shutdown_wanted_) {
            peer_.shutdown_write();
        }
    }
}

void ClientPeer::write(std::string_view bytes) {
    if (seal_ == nullptr) {
        peer_.write(bytes);
        return;
    }
    if (++writes_ % 3 == 0) {
        seal_->ask();
    }
    peer_.write(seal_->seal(bytes));
}

std::size_t ClientPeer::unsent() const {
    return peer_.unsent() + (seal_ != nullptr && !seal_->empty() ? 1 : 0);
}

std::string ClientPeer::read(std::size_t bytes_max) {
    if (seal_ == nullptr) {
        return peer_.read(bytes_max);
    }
    // A part of a record shows nothing.
    std::string plain = std::exchange(opened_, {});
    while (plain.empty()) {
        const std::string wire = peer_.read(bytes_max);
        if (wire.empty()) {
            break;
        }
        plain = seal_->open(wire);
    }
    return plain;
}

void ClientPeer::shutdown_write() {
    if (seal_ != nullptr) {
        seal_->finish();
        if (seal_->handshaking()) {
            shutdown_wanted_ = true;
            return;
        }
        peer_.write(seal_->seal(""));
    }
    peer_.shutdown_write();
}

}  // namespace sluice::sim

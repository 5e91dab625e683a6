// SealedPeer: a peer that speaks through the test transport. Its bytes are those of the session.
//
// Nothing moves by itself: read() and flush() do.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "tests/conformance/rig.h"
#include "tests/support/xor_transport.h"

namespace sluice::conformance {

class SealedPeer final : public Peer {
  public:
    SealedPeer(std::unique_ptr<Peer> peer, std::uint64_t seed)
        : peer_(std::move(peer)), seal_(seed) {}

    [[nodiscard]] bool connected() override { return peer_->connected(); }
    // Takes everything, unless something of before is waiting for the connection.
    std::size_t write(std::string_view bytes) override {
        flush();
        if (!wire_.empty() || !seal_.empty()) {
            return 0;
        }
        if (++writes_ % 3 == 0) {
            seal_.ask();
        }
        wire_ += seal_.seal(bytes);
        flush();
        return bytes.size();
    }
    void write_urgent() override { peer_->write_urgent(); }
    [[nodiscard]] std::string read(std::size_t bytes_max) override {
        flush();
        std::string plain = std::exchange(early_, {});
        plain += seal_.open(peer_->read(bytes_max));
        wire_ += seal_.seal("");
        flush();
        return plain;
    }
    [[nodiscard]] bool eof() override { return peer_->eof(); }
    [[nodiscard]] bool broken() override { return peer_->broken(); }
    void echo() override { peer_->echo(); }
    // The transport's farewell, and then the end of the stream.
    void shutdown_write() override {
        seal_.finish();
        wire_ += seal_.seal("");
        shutdown_wanted_ = true;
        flush();
    }
    void close() override { peer_->close(); }
    void reset() override { peer_->reset(); }
    [[nodiscard]] Endpoint local() override { return peer_->local(); }

    void flush() {
        if (wire_.empty() && writes_ == 0) {
            wire_ = seal_.seal("");  // the hello
        }
        if (seal_.handshaking()) {
            early_ += seal_.open(peer_->read(kHelloMax));
            wire_ += seal_.seal("");
        }
        const std::size_t taken = wire_.empty() ? 0 : peer_->write(wire_);
        wire_.erase(0, taken);
        wire_written_ += taken;
        if (all_written() && std::exchange(shutdown_wanted_, false)) {
            peer_->shutdown_write();
        }
    }
    // Everything that was given to write() has been handed to the connection.
    [[nodiscard]] bool all_written() const {
        return wire_.empty() && seal_.empty() && !seal_.handshaking();
    }
    [[nodiscard]] std::uint64_t wire_written() const { return wire_written_; }
    [[nodiscard]] const test::XorClient& seal() const { return seal_; }

  private:
    static constexpr std::size_t kHelloMax = 1000;

    std::unique_ptr<Peer> peer_;
    test::XorClient seal_;
    std::string wire_;   // on its way
    std::string early_;  // came with the hello
    std::uint64_t wire_written_ = 0;
    std::size_t writes_ = 0;
    bool shutdown_wanted_ = false;
};

}  // namespace sluice::conformance

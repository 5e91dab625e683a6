// ClientPeer: a simulated peer, plain or through the test transport. Its bytes are those of the
// protocol above.
//
// Owned by its client, which is destroyed before the network. One thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "backends/sim/peer.h"
#include "tests/support/xor_transport.h"

namespace sluice::sim {

class ClientPeer {
  public:
    // `seal`: null for a plain one.
    ClientPeer(SimNetwork& network, const Endpoint& target, std::unique_ptr<test::XorClient> seal);

    void on_change(std::function<void()> callback);
    [[nodiscard]] bool connected() const { return peer_.connected(); }
    [[nodiscard]] Status status() const { return peer_.status(); }
    void write(std::string_view bytes);
    [[nodiscard]] std::size_t unsent() const;
    [[nodiscard]] std::string read(std::size_t bytes_max = SIZE_MAX);
    [[nodiscard]] bool eof() const { return peer_.eof() && opened_.empty(); }
    void shutdown_write();
    void close() { peer_.close(); }
    void reset() { peer_.reset(); }
    [[nodiscard]] bool closed() const { return peer_.closed(); }

  private:
    void greet();

    SimPeer peer_;
    std::unique_ptr<test::XorClient> seal_;
    std::string opened_;  // with the end of the handshake
    std::size_t writes_ = 0;
    bool shutdown_wanted_ = false;
};

}  // namespace sluice::sim

#include "tests/conformance/sim_rig.h"

#include "backends/sim/backend.h"
#include "backends/sim/peer.h"

namespace sluice::conformance {

namespace {

class SimRigPeer final : public Peer {
  public:
    explicit SimRigPeer(std::unique_ptr<SimPeer> peer) : peer_(std::move(peer)) {}

    bool connected() override { return peer_->connected(); }
    std::size_t write(std::string_view bytes) override {
        // Bounded, so that a backend that does not read makes the writer wait.
        if (!peer_->closed() && peer_->unsent() == 0) {
            const std::size_t taken = std::min(bytes.size(), kWriteMax);
            peer_->write(bytes.substr(0, taken));
            return taken;
        }
        return 0;
    }
    void write_urgent() override {}  // a mark in the stream, and chunks end anywhere here
    std::string read(std::size_t bytes_max) override { return peer_->read(bytes_max); }
    bool eof() override { return peer_->eof(); }
    bool broken() override { return peer_->status() != Status::ok; }
    void echo() override {
        peer_->on_change([](SimPeer& peer) { peer.write(peer.read()); });
    }
    void shutdown_write() override { peer_->shutdown_write(); }
    void close() override { peer_->close(); }
    void reset() override { peer_->reset(); }
    Endpoint local() override { return peer_->local(); }

  private:
    static constexpr std::size_t kWriteMax = 64 * 1024;
    std::unique_ptr<SimPeer> peer_;
};

class SimRigListener final : public PeerListener {
  public:
    SimRigListener(SimNetwork& network, const Endpoint& endpoint)
        : listener_(network, endpoint, ListenOptions{}) {}
    Endpoint local() override { return listener_.local(); }
    std::unique_ptr<Peer> accept() override {
        auto peer = listener_.accept();
        return peer == nullptr ? nullptr : std::make_unique<SimRigPeer>(std::move(peer));
    }

  private:
    SimPeerListener listener_;
};

class SimRig final : public Rig {
  public:
    explicit SimRig(const SimOptions& options) : network_(options) {}

    std::unique_ptr<Backend> make_backend(const BackendLimits& limits) override {
        return std::make_unique<SimBackend>(network_, limits);
    }
    std::unique_ptr<Peer> connect(const Endpoint& endpoint, const PeerOptions&) override {
        return std::make_unique<SimRigPeer>(std::make_unique<SimPeer>(network_, endpoint));
    }
    std::unique_ptr<PeerListener> listen(const Endpoint& endpoint) override {
        return std::make_unique<SimRigListener>(network_, endpoint);
    }
    void leave_stale_path(const Endpoint&) override {}  // a path without a listener is nothing
    void limit_sockets(Backend& backend, std::size_t more) override {
        SimBackend& sim = static_cast<SimBackend&>(backend);
        sim.limit_sockets(more == SIZE_MAX ? SIZE_MAX : sim.sockets_used() + more);
    }
    std::string leftovers(Backend& backend) override {
        const SimUsage usage = static_cast<SimBackend&>(backend).usage();
        if (usage == SimUsage{}) {
            return "";
        }
        return std::to_string(usage.slots) + " slots, " + std::to_string(usage.operations) +
               " operations, " + std::to_string(usage.buffers_lent) + " buffers, " +
               std::to_string(usage.sockets_homeless) + " accepted sockets";
    }
    bool real() const override { return false; }

  private:
    SimNetwork network_;
};

}  // namespace

std::unique_ptr<Rig> make_sim_rig(const SimOptions& options) {
    return std::make_unique<SimRig>(options);
}

}  // namespace sluice::conformance

// SimPeer and SimPeerListener: the other side of the simulated network, for tests. A peer is driven
// by hand (between two polls) or by a script: the callback given to on_change() runs whenever
// something happened to the peer, inside the network's events, and may do anything except destroy
// the peer; SimNetwork::after() gives it timers. Hundreds of such clients make a load.
//
// OWNERSHIP AND THREADS. The test owns peers and destroys them before the network; destruction
// closes. Writing never blocks: what the window does not take waits in the peer. One thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "backends/sim/network.h"

namespace sluice {

class SimPeer final : private SimOwner {
  public:
    // Connects; connected() or status() tell how that went.
    SimPeer(SimNetwork& network, const Endpoint& target);
    SimPeer(const SimPeer&) = delete;
    SimPeer& operator=(const SimPeer&) = delete;
    ~SimPeer();

    void on_change(std::function<void(SimPeer&)> callback) { callback_ = std::move(callback); }

    [[nodiscard]] bool connected() const;
    // ok, or why the connection is broken: refused, reset, timed_out.
    [[nodiscard]] Status status() const;

    void write(std::string_view bytes);
    // Written, but not yet taken by the window.
    [[nodiscard]] std::size_t unsent() const { return outbox_.size(); }
    // What has arrived, at most that much. Reading opens the other side's window.
    [[nodiscard]] std::string read(std::size_t bytes_max = SIZE_MAX);
    // The other side has finished and everything was read.
    [[nodiscard]] bool eof() const;

    // FIN, after everything that was written.
    void shutdown_write();
    // As close(2): what was written still leaves, unread input makes it a reset.
    void close();
    void reset();
    [[nodiscard]] bool closed() const { return socket_ == kNoSocket; }
    [[nodiscard]] Endpoint local() const;
    [[nodiscard]] Endpoint remote() const;

  private:
    friend class SimPeerListener;
    SimPeer(SimNetwork& network, std::uint32_t listener);

    void on_socket(Socket socket, std::uint32_t tag) override;
    void on_backlog(std::uint32_t) override {}
    void flush();

    SimNetwork& network_;
    Socket socket_ = kNoSocket;
    std::string outbox_;
    bool shutdown_wanted_ = false;
    bool close_wanted_ = false;
    Status status_at_close_ = Status::ok;
    std::function<void(SimPeer&)> callback_;
};

// Accepts what a backend connects.
class SimPeerListener final : private SimOwner {
  public:
    SimPeerListener(SimNetwork& network, const Endpoint& endpoint, const ListenOptions& options);
    SimPeerListener(const SimPeerListener&) = delete;
    SimPeerListener& operator=(const SimPeerListener&) = delete;
    ~SimPeerListener();

    [[nodiscard]] const Endpoint& local() const { return network_.bound(listener_); }
    // The oldest waiting connection, or null.
    [[nodiscard]] std::unique_ptr<SimPeer> accept();
    void on_change(std::function<void(SimPeerListener&)> callback) {
        callback_ = std::move(callback);
    }

  private:
    void on_socket(Socket, std::uint32_t) override {}
    void on_backlog(std::uint32_t tag) override;

    SimNetwork& network_;
    std::uint32_t listener_ = 0;
    std::function<void(SimPeerListener&)> callback_;
};

}  // namespace sluice

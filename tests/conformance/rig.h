// Rig: what the conformance tests need beside the contract: a way to make the backend under test,
// and peers at the other end of its connections, on real loopback sockets or in the simulator.
// Nothing here blocks: tests pump the backend between two looks at a peer.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "core/backend.h"

namespace sluice::conformance {

// The other end of a connection.
class Peer {
  public:
    Peer() = default;
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    virtual ~Peer() = default;  // closes

    [[nodiscard]] virtual bool connected() = 0;
    // Hands over as much as is taken now; returns how much.
    virtual std::size_t write(std::string_view bytes) = 0;
    // Sends an urgent byte (RFC 9293 section 3.8.5): no part of the stream, which goes on behind
    // it.
    virtual void write_urgent() = 0;
    // What has arrived, at most that much.
    [[nodiscard]] virtual std::string read(std::size_t bytes_max) = 0;
    // The backend's side has finished and everything was read.
    [[nodiscard]] virtual bool eof() = 0;
    // The connection was reset.
    [[nodiscard]] virtual bool broken() = 0;
    // From now on the peer by itself sends back what it receives, at once: also while the backend
    // is inside poll().
    virtual void echo() = 0;
    virtual void shutdown_write() = 0;
    virtual void close() = 0;
    virtual void reset() = 0;
    [[nodiscard]] virtual Endpoint local() = 0;
};

// Takes connections that the backend opens.
class PeerListener {
  public:
    PeerListener() = default;
    PeerListener(const PeerListener&) = delete;
    PeerListener& operator=(const PeerListener&) = delete;
    virtual ~PeerListener() = default;

    [[nodiscard]] virtual Endpoint local() = 0;
    [[nodiscard]] virtual std::unique_ptr<Peer> accept() = 0;  // null: nobody waits
};

struct PeerOptions {
    bool small_window = false;  // takes little before it is read
};

class Rig {
  public:
    Rig() = default;
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;
    virtual ~Rig() = default;

    [[nodiscard]] virtual std::unique_ptr<Backend> make_backend(const BackendLimits& limits) = 0;
    [[nodiscard]] virtual std::unique_ptr<Peer> connect(const Endpoint& endpoint,
                                                        const PeerOptions& options) = 0;
    [[nodiscard]] virtual std::unique_ptr<PeerListener> listen(const Endpoint& endpoint) = 0;
    // Makes the Unix path look as if a server had died on it.
    virtual void leave_stale_path(const Endpoint& endpoint) = 0;
    // From now on the backend may open that many more sockets; SIZE_MAX lifts the limit.
    virtual void limit_sockets(Backend& backend, std::size_t more) = 0;
    // What the backend or the process still holds, as text; empty when nothing is left behind.
    [[nodiscard]] virtual std::string leftovers(Backend& backend) = 0;
    // Real sockets, real time, the file system: false in the simulator.
    [[nodiscard]] virtual bool real() const = 0;
    // False on Windows: Wine has no AF_UNIX, and AcceptEx takes IP sockets only.
    [[nodiscard]] virtual bool has_unix_paths() const { return true; }
};

// One backend under test, with its capabilities.
struct Configuration {
    std::string name;  // letters, digits and underscores
    std::function<std::unique_ptr<Rig>()> make_rig;
};

inline void PrintTo(const Configuration& configuration, std::ostream* out) {
    *out << configuration.name;
}

// A rig of real sockets around a way of making backends.
[[nodiscard]] std::unique_ptr<Rig> make_socket_rig(std::shared_ptr<const BackendFactory> factory);

}  // namespace sluice::conformance

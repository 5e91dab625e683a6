// Server: the workers. One reactor for each thread, each with its own backend, its own session
// factory and its own listeners (SO_REUSEPORT; for a Unix path a descriptor of the first worker's
// socket); the only other thing that changes and that they share is the count of each client's
// connections, where these are bounded.
//
// Owned by main. start() returns when every worker listens or one has failed; drain(), stop(),
// wake() and connections() may be called from any thread after that.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/client_bound.h"
#include "core/limits.h"
#include "core/reactor.h"
#include "core/session.h"

namespace sluice {

struct ServerOptions {
    std::vector<Endpoint> listen;
    unsigned workers = 1;
    bool pin = true;  // one CPU for each worker, when there are enough
    int backlog = 4096;
    Limits limits;
    // Called on each worker's thread when its loop has ended: finished() may have become true.
    std::function<void()> worker_finished = [] {};
    // Something was refused by Limits::connections_per_client. Called on a worker's thread, once a
    // minute at most.
    std::function<void()> on_refusal = [] {};
};

class Server {
  public:
    // Called on each worker's thread.
    using MakeSessions = std::function<std::unique_ptr<SessionFactory>(unsigned worker)>;

    // Fails with one line: the port is taken, a backend cannot be made ...
    [[nodiscard]] static Result<std::unique_ptr<Server>> start(const ServerOptions& options,
                                                               const BackendFactory& backends,
                                                               MakeSessions make_sessions);
    ~Server();  // stops and joins

    // Where it listens, with the ports that the system chose. In the order of the options.
    [[nodiscard]] const std::vector<Endpoint>& endpoints() const { return endpoints_; }
    void drain() noexcept;  // as Reactor::drain(), on every worker
    void stop() noexcept;
    void wake() noexcept;
    // What Limits::connections_per_client has refused, when ServerOptions::on_refusal was called.
    [[nodiscard]] ClientBound::Refusals take_refusals() noexcept;
    // Every worker has ended its loop.
    [[nodiscard]] bool finished() const noexcept;
    // Open connections, as of each worker's last turn.
    [[nodiscard]] std::uint64_t connections() const noexcept;
    // Waits for the workers to end and returns their counters, summed. After drain() or stop().
    ReactorCounters join();

  private:
    struct Listeners;
    struct Worker;
    Server() = default;
    template <typename Act>
    void for_each_reactor(Act act) const noexcept;

    std::unique_ptr<ClientBound> clients_;  // null: no bound
    std::vector<std::unique_ptr<Worker>> workers_;
    mutable std::mutex letting_go_;  // join() takes the reactors away while others may wake them
    std::vector<Endpoint> endpoints_;
};

}  // namespace sluice

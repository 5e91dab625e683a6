// Server: the workers. One reactor for each thread, each with its own backend, its own session
// factory and its own listeners (SO_REUSEPORT); they share nothing that changes.
//
// Owned by main. start() returns when every worker listens or one has failed; drain(), stop() and
// wake() may be called from any thread after that.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/backend.h"
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
    // Every worker has ended its loop.
    [[nodiscard]] bool finished() const noexcept;
    // Waits for the workers to end and returns their counters, summed. After drain() or stop().
    ReactorCounters join();

  private:
    struct Worker;
    Server() = default;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<Endpoint> endpoints_;
};

}  // namespace sluice

// World: the whole server (reactor, HTTP/1 sessions, content store) on the simulated network, with
// virtual time. Tests put clients beside it and let time pass.
//
// The site is one temporary tree for the whole process; the store over it is each world's own, so
// that what is loaded, open or cold does not depend on which worlds came before. The loader's
// thread is played by events of the network.
//
// OWNERSHIP AND THREADS. A world owns its network, backend, reactor and store. Clients are the
// test's and are destroyed before it. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backends/sim/backend.h"
#include "backends/sim/network.h"
#include "core/limits.h"
#include "core/reactor.h"
#include "http/access_log.h"
#include "http/content.h"
#include "http/content_store.h"
#include "http/http1_session.h"

namespace sluice::sim {

// One thing that the server answers for.
struct SiteFile {
    std::string path;  // as requested
    std::string body;
    bool live = false;  // served from the file itself, and at times cold
};

// The files that are served, written to disk at the first call.
[[nodiscard]] const std::vector<SiteFile>& site();
[[nodiscard]] const SiteFile& site_file(std::string_view path);

struct WorldOptions {
    SimOptions network;
    BackendLimits backend;
    Limits limits;
    std::uint64_t live_tail_bytes = 64 * 1024;
    Nanos load_latency = 5 * kMillisecond;  // from the request for a cold file to its snapshot
};

class World {
  public:
    explicit World(const WorldOptions& options);
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    ~World();

    [[nodiscard]] SimNetwork& network() { return network_; }
    [[nodiscard]] SimBackend& backend() { return backend_; }
    [[nodiscard]] Reactor& reactor() { return *reactor_; }
    [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
    [[nodiscard]] const Limits& limits() const { return options_.limits; }
    [[nodiscard]] Nanos now() const { return network_.now(); }
    // The entry's validator, as a client would have learned it. Empty while it is not loaded.
    [[nodiscard]] std::string etag(std::string_view path) const;

    // Lets the server run up to that instant, or until it is finished. Nothing but the server's own
    // deadlines and events of the network makes poll() return in between.
    void run_until(Nanos instant);
    void run_for(Nanos duration) { run_until(now() + duration); }
    // Until the condition holds or the time is over; says which. Asked after each turn of the loop.
    [[nodiscard]] bool run_until(const std::function<bool()>& condition, Nanos within);
    // Drains and runs until the server is finished. The virtual time that it took; kNever when it
    // did not end.
    [[nodiscard]] Nanos drain();

    // Lines of the access log so far.
    [[nodiscard]] std::vector<std::string> take_log();
    // The server's counters, as text.
    [[nodiscard]] std::string counters() const;
    // What is left that should not be, as text; empty when the server has tidied up.
    [[nodiscard]] std::string leftovers();

  private:
    void turn();
    void step_loader();

    WorldOptions options_;
    SimNetwork network_;
    SimBackend backend_;
    std::unique_ptr<http::ContentStore> store_;
    http::ContentView view_;
    http::AccessLogSink log_;
    std::unique_ptr<http::Http1Factory> sessions_;
    std::unique_ptr<Reactor> reactor_;
    Endpoint endpoint_;
    std::string log_text_;
    Nanos loading_until_ = -1;
    bool loader_due_ = false;
};

}  // namespace sluice::sim

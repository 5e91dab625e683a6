// World: the whole server (reactor, HTTP/1 sessions, content store) on the simulated network, with
// virtual time. Tests put clients beside it and let time pass.
//
// The site is one temporary tree for all worlds in which it stays what it is; a world in which it
// changes has one of its own. The store is each world's own, so that what is loaded, open or cold
// does not depend on which worlds came before. The loader's thread is played by events of the
// network.
//
// Workers are simulated threads: each has its backend and reactor, all listen on one port, and the
// world gives them turns in random order. Where one waits for something, the others wait for their
// turn, by kTurnMax at most: that is what the system's scheduler does to them.
//
// OWNERSHIP AND THREADS. A world owns its network, workers and store. Clients are the test's and
// are destroyed before it. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backends/sim/backend.h"
#include "backends/sim/network.h"
#include "content/store.h"
#include "core/client_bound.h"
#include "core/limits.h"
#include "core/reactor.h"
#include "http/content_view.h"
#include "http1/session.h"
#include "log/access_log.h"
#include "tests/sim/site.h"
#include "tests/support/xor_transport.h"

namespace sluice::sim {

// The files of the worlds in which nothing changes.
[[nodiscard]] const std::vector<SiteFile>& site();
[[nodiscard]] const SiteFile& site_file(std::string_view path);

struct WorldOptions {
    SimOptions network;
    BackendLimits backend;  // except the slots, which follow from `limits`
    Limits limits;
    std::uint64_t live_tail_bytes = 64 * 1024;
    Nanos load_latency = 5 * kMillisecond;  // from what the loader is told to its looking
    bool site_changes = false;              // it has a site of its own
    bool counts_clients = false;            // though nobody has too many connections
    double failing_allocations = 0;         // of each in the turns of the workers
    Nanos file_clock_tick = 1;              // of the clock that stamps its files
    unsigned workers = 1;
    std::size_t log_ring_bytes = http::kLogRingBytes;
    Nanos log_pause = 0;  // between two looks of the log's thread at the rings
    bool sealed = false;  // through the test transport
};

// One worker waits that long at most while another one's turn lasts.
inline constexpr Nanos kTurnMax = 5 * kMillisecond;
inline constexpr Nanos kTurnMin = 20 * kMicrosecond;

class World {
  public:
    explicit World(const WorldOptions& options);
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    ~World();

    [[nodiscard]] SimNetwork& network() { return network_; }
    [[nodiscard]] const SimNetwork& network() const { return network_; }
    [[nodiscard]] unsigned workers() const { return static_cast<unsigned>(workers_.size()); }
    [[nodiscard]] SimBackend& backend(unsigned worker = 0) { return workers_[worker]->backend; }
    [[nodiscard]] Reactor& reactor(unsigned worker = 0) { return *workers_[worker]->reactor; }
    [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
    [[nodiscard]] const Limits& limits() const { return options_.limits; }
    [[nodiscard]] const WorldOptions& options() const { return options_; }
    [[nodiscard]] Nanos now() const { return network_.now(); }
    [[nodiscard]] const std::vector<SiteFile>& site() const;
    // Allocations of the workers that have failed.
    [[nodiscard]] std::uint64_t allocations_refused() const { return allocations_refused_; }
    [[nodiscard]] bool changes() const { return own_site_ != nullptr; }
    // Changes a file of the site in one of the ways that there are.
    void change_site(SimRandom& random) { own_site_->change(random); }
    // The entry's validator, as a client would have learned it. Empty while it is not loaded.
    [[nodiscard]] std::string etag(std::string_view path) const;

    // Whether a Date (RFC 9110 section 5.6.7) is what the wall clock showed at some instant of
    // these.
    [[nodiscard]] bool date_is_true(const std::string& date, Nanos from, Nanos to) const;
    // Fills the queue of what workers want to have loaded: what they ask for until the loader looks
    // finds it full.
    void crowd_loader();
    // A query that no other request of this world has.
    [[nodiscard]] std::string next_id();

    // Lets the server run up to that instant, or until it is finished. Nothing but the server's own
    // deadlines and events of the network makes poll() return in between.
    void run_until(Nanos instant);
    void run_for(Nanos duration) { run_until(now() + duration); }
    // Until the condition holds or the time is over; says which. Asked after each turn of the loop.
    [[nodiscard]] bool run_until(const std::function<bool()>& condition, Nanos within);
    // Drains and runs until the server is finished. The virtual time that it took; kNever when it
    // did not end.
    [[nodiscard]] Nanos drain();

    // Lines of the access log so far, and how many found no room in a ring.
    [[nodiscard]] std::vector<std::string> take_log();
    [[nodiscard]] std::uint64_t log_lines_lost() const;
    // The workers' counters, summed.
    [[nodiscard]] ReactorCounters counters() const;
    // The same as text.
    [[nodiscard]] std::string counters_text() const;
    // What is left that should not be, as text; empty when the server has tidied up.
    [[nodiscard]] std::string leftovers();

    // Every worker has ended its loop.
    [[nodiscard]] bool finished() const;
    void stop();  // all of them

  private:
    struct Worker {
        Worker(SimNetwork& network, const WorldOptions& options, ClientBound* clients);

        SimBackend backend;
        http::ContentView view;
        http::AccessLogSink log;
        http::Http1Factory sessions;
        test::XorTransports transports;
        std::unique_ptr<Reactor> reactor;
    };
    void turn();
    void turn(Worker& worker, Nanos until);
    void wake();
    void open_store();
    void hear_loader();
    void step_loader_at(Nanos instant);
    void step_loader();
    void take_lines(http::AccessLogSink& log);

    WorldOptions options_;
    SimNetwork network_;
    SimRandom allocations_;
    std::uint64_t allocations_refused_ = 0;
    std::unique_ptr<Site> own_site_;
    std::unique_ptr<http::ContentStore> store_;
    ClientBound clients_{UINT32_MAX, [] {}};
    std::vector<std::unique_ptr<Worker>> workers_;
    Endpoint endpoint_;
    Nanos turn_max_ = 0;
    Nanos log_look_ = 0;  // when the log's thread looks again
    std::string log_text_;
    std::uint64_t ids_ = 0;
    Nanos loader_at_ = kNever;  // when it steps next
};

}  // namespace sluice::sim

#include "core/server.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

#include "core/cpu.h"

namespace sluice {

struct Server::Worker {
    unsigned number = 0;
    std::thread thread;
    std::promise<Result<std::vector<Endpoint>>> started;
    Reactor* reactor = nullptr;  // valid from `started` until join()
    std::promise<void> let_go;   // the reactor lives until main has let go of it
    std::atomic<bool> done{false};
    ReactorCounters counters;

    void run(const ServerOptions& options, const std::vector<Endpoint>& listen,
             const BackendFactory& backends, const MakeSessions& make_sessions);
};

namespace {

constexpr std::uint32_t kListenersMax = 64;

bool is_any_v6(const Endpoint& endpoint) {
    return endpoint.family == Family::ipv6 &&
           std::all_of(endpoint.address.begin(), endpoint.address.end(),
                       [](std::uint8_t byte) { return byte == 0; });
}

// "::" also takes IPv4, unless an IPv4 address with that port was asked for beside it.
bool wants_v6_only(const Endpoint& endpoint, const std::vector<Endpoint>& all) {
    return !is_any_v6(endpoint) || std::any_of(all.begin(), all.end(), [&](const Endpoint& other) {
        return other.family == Family::ipv4 && other.port == endpoint.port;
    });
}

// SO_REUSEPORT would let a second server join the port of the first without a word. Without the
// option a bind succeeds only where nobody listens.
Result<void> ports_are_free(const BackendFactory& backends, const std::vector<Endpoint>& listen) {
    BackendLimits limits;
    limits.slots = 1;
    limits.recv_buffers = 1;
    limits.listeners = kListenersMax;
    auto backend = backends.create(limits);
    if (!backend) {
        return std::unexpected(backend.error());
    }
    for (const Endpoint& endpoint : listen) {
        if (endpoint.family == Family::unix_path || endpoint.port == 0) {
            continue;
        }
        ListenOptions how;
        how.v6_only = wants_v6_only(endpoint, listen);
        if (auto id = (*backend)->listen(endpoint, how); !id) {
            return std::unexpected(id.error());
        }
    }
    return {};
}

}  // namespace

void Server::Worker::run(const ServerOptions& options, const std::vector<Endpoint>& listen,
                         const BackendFactory& backends, const MakeSessions& make_sessions) {
    name_this_thread(("worker-" + std::to_string(number)).c_str());
    const std::vector<int> cpus = usable_cpus();
    if (options.pin && options.workers <= cpus.size()) {
        pin_this_thread(cpus[number]);
    }
    BackendLimits limits;
    limits.slots = options.limits.connections_per_worker;
    limits.listeners = kListenersMax;
    auto backend = backends.create(limits);
    if (!backend) {
        started.set_value(std::unexpected(backend.error()));
        return;
    }
    auto sessions = make_sessions(number);
    Reactor loop(**backend, *sessions, options.limits);
    std::vector<Endpoint> bound;
    for (std::size_t i = 0; i < listen.size(); ++i) {
        // A Unix path cannot be shared between listeners; each belongs to one worker.
        if (listen[i].family == Family::unix_path && i % options.workers != number) {
            bound.push_back(listen[i]);
            continue;
        }
        ListenOptions how;
        how.backlog = options.backlog;
        how.share_port = options.workers > 1;
        how.v6_only = wants_v6_only(listen[i], listen);
        auto local = loop.listen(listen[i], how);
        if (!local) {
            started.set_value(std::unexpected(local.error()));
            return;
        }
        bound.push_back(*local);
    }
    reactor = &loop;
    auto released = let_go.get_future();
    started.set_value(std::move(bound));
    loop.run();
    counters = loop.counters();
    done.store(true, std::memory_order_release);
    released.wait();
}

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options,
                                              const BackendFactory& backends,
                                              MakeSessions make_sessions) {
    std::unique_ptr<Server> server(new Server);
    server->endpoints_ = options.listen;
    if (options.workers > 1) {
        if (auto free = ports_are_free(backends, options.listen); !free) {
            return std::unexpected(free.error());
        }
    }
    const auto shared = std::make_shared<const ServerOptions>(options);
    const auto make = std::make_shared<const MakeSessions>(std::move(make_sessions));
    for (unsigned number = 0; number < options.workers; ++number) {
        auto worker = std::make_unique<Worker>();
        worker->number = number;
        auto started = worker->started.get_future();
        Worker& self = *worker;
        server->workers_.push_back(std::move(worker));
        self.thread = std::thread([&self, shared, make, &backends, listen = server->endpoints_] {
            self.run(*shared, listen, backends, *make);
        });
        auto bound = started.get();
        if (!bound) {
            return std::unexpected(bound.error());  // the destructor stops the others
        }
        server->endpoints_ = *bound;  // with port 0 resolved for the workers that follow
    }
    return server;
}

Server::~Server() {
    stop();
    join();
}

void Server::drain() noexcept {
    for (const auto& worker : workers_) {
        if (worker->reactor != nullptr) {
            worker->reactor->drain();
        }
    }
}

void Server::stop() noexcept {
    for (const auto& worker : workers_) {
        if (worker->reactor != nullptr) {
            worker->reactor->stop();
        }
    }
}

void Server::wake() noexcept {
    for (const auto& worker : workers_) {
        if (worker->reactor != nullptr) {
            worker->reactor->wake();
        }
    }
}

bool Server::finished() const noexcept {
    return std::all_of(workers_.begin(), workers_.end(), [](const auto& worker) {
        return worker->reactor == nullptr || worker->done.load(std::memory_order_acquire);
    });
}

ReactorCounters Server::join() {
    ReactorCounters sum;
    for (const auto& worker : workers_) {
        if (!worker->thread.joinable()) {
            continue;
        }
        if (worker->reactor != nullptr) {
            worker->reactor = nullptr;
            worker->let_go.set_value();
        }
        worker->thread.join();
        sum += worker->counters;
    }
    return sum;
}

}  // namespace sluice

#include "core/server.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

#include "system/cpu.h"

namespace sluice {

// Where to listen; the sockets of the first worker that the others inherit, else kNoSocket.
struct Server::Listeners {
    std::vector<Endpoint> endpoints;
    std::vector<Socket> sockets;
};

struct Server::Worker {
    unsigned number = 0;
    std::thread thread;
    std::promise<Result<Listeners>> started;
    Reactor* reactor = nullptr;  // valid from `started` until join()
    std::promise<void> let_go;   // the reactor lives until main has let go of it
    std::atomic<bool> done{false};
    ReactorCounters counters;

    [[nodiscard]] Result<void> listen(Reactor& loop, const ServerOptions& options,
                                      Listeners& listeners);
    void run(const ServerOptions& options, Listeners listeners, const BackendFactory& backends,
             const MakeSessions& make_sessions, ClientBound* clients);
};

namespace {

constexpr std::uint32_t kListenersMax = 64;

// Calls listen(endpoint, how). A port alone is every address that there is: where the system has no
// IPv6, `endpoint` becomes the one of IPv4.
template <typename Listen>
auto listen_at(Endpoint& endpoint, const ListenOptions& how, Listen listen) {
    auto listening = listen(endpoint, how);
    if (!listening && listening.error().status == Status::address_invalid &&
        endpoint.every_address && !how.v6_only) {
        endpoint.family = Family::ipv4;  // all its bytes are zero already
        listening = listen(endpoint, how);
    }
    return listening;
}

// SO_REUSEPORT would let a second server join the port of the first silently. Without the option a
// bind succeeds only where nobody listens.
Result<void> ports_are_free(const BackendFactory& backends, std::vector<Endpoint> listen) {
    BackendLimits limits;
    limits.slots = 1;
    limits.recv_buffers = 1;
    limits.listeners = kListenersMax;
    auto backend = backends.create(limits);
    if (!backend) {
        return std::unexpected(backend.error());
    }
    for (Endpoint& endpoint : listen) {
        if (endpoint.family == Family::unix_path || endpoint.port == 0) {
            continue;
        }
        ListenOptions how;
        how.v6_only = wants_v6_only(endpoint, listen);
        const auto id = listen_at(endpoint, how, [&](const Endpoint& at, const ListenOptions& by) {
            return (*backend)->listen(at, by);
        });
        if (!id) {
            return std::unexpected(id.error());
        }
    }
    return {};
}

}  // namespace

// Leaves in `listeners` what the workers that follow need.
Result<void> Server::Worker::listen(Reactor& loop, const ServerOptions& options,
                                    Listeners& listeners) {
    const std::vector<Endpoint> wanted = listeners.endpoints;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        Endpoint& endpoint = listeners.endpoints[i];
        ListenOptions how;
        how.backlog = options.backlog;
        how.share_port = options.workers > 1;
        how.v6_only = wants_v6_only(endpoint, wanted);
        how.inherit = listeners.sockets[i];
        auto listening = listen_at(
            endpoint, how,
            [&loop](const Endpoint& at, const ListenOptions& by) { return loop.listen(at, by); });
        if (!listening) {
            return std::unexpected(listening.error());
        }
        endpoint = listening->local;
        // Two sockets cannot be bound to one path.
        if (endpoint.family == Family::unix_path && number == 0) {
            listeners.sockets[i] = listening->socket;
        }
    }
    return {};
}

void Server::Worker::run(const ServerOptions& options, Listeners listeners,
                         const BackendFactory& backends, const MakeSessions& make_sessions,
                         ClientBound* clients) {
    name_this_thread(("worker-" + std::to_string(number)).c_str());
    const std::vector<int> cpus = usable_cpus();
    if (options.pin && options.workers <= cpus.size()) {
        pin_this_thread(cpus[number]);
    }
    BackendLimits limits;
    limits.slots = Reactor::slots(options.limits);
    limits.listeners = kListenersMax;
    auto backend = backends.create(limits);
    if (!backend) {
        started.set_value(std::unexpected(backend.error()));
        return;
    }
    auto sessions = make_sessions(number);
    Reactor loop(**backend, *sessions, options.limits, clients);
    if (auto listening = listen(loop, options, listeners); !listening) {
        started.set_value(std::unexpected(listening.error()));
        return;
    }
    reactor = &loop;
    auto released = let_go.get_future();
    started.set_value(std::move(listeners));
    loop.run();
    counters = loop.counters();
    done.store(true, std::memory_order_release);
    options.worker_finished();
    released.wait();
}

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options,
                                              const BackendFactory& backends,
                                              MakeSessions make_sessions) {
    std::unique_ptr<Server> server(new Server);
    Listeners listeners{options.listen, std::vector<Socket>(options.listen.size(), kNoSocket)};
    if (const std::uint32_t most = options.limits.connections_per_client; most > 0) {
        server->clients_ = std::make_unique<ClientBound>(most, options.on_refusal);
    }
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
        self.thread = std::thread(
            [&self, shared, make, &backends, listeners, clients = server->clients_.get()] {
                self.run(*shared, listeners, backends, *make, clients);
            });
        auto bound = started.get();
        if (!bound) {
            return std::unexpected(bound.error());  // the destructor stops the others
        }
        listeners = std::move(*bound);  // with port 0 resolved for the workers that follow
    }
    server->endpoints_ = std::move(listeners.endpoints);
    return server;
}

Server::~Server() {
    stop();
    join();
}

template <typename Act>
void Server::for_each_reactor(Act act) const noexcept {
    const std::scoped_lock lock(letting_go_);
    for (const auto& worker : workers_) {
        if (worker->reactor != nullptr) {
            act(*worker->reactor);
        }
    }
}

void Server::drain() noexcept {
    for_each_reactor([](Reactor& reactor) { reactor.drain(); });
}

void Server::stop() noexcept {
    for_each_reactor([](Reactor& reactor) { reactor.stop(); });
}

void Server::wake() noexcept {
    for_each_reactor([](Reactor& reactor) { reactor.wake(); });
}

std::uint64_t Server::connections() const noexcept {
    std::uint64_t sum = 0;
    for_each_reactor([&sum](const Reactor& reactor) { sum += reactor.connections(); });
    return sum;
}

ClientBound::Refusals Server::take_refusals() noexcept {
    return clients_ == nullptr ? ClientBound::Refusals{} : clients_->take_refusals();
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
        bool at_work = false;
        {
            const std::scoped_lock lock(letting_go_);
            at_work = std::exchange(worker->reactor, nullptr) != nullptr;
        }
        if (at_work) {
            worker->let_go.set_value();
        }
        worker->thread.join();
        sum += worker->counters;
    }
    return sum;
}

}  // namespace sluice

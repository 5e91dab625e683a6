#include "app/serve.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>

#include "app/events.h"
#include "app/exit.h"
#include "app/socket_buffers.h"
#include "backends/registry.h"
#include "core/cpu.h"
#include "core/server.h"
#include "http/content_store.h"
#include "http/http1_session.h"
#include "http/log_writer.h"

namespace sluice {

namespace {

constexpr std::string_view kServe = "sluice";

constexpr Nanos kLogPeriod = 200 * kMillisecond;  // a line is on disk after this long at most
constexpr Nanos kDrainLook = 10 * kMillisecond;   // how often the end of a drain is looked for
constexpr Nanos kLogPatience = kSecond;           // for a slow reader of the log at the end
constexpr unsigned kWorkersMax = 1024;

std::string url_of(const Endpoint& endpoint) {
    switch (endpoint.family) {
        case Family::unix_path: return endpoint.to_string();
        case Family::ipv6:
        case Family::ipv4:
        case Family::none: return "http://" + endpoint.to_string() + "/";
    }
    return {};
}

// Everything that lives as long as the service. Members are destroyed in reverse order: workers
// first, then what they look at.
struct Service {
    std::unique_ptr<Events> events;
    std::unique_ptr<http::ContentStore> store;
    std::vector<std::unique_ptr<http::ContentView>> views;
    std::vector<std::unique_ptr<http::AccessLogSink>> sinks;
    std::unique_ptr<http::LogWriter> log;
    std::atomic<Server*> running{nullptr};  // for wakes from the store
    std::unique_ptr<Server> server;

    [[nodiscard]] Result<void> open_content(const ServeOptions& options, unsigned workers);
    [[nodiscard]] Result<void> open_log(const ServeOptions& options, unsigned workers);
    [[nodiscard]] Result<void> start_server(const ServeOptions& options, unsigned workers,
                                            const BackendFactory& backends);
    void announce(const ServeOptions& options, unsigned workers,
                  const ChosenBackend& backend) const;
    void run(const ServeOptions& options);
    void finish_log(Nanos deadline, const std::string& log_path, int* stops);
    void turn(Nanos deadline, bool stopping, const std::string& log_path, int* stops);
};

Result<void> Service::open_content(const ServeOptions& options, unsigned workers) {
    http::ContentOptions content;
    content.root = options.root;
    content.memory_budget_bytes = options.memory_budget_bytes;
    content.block_bytes_max = options.memory_send_max_bytes;
    content.warn = [](std::string_view line) { say(line); };
    auto opened = http::ContentStore::open(std::move(content));
    if (!opened) {
        return std::unexpected(opened.error());
    }
    store = std::move(*opened);
    for (unsigned i = 0; i < workers; ++i) {
        views.push_back(std::make_unique<http::ContentView>());
        store->attach(*views.back(), [this] {
            if (Server* at_work = running.load()) {
                at_work->wake();
            }
        });
    }
    return {};
}

Result<void> Service::open_log(const ServeOptions& options, unsigned workers) {
    if (options.access_log.empty()) {
        return {};
    }
    std::vector<http::AccessLogSink*> pointers;
    for (unsigned i = 0; i < workers; ++i) {
        sinks.push_back(std::make_unique<http::AccessLogSink>(
            options.log_format, http::kLogRingBytes, [this] { events->wake(); }));
        pointers.push_back(sinks.back().get());
    }
    log = std::make_unique<http::LogWriter>(pointers, [](const std::string& line) { say(line); });
    return log->open(options.access_log);
}

Result<void> Service::start_server(const ServeOptions& options, unsigned workers,
                                   const BackendFactory& backends) {
    ServerOptions how;
    how.workers = workers;
    how.pin = options.pin;
    how.limits = options.limits;
    for (const std::string& text : options.listen) {
        auto endpoint = Endpoint::parse(text);
        if (!endpoint) {
            return std::unexpected(endpoint.error());
        }
        how.listen.push_back(*endpoint);
    }
    const std::uint64_t tail = largest_socket_buffers();
    auto started = Server::start(how, backends, [this, &options, tail](unsigned worker) {
        return std::make_unique<http::Http1Factory>(options.limits, *views[worker],
                                                    sinks.empty() ? nullptr : sinks[worker].get(),
                                                    tail, options.server_timing);
    });
    if (!started) {
        return std::unexpected(started.error());
    }
    server = std::move(*started);
    running.store(server.get());
    return {};
}

void Service::announce(const ServeOptions& options, unsigned workers,
                       const ChosenBackend& backend) const {
    for (const Endpoint& endpoint : server->endpoints()) {
        say(fmt::format("serving {} on {} ({}: {}; {} worker{})", options.root, url_of(endpoint),
                        backend.factory->name(), backend.why, workers, workers == 1 ? "" : "s"));
    }
}

// One wait of the control thread and what follows from it.
void Service::turn(Nanos deadline, bool stopping, const std::string& log_path, int* stops) {
    deadline = std::min(deadline, store->next_deadline());
    if (log != nullptr) {
        deadline = std::min(deadline, events->clock() + kLogPeriod);
    }
    switch (events->wait({store->wait_handle()}, deadline)) {
        case Signal::stop:
            ++*stops;
            if (stopping) {
                server->stop();  // the second signal: at once
            } else {
                server->drain();
            }
            break;
        case Signal::reopen:
            if (log != nullptr) {
                if (auto reopened = log->open(log_path); !reopened) {
                    say(reopened.error().what);
                }
            }
            break;
        case Signal::none: break;
    }
    store->step(events->clock());
    if (log != nullptr) {
        (void)log->drain();
    }
}

// The reader of the log may come back until the deadline; a second signal gives it up.
void Service::finish_log(Nanos deadline, const std::string& log_path, int* stops) {
    while (!log->drain() && *stops < 2 && events->clock() < deadline) {
        turn(std::min(deadline, events->clock() + kDrainLook), true, log_path, stops);
    }
    log->finish();
}

void Service::run(const ServeOptions& options) {
    const std::string& log_path = options.access_log;
    int stops = 0;
    while (stops == 0) {
        turn(kNever, false, log_path, &stops);
    }
    const Nanos drained_by = events->clock() + options.limits.drain_timeout;
    while (!server->finished()) {
        turn(events->clock() + kDrainLook, true, log_path, &stops);
    }
    server->join();
    if (log != nullptr) {
        finish_log(std::max(drained_by, events->clock() + kLogPatience), log_path, &stops);
    }
}

}  // namespace

int serve(const ServeOptions& options) {
    raise_descriptor_limit();
    const unsigned workers = options.workers == 0 ? default_workers() : options.workers;
    if (workers > kWorkersMax) {
        say(fmt::format("--workers: at most {}", kWorkersMax));
        return kExitUsage;
    }
    Service service;
    auto events = Events::create();
    if (!events) {
        return failed(kServe, events.error());
    }
    service.events = std::move(*events);
    auto backend = choose_backend(options.backend);
    if (!backend) {
        return failed(kServe, backend.error());
    }
    if (auto opened = service.open_content(options, workers); !opened) {
        return failed(kServe, opened.error());
    }
    if (auto opened = service.open_log(options, workers); !opened) {
        return failed(kServe, opened.error());
    }
    if (auto started = service.start_server(options, workers, *backend->factory); !started) {
        return failed(kServe, started.error());
    }
    service.announce(options, workers, *backend);
    service.run(options);
    return kExitOk;
}

}  // namespace sluice

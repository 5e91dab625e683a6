#include "serve/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "http1/session.h"
#include "serve/address_text.h"
#include "serve/socket_buffers.h"
#include "system/cpu.h"
#include "system/memory.h"

namespace sluice {

namespace {

constexpr Nanos kLogTimeout = kSecond;  // for a slow reader of the log at the end
// For threads that should end at once. One that does not is blocked by a disk.
constexpr Nanos kThreadTimeout = 2 * kSecond;

std::string counted(std::uint64_t count, std::string_view what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

Service::Service(ServeConfig config, ChosenBackend backend, std::unique_ptr<Signals> signals,
                 std::unique_ptr<Events> events, Say say)
    : config_(std::move(config)),
      workers_(std::min(config_.workers == 0 ? default_workers() : config_.workers, kWorkersMax)),
      backend_(std::move(backend)),
      say_(std::move(say)),
      control_(std::move(signals), std::move(events),
               {.reload =
                    [this] {
                        say_("SIGHUP: looking at the root again");
                        loader_->look_again();
                    },
                .reopen =
                    [this] {
                        if (log_ != nullptr) {
                            log_->reopen();
                        }
                    },
                .say = say_}) {}

Service::~Service() = default;

// ---- The start ---------------------------------------------------------------------------------

Result<void> Service::start_loader() {
    http::ContentOptions content;
    content.root = config_.root;
    content.follow_links = config_.follow_links;
    content.memory_budget_bytes = config_.memory_budget_bytes;
    content.metadata_bytes_max = usable_memory().bytes / 2;
    content.block_bytes_max = config_.memory_send_max_bytes;
    content.mime = config_.mime;
    content.prepare = http::prepare_heads;
    content.warn = say_;
    auto started = LoaderThread::start(std::move(content), workers_,
                                       {.state_changed = [this] { control_.wake(); },
                                        .published =
                                            [this] {
                                                if (Server* at_work = running_.load()) {
                                                    at_work->wake();
                                                }
                                            }});
    if (!started) {
        return std::unexpected(started.error());
    }
    loader_ = std::move(*started);
    return {};
}

Result<void> Service::start_log() {
    if (config_.access_log.empty()) {
        return {};
    }
    auto started = LogThread::start(config_.access_log, config_.log_format, workers_,
                                    {.state_changed = [this] { control_.wake(); }, .say = say_});
    if (!started) {
        return std::unexpected(started.error());
    }
    log_ = std::move(*started);
    return {};
}

// Whether loader and log have started; an error as soon as one of them failed.
Result<bool> Service::ready() const {
    bool all = true;
    for (const Result<void>* opened :
         {loader_->opened(), log_ != nullptr ? log_->opened() : loader_->opened()}) {
        if (opened != nullptr && !*opened) {
            return std::unexpected(opened->error());
        }
        all = all && opened != nullptr;
    }
    return all;
}

Result<void> Service::start_server() {
    ServerOptions how;
    how.workers = workers_;
    how.pin = config_.pin;
    how.limits = config_.limits;
    how.worker_finished = [this] { control_.wake(); };
    how.on_refusal = [this] { control_.wake(); };
    for (const std::string& text : config_.listen) {
        auto endpoint = Endpoint::parse(text);
        if (!endpoint) {
            return std::unexpected(endpoint.error());
        }
        how.listen.push_back(*endpoint);
    }
    const std::uint64_t tail = largest_socket_buffers();
    auto started = Server::start(how, *backend_.factory, [this, tail](unsigned worker) {
        return std::make_unique<http::Http1Factory>(config_.limits, loader_->view(worker),
                                                    log_ != nullptr ? &log_->sink(worker) : nullptr,
                                                    tail, config_.server_timing);
    });
    if (!started) {
        return std::unexpected(started.error());
    }
    server_ = std::move(*started);
    running_.store(server_.get());
    server_->wake();  // a view may have changed since its worker looked
    for (std::size_t i = 0; i < how.listen.size(); ++i) {
        if (how.listen[i].every_address && server_->endpoints()[i].family == Family::ipv4) {
            say_(fmt::format("this system has no IPv6: port {} listens on IPv4 addresses only",
                             server_->endpoints()[i].port));
        }
    }
    return {};
}

void Service::announce() const {
    for (const Endpoint& endpoint : server_->endpoints()) {
        say_(fmt::format("serving {} on {} ({}: {}; {})", config_.root,
                         address_text(endpoint, server_->endpoints()), backend_.factory->name(),
                         backend_.why, counted(workers_, "worker")));
    }
}

Result<void> Service::start() {
    if (auto started = start_loader(); !started) {
        return started;
    }
    if (auto started = start_log(); !started) {
        return started;
    }
    for (;;) {
        const auto there = ready();
        if (!there) {
            return std::unexpected(there.error());
        }
        if (control_.stops() != 0) {
            return {};
        }
        if (*there) {
            break;
        }
        control_.wait(kNever);
    }
    if (auto started = start_server(); !started) {
        return started;
    }
    announce();
    return {};
}

// ---- At work -----------------------------------------------------------------------------------

void Service::say_refusals() {
    const auto refusals = server_->take_refusals();
    if (refusals.count > 0) {
        say_(
            fmt::format("connections refused beyond --connections-per-client: {}, the last from {}",
                        refusals.count, refusals.last.host()));
    }
}

Service::Outcome Service::run() {
    Outcome outcome{start()};
    if (!outcome.started) {
        say_(outcome.started.error().what);
    }
    while (outcome.started && control_.stops() == 0) {
        control_.wait(kNever);
        say_refusals();
    }
    outcome.end = end();
    return outcome;
}

// ---- The end -----------------------------------------------------------------------------------

bool Service::end_workers() {
    if (server_ == nullptr) {
        return true;
    }
    const auto finished = [this] {
        say_refusals();
        return server_->finished();
    };
    server_->drain();
    drained_by_ = control_.clock() + config_.limits.drain_timeout;
    const auto what = [this] {
        const std::uint64_t left = server_->connections();
        return left == 0 ? "the workers" : counted(left, "connection");
    };
    bool over = control_.stops() < 2 && control_.wait_for(finished, drained_by_, what);
    if (!over) {
        server_->stop();
        over = control_.wait_for(finished, control_.clock() + kThreadTimeout,
                                 [] { return "a worker"; });
    }
    if (over) {
        server_->join();
    }
    return over;
}

bool Service::end_log() {
    if (log_ == nullptr) {
        return true;
    }
    const auto ended = [this] { return log_->ended(); };
    if (control_.stops() < 2) {
        const Nanos until = std::max(drained_by_, control_.clock() + kLogTimeout);
        log_->finish(until);
        if (control_.wait_for(ended, until, [] { return "the reader of the access log"; })) {
            return true;
        }
    }
    log_->finish(0);
    return control_.wait_for(ended, control_.clock() + kThreadTimeout,
                             [] { return "the access log"; });
}

bool Service::end_loader() {
    if (loader_ == nullptr) {
        return true;
    }
    loader_->stop();
    return control_.wait_for([this] { return loader_->ended(); }, control_.clock() + kThreadTimeout,
                             [] { return "the disk"; });
}

Service::End Service::end() {
    const bool workers = end_workers();
    const bool log = end_log();
    // The loader would free what workers use.
    return workers && log && end_loader() ? End::orderly : End::thread_left;
}

}  // namespace sluice

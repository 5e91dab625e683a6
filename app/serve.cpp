#include "app/serve.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "app/exit.h"
#include "app/units.h"
#include "backends/registry.h"
#include "core/server.h"
#include "http1/session.h"
#include "serve/events.h"
#include "serve/loader_thread.h"
#include "serve/log_thread.h"
#include "serve/place.h"
#include "serve/signals.h"
#include "serve/socket_buffers.h"
#include "system/cpu.h"
#include "system/memory.h"

namespace sluice {

namespace {

constexpr std::string_view kServe = "sluice";
constexpr unsigned kWorkersMax = 1024;

constexpr Nanos kLogPatience = kSecond;  // for a slow reader of the log at the end
// For threads that ought to end at once. One that does not waits for a disk.
constexpr Nanos kThreadPatience = 2 * kSecond;
// While something is waited for at the end, that is said: not when it is over at once, and then now
// and then.
constexpr Nanos kFirstWord = 500 * kMillisecond;
constexpr Nanos kNextWord = 3 * kSecond;

std::string counted(std::uint64_t count, std::string_view what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

// The service, as the control thread has it: that one hears signals and says what follows from
// them, and touches no file. Members are destroyed in reverse order: workers first, then what they
// look at.
class Service {
  public:
    Service(const ServeOptions& options, unsigned workers, const ChosenBackend& backend,
            std::unique_ptr<Signals> signals, std::unique_ptr<Events> events)
        : options_(options),
          workers_(workers),
          backend_(backend),
          signals_(std::move(signals)),
          events_(std::move(events)) {}

    // Until a signal; returns the exit code.
    [[nodiscard]] int run();

  private:
    [[nodiscard]] Result<void> start();
    [[nodiscard]] Result<void> start_loader();
    [[nodiscard]] Result<void> start_log();
    [[nodiscard]] Result<bool> ready() const;
    [[nodiscard]] Result<void> start_server();
    void announce() const;

    void wait(Nanos deadline);
    void say_refusals();
    [[nodiscard]] bool wait_for(const std::function<bool()>& over, Nanos until,
                                const std::function<std::string()>& what);
    [[nodiscard]] bool end();
    [[nodiscard]] bool end_workers();
    [[nodiscard]] bool end_log();
    [[nodiscard]] bool end_loader();

    const ServeOptions& options_;
    const unsigned workers_;
    const ChosenBackend& backend_;
    const std::unique_ptr<Signals> signals_;
    const std::unique_ptr<Events> events_;
    std::unique_ptr<LoaderThread> loader_;
    std::unique_ptr<LogThread> log_;         // null: no access log
    std::atomic<Server*> running_{nullptr};  // for wakes from the loader
    std::unique_ptr<Server> server_;
    int stops_ = 0;  // signals to stop that have come
    Nanos drained_by_ = 0;
};

// ---- The start ---------------------------------------------------------------------------------

Result<void> Service::start_loader() {
    http::ContentOptions content;
    content.root = options_.root;
    content.follow_links = options_.follow_links;
    content.memory_budget_bytes = options_.memory_budget_bytes;
    content.known_bytes_max = usable_memory().bytes / 2;
    content.block_bytes_max = options_.memory_send_max_bytes;
    content.mime = options_.mime;
    content.prepare = http::prepare_heads;
    content.warn = [](std::string_view line) { say(line); };
    auto started = LoaderThread::start(std::move(content), workers_,
                                       {.told = [this] { events_->wake(); },
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
    if (options_.access_log.empty()) {
        return {};
    }
    auto started = LogThread::start(
        options_.access_log, options_.log_format, workers_,
        {.told = [this] { events_->wake(); }, .say = [](const std::string& line) { say(line); }});
    if (!started) {
        return std::unexpected(started.error());
    }
    log_ = std::move(*started);
    return {};
}

// Whether loader and log are there; an error as soon as one of them cannot be.
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
    how.pin = options_.pin;
    how.limits = options_.limits;
    how.worker_finished = [this] { events_->wake(); };
    how.on_refusal = [this] { events_->wake(); };
    for (const std::string& text : options_.listen) {
        auto endpoint = Endpoint::parse(text);
        if (!endpoint) {
            return std::unexpected(endpoint.error());
        }
        how.listen.push_back(*endpoint);
    }
    const std::uint64_t tail = largest_socket_buffers();
    auto started = Server::start(how, *backend_.factory, [this, tail](unsigned worker) {
        return std::make_unique<http::Http1Factory>(options_.limits, loader_->view(worker),
                                                    log_ != nullptr ? &log_->sink(worker) : nullptr,
                                                    tail, options_.server_timing);
    });
    if (!started) {
        return std::unexpected(started.error());
    }
    server_ = std::move(*started);
    running_.store(server_.get());
    server_->wake();  // a view may have changed since its worker looked
    for (std::size_t i = 0; i < how.listen.size(); ++i) {
        if (how.listen[i].every_address && server_->endpoints()[i].family == Family::ipv4) {
            say(fmt::format("this system has no IPv6: port {} listens on IPv4 addresses only",
                            server_->endpoints()[i].port));
        }
    }
    return {};
}

void Service::announce() const {
    for (const Endpoint& endpoint : server_->endpoints()) {
        say(fmt::format("serving {} on {} ({}: {}; {})", options_.root,
                        place_of(endpoint, server_->endpoints()), backend_.factory->name(),
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
        if (stops_ != 0) {
            return {};
        }
        if (*there) {
            break;
        }
        wait(kNever);
    }
    if (auto started = start_server(); !started) {
        return started;
    }
    announce();
    return {};
}

// ---- At work -----------------------------------------------------------------------------------

// One wait, and what follows from the signals that have come.
void Service::wait(Nanos deadline) {
    events_->wait(std::array{signals_->wait_handle()}, deadline);
    say_refusals();
    for (;;) {
        switch (signals_->take()) {
            case Signal::none: return;
            case Signal::stop: ++stops_; break;
            case Signal::reload:
                say("SIGHUP: looking at the root again");
                loader_->look_again();
                [[fallthrough]];
            case Signal::reopen:
                if (log_ != nullptr) {
                    log_->reopen();
                }
                break;
        }
    }
}

void Service::say_refusals() {
    const auto refusals = server_ != nullptr ? server_->take_refusals() : ClientBound::Refusals{};
    if (refusals.count > 0) {
        say(fmt::format("connections refused beyond --connections-per-client: {}, the last from {}",
                        refusals.count, refusals.last.host()));
    }
}

int Service::run() {
    const auto started = start();
    if (!started) {
        (void)failed(kServe, started.error());
    }
    while (started && stops_ == 0) {
        wait(kNever);
    }
    const int code = started ? kExitOk : kExitFailure;
    if (!end()) {
        // Such a thread cannot be joined, and what it uses must stay.
        say("stopping: a thread does not end, as when a disk does not answer; ending without it");
        std::_Exit(code);
    }
    return code;
}

// ---- The end -----------------------------------------------------------------------------------

// Hears signals until it is over. False when it is not: the time is up, or one more signal to stop
// came.
bool Service::wait_for(const std::function<bool()>& over, Nanos until,
                       const std::function<std::string()>& what) {
    const int stops = stops_;
    Nanos say_at = events_->clock() + kFirstWord;
    while (!over()) {
        const Nanos now = events_->clock();
        if (stops_ != stops || now >= until) {
            return false;
        }
        if (now >= say_at) {
            say(fmt::format(
                "stopping: waiting for {} (at most {} s more; a{} signal stops at once)", what(),
                (until - now + kSecond - 1) / kSecond, stops_ == 1 ? " second" : "nother"));
            say_at = now + kNextWord;
        }
        wait(std::min(until, say_at));
    }
    return true;
}

bool Service::end_workers() {
    if (server_ == nullptr) {
        return true;
    }
    const auto finished = [this] { return server_->finished(); };
    server_->drain();
    drained_by_ = events_->clock() + options_.limits.drain_timeout;
    const auto what = [this] {
        const std::uint64_t left = server_->connections();
        return left == 0 ? "the workers" : counted(left, "connection");
    };
    bool over = stops_ < 2 && wait_for(finished, drained_by_, what);
    if (!over) {
        server_->stop();
        over = wait_for(finished, events_->clock() + kThreadPatience, [] { return "a worker"; });
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
    if (stops_ < 2) {
        const Nanos until = std::max(drained_by_, events_->clock() + kLogPatience);
        log_->finish(until);
        if (wait_for(ended, until, [] { return "the reader of the access log"; })) {
            return true;
        }
    }
    log_->finish(0);
    return wait_for(ended, events_->clock() + kThreadPatience, [] { return "the access log"; });
}

bool Service::end_loader() {
    if (loader_ == nullptr) {
        return true;
    }
    loader_->stop();
    return wait_for([this] { return loader_->ended(); }, events_->clock() + kThreadPatience,
                    [] { return "the disk"; });
}

// False when a thread has to be left behind.
bool Service::end() {
    const bool workers = end_workers();
    const bool log = end_log();
    // Workers look at what the loader would take away.
    return workers && log && end_loader();
}

// The budget is taken as it was given, but not without a word.
void warn_of_budget(std::uint64_t budget_bytes) {
    const UsableMemory memory = usable_memory();
    if (budget_bytes > memory.bytes) {
        say(
            fmt::format("--memory-budget {} is more than {} has for this process ({} bytes): the "
                        "system may end it (take less than half)",
                        size_text(budget_bytes), memory.of, memory.bytes));
    }
}

}  // namespace

std::uint64_t default_memory_budget() {
    constexpr std::uint64_t kMost = 256ULL << 20;
    constexpr std::uint64_t kUnit = 1ULL << 20;
    return std::clamp(usable_memory().bytes / 4 / kUnit * kUnit, kUnit, kMost);
}

int serve(const ServeOptions& options) {
    raise_descriptor_limit();
    const unsigned workers = options.workers == 0 ? default_workers() : options.workers;
    if (workers > kWorkersMax) {
        say(fmt::format("--workers: at most {}", kWorkersMax));
        return kExitUsage;
    }
    warn_of_budget(options.memory_budget_bytes);
    auto signals = Signals::hear();
    if (!signals) {
        return failed(kServe, signals.error());
    }
    auto events = Events::create();
    if (!events) {
        return failed(kServe, events.error());
    }
    auto backend = choose_backend(options.backend);
    if (!backend) {
        return failed(kServe, backend.error());
    }
    Service service(options, workers, *backend, std::move(*signals), std::move(*events));
    return service.run();
}

}  // namespace sluice

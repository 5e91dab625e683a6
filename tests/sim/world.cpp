#include "tests/sim/world.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "backends/sim/allocation.h"
#include "core/check.h"
#include "http/load_queue.h"

namespace sluice::sim {

namespace {

// With this budget the small files are in memory, the logo is in the private file, and the two big
// ones stay in their own; of those one is open and the other cold, since the store keeps a single
// file open.
constexpr std::uint64_t kMemoryBudget = 512 * 1024;

const Site& the_site() {
    static const Site site;
    return site;
}

BackendLimits backend_limits(const WorldOptions& options) {
    BackendLimits limits = options.backend;
    limits.slots = Reactor::slots(options.limits);
    return limits;
}

}  // namespace

const std::vector<SiteFile>& site() {
    return the_site().files();
}

const SiteFile& site_file(std::string_view path) {
    const auto file = std::ranges::find(site(), path, &SiteFile::path);
    CHECK(file != site().end());
    return *file;
}

World::Worker::Worker(SimNetwork& network, const WorldOptions& options, ClientBound* clients)
    : backend(network, backend_limits(options)),
      log(http::LogFormat::common, options.log_ring_bytes),
      sessions(options.limits, view, &log, options.live_tail_bytes),
      transports(options.network.seed),
      reactor(std::make_unique<Reactor>(backend, sessions, options.limits, clients)) {}

World::World(const WorldOptions& options)
    : options_(options), network_(options.network), allocations_(options.network.seed) {
    if (options.site_changes) {
        own_site_ = std::make_unique<Site>(&network_, options.file_clock_tick);
        own_site_->on_change([this] { hear_loader(); });
    }
    open_store();
    endpoint_ = *Endpoint::parse("127.0.0.1:0");
    ListenOptions how;
    how.share_port = options.workers > 1;
    for (unsigned i = 0; i < options.workers; ++i) {
        Worker& worker = *workers_.emplace_back(std::make_unique<Worker>(
            network_, options_, options_.counts_clients ? &clients_ : nullptr));
        store_->attach(worker.view, [&worker] { worker.reactor->wake(); });
        const auto listening =
            worker.reactor->listen(endpoint_, how, options.sealed ? &worker.transports : nullptr);
        CHECK(listening.has_value());
        endpoint_ = listening->local;
    }
}

World::~World() = default;

void World::open_store() {
    http::ContentOptions options;
    options.root = own_site_ != nullptr ? own_site_->root() : the_site().root();
    options.memory_budget_bytes = kMemoryBudget;
    options.open_files_max = 1;
    options.prepare = http::prepare_heads;
    options.background_thread = false;
    options.wall_now_ns = [this] { return network_.wall_nanos(); };
    auto store = http::ContentStore::open(options);
    CHECK(store.has_value());
    store_ = std::move(*store);
    // Validators stay what they are from the first request on.
    while (store_->stats().digests != 0) {
        store_->step(0);
    }
    hear_loader();
}

const std::vector<SiteFile>& World::site() const {
    return own_site_ != nullptr ? own_site_->files() : the_site().files();
}

bool World::finished() const {
    return std::ranges::all_of(workers_,
                               [](const auto& worker) { return worker->reactor->finished(); });
}

void World::stop() {
    for (const auto& worker : workers_) {
        worker->reactor->stop();
    }
}

void World::wake() {
    for (const auto& worker : workers_) {
        worker->reactor->wake();
    }
}

// The loader's thread: it sleeps until it is told something, or until it wants to look.
void World::hear_loader() {
    pollfd handle{static_cast<int>(store_->wait_handle()), POLLIN, 0};
    const bool told = ::poll(&handle, 1, 0) == 1;
    step_loader_at(
        std::min(store_->next_deadline(), told ? now() + options_.load_latency : kNever));
}

void World::step_loader_at(Nanos instant) {
    if (instant >= loader_at_) {
        return;
    }
    loader_at_ = instant;
    network_.after(std::max<Nanos>(instant - now(), 0), [this, instant] {
        if (loader_at_ == instant) {
            step_loader();
        }
    });
}

void World::step_loader() {
    loader_at_ = kNever;
    store_->step(now());
    hear_loader();
}

void World::take_lines(http::AccessLogSink& log) {
    const auto lines = log.pending();
    log_text_.append(lines[0]).append(lines[1]);
    log.consume(lines[0].size() + lines[1].size());
}

void World::turn(Worker& worker, Nanos until) {
    const std::uint64_t before = SimScarce::refused();
    {
        const SimScarce scarce(allocations_, options_.failing_allocations);
        worker.reactor->turn(until);
    }
    allocations_refused_ += SimScarce::refused() - before;
}

void World::turn() {
    if (workers_.size() == 1) {
        turn(*workers_[0], kNever);
    } else {
        const Nanos longest = kTurnMax / static_cast<Nanos>(workers_.size());
        bool busy = false;
        std::vector<Worker*> order;
        for (const auto& worker : workers_) {
            order.insert(order.begin() + network_.random().between<std::ptrdiff_t>(
                                             0, static_cast<std::ptrdiff_t>(order.size())),
                         worker.get());
        }
        for (Worker* worker : order) {
            const Nanos until = now() + turn_max_;
            if (!worker->reactor->finished()) {
                turn(*worker, until);
                busy = busy || now() < until;
            }
        }
        // Short turns while somebody has something to do, so that others are not kept from it.
        turn_max_ = busy ? kTurnMin : std::clamp(2 * turn_max_, kTurnMin, longest);
    }
    if (now() >= log_look_) {
        log_look_ = now() + options_.log_pause;
        for (const auto& worker : workers_) {
            take_lines(worker->log);
        }
    }
    hear_loader();
}

std::string World::etag(std::string_view path) const {
    const http::Entry* entry = store_->newest().find(path);
    return entry != nullptr && !entry->unloaded ? entry->etag : std::string();
}

void World::crowd_loader() {
    // Names of entries that no longer exist, for all that the loader knows.
    static const std::array<http::Entry, http::LoadQueue::kCapacity> kGone;
    for (const http::Entry& entry : kGone) {
        (void)workers_[0]->view.request_load(entry);
    }
}

bool World::date_is_true(const std::string& date, Nanos from, Nanos to) const {
    std::tm parts{};
    const char* end = ::strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return end != nullptr && *end == '\0' && network_.wall_showed(::timegm(&parts), from, to);
}

std::string World::next_id() {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "r=%06llux", static_cast<unsigned long long>(++ids_));
    return text.data();
}

void World::run_until(Nanos instant) {
    (void)run_until([] { return false; }, instant - now());
}

bool World::run_until(const std::function<bool()>& condition, Nanos within) {
    const auto over = std::make_shared<bool>(false);
    network_.after(within, [this, over] {
        *over = true;
        wake();
    });
    while (!condition()) {
        if (*over || finished()) {
            return condition();
        }
        turn();
    }
    return true;
}

Nanos World::drain() {
    const Nanos start = now();
    for (const auto& worker : workers_) {
        worker->reactor->drain();
    }
    const Nanos patience = limits().drain_timeout + 5 * kSecond;
    return run_until([this] { return finished(); }, patience) ? now() - start : kNever;
}

std::vector<std::string> World::take_log() {
    for (const auto& worker : workers_) {
        take_lines(worker->log);
    }
    std::vector<std::string> lines;
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = log_text_.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
        lines.push_back(log_text_.substr(begin, end - begin));
    }
    log_text_.erase(0, begin);
    return lines;
}

std::uint64_t World::log_lines_lost() const {
    std::uint64_t lost = 0;
    for (const auto& worker : workers_) {
        lost += worker->log.dropped();
    }
    return lost;
}

ReactorCounters World::counters() const {
    ReactorCounters sum;
    for (const auto& worker : workers_) {
        sum += worker->reactor->counters();
    }
    return sum;
}

std::string World::counters_text() const {
    const ReactorCounters counters = this->counters();
    std::string text = "at " + std::to_string(now() / kMillisecond) + " ms:";
    const auto add = [&text](const char* what, std::uint64_t count) {
        text += " " + std::string(what) + " " + std::to_string(count);
    };
    add("accepted", counters.accepted);
    add("refused", counters.refused);
    add("closed", counters.closed);
    add("gave_way", counters.gave_way);
    add("accept_pauses", counters.accept_pauses);
    add("broken", counters.broken);
    add("timed_out_head", counters.timed_out_head);
    add("timed_out_idle", counters.timed_out_idle);
    add("timed_out_write", counters.timed_out_write);
    return text;
}

std::string World::leftovers() {
    std::string text;
    const auto add = [&text](const char* what, std::uint64_t count) {
        if (count != 0) {
            text += std::to_string(count) + " " + what + ", ";
        }
    };
    for (const auto& worker : workers_) {
        const Reactor& reactor = *worker->reactor;
        const SimUsage usage = worker->backend.usage();
        add("connections", reactor.connections());
        add("request contexts", reactor.requests_in_use());
        add("timers", reactor.timers_scheduled());
        add("slots of the backend", usage.slots);
        add("operations", usage.operations);
        add("lent buffers", usage.buffers_lent);
        add("homeless sockets", usage.sockets_homeless);
        add("open sockets", worker->backend.sockets_used());
        const ReactorCounters& counters = reactor.counters();
        add("stale completions", counters.stale_completions);
        if (counters.accepted != counters.closed + reactor.connections()) {
            text += "accepted " + std::to_string(counters.accepted) + " but closed " +
                    std::to_string(counters.closed) + ", ";
        }
    }
    return text;
}

}  // namespace sluice::sim

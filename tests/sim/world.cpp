#include "tests/sim/world.h"

#include <poll.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "core/check.h"

namespace sluice::sim {

namespace {

// With this budget the small files are in memory, the logo is in the private file, and the two big
// ones stay in their own; of those one is open and the other cold, since the store keeps a single
// file open.
constexpr std::uint64_t kMemoryBudget = 512 * 1024;
constexpr Nanos kLoaderLook = 20 * kMillisecond;
constexpr Nanos kLoaderAwake = kSecond;

class Site {
  public:
    Site() {
        std::string pattern = (std::filesystem::temp_directory_path() / "sluice-sim-XXXXXX");
        CHECK(::mkdtemp(pattern.data()) != nullptr);
        root_ = pattern;
        add("/index.html", "index.html", 509, false);
        add("/tiny.txt", "tiny.txt", 5, false);
        add("/empty.txt", "empty.txt", 0, false);
        add("/page.html", "page.html", 9'001, false);
        add("/sub/index.html", "sub/index.html", 700, false);
        add("/logo.jpg", "logo.jpg", 50 * 1024 + 3, false);
        add("/big.bin", "big.bin", 200'000, true);
        add("/big2.bin", "big2.bin", 150'001, true);
        files_.push_back({"/", files_.front().body, false});
        files_.push_back({"/sub/", site_body(700, 5), false});
    }
    Site(const Site&) = delete;
    Site& operator=(const Site&) = delete;
    ~Site() {
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
    }

    [[nodiscard]] const std::string& root() const { return root_; }
    [[nodiscard]] const std::vector<SiteFile>& files() const { return files_; }

  private:
    // Bytes that differ everywhere, so that no two stretches can be taken for each other.
    static std::string site_body(std::size_t size, std::uint64_t seed) {
        SimRandom random(seed);
        std::string body(size, '\0');
        for (char& byte : body) {
            byte = static_cast<char>('!' + random.between(0, 93));
        }
        return body;
    }
    void add(const std::string& path, const std::string& name, std::size_t size, bool live) {
        files_.push_back({path, site_body(size, files_.size() + 1), live});
        const std::filesystem::path where = std::filesystem::path(root_) / name;
        std::filesystem::create_directories(where.parent_path());
        std::ofstream(where, std::ios::binary) << files_.back().body;
        // Old enough that the store trusts its times.
        std::filesystem::last_write_time(
            where, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
    }

    std::string root_;
    std::vector<SiteFile> files_;
};

const Site& the_site() {
    static const Site site;
    return site;
}

std::unique_ptr<http::ContentStore> open_store() {
    http::ContentOptions options;
    options.root = the_site().root();
    options.memory_budget_bytes = kMemoryBudget;
    options.open_files_max = 1;
    auto store = http::ContentStore::open(options);
    CHECK(store.has_value());
    return std::move(*store);
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

World::World(const WorldOptions& options)
    : options_(options),
      network_(options.network),
      backend_(network_, options.backend),
      store_(open_store()),
      log_(http::LogFormat::common),
      sessions_(std::make_unique<http::Http1Factory>(options_.limits, view_, &log_,
                                                     options.live_tail_bytes)),
      reactor_(std::make_unique<Reactor>(backend_, *sessions_, options_.limits)) {
    store_->attach(view_, [this] {
        if (reactor_ != nullptr) {
            reactor_->wake();
        }
    });
    const auto any = Endpoint::parse("127.0.0.1:0");
    const auto local = reactor_->listen(*any, ListenOptions{});
    CHECK(local.has_value());
    endpoint_ = *local;
}

World::~World() = default;

// The loader's thread: it sleeps until a session asks for something, and then looks again now and
// then, because a cold file may have to wait for a descriptor.
void World::step_loader() {
    store_->step(now());
    loader_due_ = now() < loading_until_;
    if (loader_due_) {
        network_.after(kLoaderLook, [this] { step_loader(); });
    }
}

void World::turn() {
    reactor_->turn(kNever);
    const auto lines = log_.pending();
    log_text_.append(lines[0]).append(lines[1]);
    log_.consume(lines[0].size() + lines[1].size());
    pollfd handle{static_cast<int>(store_->wait_handle()), POLLIN, 0};
    if (::poll(&handle, 1, 0) == 1) {
        loading_until_ = now() + kLoaderAwake;
        if (!loader_due_) {
            loader_due_ = true;
            network_.after(options_.load_latency, [this] { step_loader(); });
        }
    }
}

std::string World::etag(std::string_view path) const {
    const http::Entry* entry = store_->newest().find(path);
    return entry != nullptr && !entry->cold ? entry->etag : std::string();
}

void World::run_until(Nanos instant) {
    (void)run_until([] { return false; }, instant - now());
}

bool World::run_until(const std::function<bool()>& condition, Nanos within) {
    const auto over = std::make_shared<bool>(false);
    network_.after(within, [this, over] {
        *over = true;
        reactor_->wake();
    });
    while (!condition()) {
        if (*over || reactor_->finished()) {
            return condition();
        }
        turn();
    }
    return true;
}

Nanos World::drain() {
    const Nanos start = now();
    reactor_->drain();
    const Nanos patience = limits().drain_timeout + 5 * kSecond;
    return run_until([this] { return reactor_->finished(); }, patience) ? now() - start : kNever;
}

std::vector<std::string> World::take_log() {
    std::vector<std::string> lines;
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = log_text_.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
        lines.push_back(log_text_.substr(begin, end - begin));
    }
    log_text_.erase(0, begin);
    return lines;
}

std::string World::counters() const {
    const ReactorCounters& counters = reactor_->counters();
    std::string text = "at " + std::to_string(now() / kMillisecond) + " ms:";
    const auto add = [&text](const char* what, std::uint64_t count) {
        text += " " + std::string(what) + " " + std::to_string(count);
    };
    add("accepted", counters.accepted);
    add("refused", counters.refused);
    add("closed", counters.closed);
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
    const SimUsage usage = backend_.usage();
    add("connections", reactor_->connections());
    add("exchanges", reactor_->exchanges_in_use());
    add("timers", reactor_->timers_scheduled());
    add("slots of the backend", usage.slots);
    add("operations", usage.operations);
    add("lent buffers", usage.buffers_lent);
    add("homeless sockets", usage.sockets_homeless);
    add("open sockets", backend_.sockets_used());
    add("stale completions", reactor_->counters().stale_completions);
    const ReactorCounters& counters = reactor_->counters();
    if (counters.accepted != counters.closed + reactor_->connections()) {
        text += "accepted " + std::to_string(counters.accepted) + " but closed " +
                std::to_string(counters.closed) + ", ";
    }
    return text;
}

}  // namespace sluice::sim

#include "http/content_store.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace sluice::http {

namespace {

// Changes come in bursts (a copy, a checkout); looking after each would publish halves.
constexpr Nanos kQuiet = 20 * kMillisecond;
constexpr Nanos kQuietMax = 100 * kMillisecond;
// A little more than what makes a file racy (content_loader.cpp).
constexpr Nanos kRecheckDelay = 25 * kMillisecond;
// Cold files that found no descriptor free.
constexpr Nanos kWarmRetry = 20 * kMillisecond;
// The root itself may be swapped through any component of its path, which no watch tells.
constexpr Nanos kRootCheck = 200 * kMillisecond;
constexpr Nanos kPoll = 2 * kSecond;
// Where looking is only the net below what is told, it may cost about a hundredth of a CPU.
constexpr Nanos kNetPauseForOne = 5 * kMillisecond;
// Beyond this many touched names looking through the whole tree is no dearer.
constexpr std::size_t kTouchedMax = 50'000;

}  // namespace

ContentStore::ContentStore(ContentOptions options) : options_(std::move(options)) {}

Result<std::unique_ptr<ContentStore>> ContentStore::open(ContentOptions options) {
    std::unique_ptr<ContentStore> store(new ContentStore(std::move(options)));
    if (auto started = store->start(); !started) {
        return std::unexpected(std::move(started.error()));
    }
    return store;
}

Result<void> ContentStore::start() {
    auto root = fs::Root::open(options_.root);
    if (!root) {
        return std::unexpected(std::move(root.error()));
    }
    root_ = std::move(*root);
    auto watcher = Watcher::create();
    if (!watcher) {
        return std::unexpected(std::move(watcher.error()));
    }
    watcher_ = std::move(*watcher);
    queue_ = std::make_unique<ContentView::LoadQueue>([this] { watcher_->signal(); });
    tree_ = std::make_unique<ContentTree>(options_, *watcher_);
    if (!options_.watch) {
        fall_back_to_polling("watching is switched off");
    } else if (!root_.watchable()) {
        fall_back_to_polling("this file system does not tell of changes");
    }
    tree_->sync_all(root_);
    after_look();
    publish();
    return {};
}

ContentStore::~ContentStore() {
    if (!snapshots_.empty()) {
        snapshots_.back()->holders.fetch_sub(1, std::memory_order_relaxed);
    }
    for (const auto& snapshot : snapshots_) {
        CHECK(snapshot->holders.load(std::memory_order_acquire) == 0);
    }
}

void ContentStore::attach(ContentView& view, std::function<void()> wake) {
    view.connect(queue_.get());
    view.offer(snapshots_.back().get());
    views_.push_back({&view, std::move(wake)});
    views_.back().wake();
}

void ContentStore::detach(ContentView& view) {
    std::erase_if(views_, [&view](const Attached& attached) { return attached.view == &view; });
}

Nanos ContentStore::next_deadline() const {
    Nanos next = std::min({next_root_check_, next_poll_, rechecks_due_, warm_due_});
    if (first_touch_ != kNever) {
        next = std::min({next, last_touch_ + kQuiet, first_touch_ + kQuietMax});
    }
    return next;
}

void ContentStore::step(Nanos now) {
    collect_events(now);
    collect_due(now);
    collect_requests();
    const bool settled =
        first_touch_ != kNever && (now >= last_touch_ + kQuiet || now >= first_touch_ + kQuietMax);
    if (now >= next_root_check_) {
        next_root_check_ = now + kRootCheck;
        if (check_root() && !settled) {
            reclaim();
        }
    }
    // Lost events come in bursts too; a poll or a new root does not wait.
    if (settled || (everything_ && first_touch_ == kNever)) {
        look_again(now);
    }
    if (!wanted_.empty() && !root_lost_) {
        tree_->warm(root_, wanted_, now);
        after_look();
    }
    warm_due_ = wanted_.empty() ? kNever : now + kWarmRetry;
    if (!rechecks_.empty() && rechecks_due_ == kNever) {
        rechecks_due_ = now + kRecheckDelay;
    }
    publish();
    reclaim();
}

// ---- What there is to do -----------------------------------------------------------------------

void ContentStore::touch(const std::string& directory, std::string_view name, bool reread) {
    if (everything_) {
        return;
    }
    const auto [place, added] = touched_[directory].try_emplace(std::string(name), reread);
    place->second = place->second || reread;
    if (added && ++touched_names_ > kTouchedMax) {
        everything_ = true;
        touched_.clear();
    }
}

void ContentStore::collect_events(Nanos now) {
    watcher_->drain([&](WatchId watch, Watcher::What what, std::string_view name) {
        switch (what) {
            case Watcher::What::overflow: everything_ = true; break;
            case Watcher::What::ended: tree_->watch_ended(watch); return;
            case Watcher::What::attributes:
            case Watcher::What::content:
                if (!fs::servable_name(name)) {
                    return;
                }
                tree_->for_each_watched(watch, [&](const DirNode& dir) {
                    touch(dir.path, name, what == Watcher::What::content);
                });
                break;
        }
        first_touch_ = std::min(first_touch_, now);
        last_touch_ = now;
    });
}

void ContentStore::collect_due(Nanos now) {
    if (now >= rechecks_due_) {
        rechecks_due_ = kNever;
        for (const ContentTree::Recheck& recheck : std::exchange(rechecks_, {})) {
            touch(recheck.directory, recheck.name, true);
            first_touch_ = 0;  // they have waited
            last_touch_ = 0;
        }
    }
    if (next_poll_ == kNever && !watcher_->tells_all()) {
        next_poll_ = now + poll_pause();
    }
    if (now >= next_poll_) {
        everything_ = true;
    }
}

Nanos ContentStore::poll_pause() const {
    const auto files = static_cast<Nanos>(tree_->files());
    return polling_ ? kPoll : std::max(kPoll, files * kNetPauseForOne);
}

void ContentStore::collect_requests() {
    if (wanted_.size() >= ContentView::LoadQueue::kCapacity) {
        return;  // the queue fills up behind them, and workers hear that it is full
    }
    ContentView::LoadQueue::Batch batch;
    const std::size_t count = queue_->drain(batch);
    for (std::size_t i = 0; i < count; ++i) {
        if (std::find(wanted_.begin(), wanted_.end(), batch[i]) == wanted_.end()) {
            wanted_.push_back(batch[i]);
        }
    }
}

// ---- Doing it ----------------------------------------------------------------------------------

bool ContentStore::check_root() {
    const auto info = root_.look_again();
    if (info && info->kind == fs::Kind::directory && info->same_object(root_.info())) {
        if (std::exchange(root_lost_, false)) {
            options_.warn("the root '" + options_.root + "' is back");
            everything_ = true;
        }
        return true;
    }
    if (!info && (info.error() == Status::no_fds || info.error() == Status::no_memory)) {
        return !root_lost_;  // nobody can tell just now
    }
    if (auto root = fs::Root::open(options_.root)) {
        root_ = std::move(*root);
        root_lost_ = false;
        everything_ = true;
        options_.warn("the root '" + options_.root + "' was replaced: looking through it");
        return true;
    }
    if (!std::exchange(root_lost_, true)) {
        options_.warn("the root '" + options_.root + "' is gone: serving what was there");
    }
    return false;
}

void ContentStore::look_again(Nanos now) {
    if (!check_root()) {
        // Whatever was reported is part of its going away.
        everything_ = false;
    }
    const bool everything = std::exchange(everything_, false);
    auto touched = std::exchange(touched_, {});
    touched_names_ = 0;
    first_touch_ = last_touch_ = kNever;
    if (next_poll_ != kNever) {
        next_poll_ = now + poll_pause();
    }
    if (root_lost_) {
        return;
    }
    if (everything) {
        tree_->sync_all(root_);
    } else {
        for (const auto& [directory, names] : touched) {  // parents come first
            for (const auto& [name, reread] : names) {
                tree_->sync_name(root_, directory, name, reread);
            }
        }
        tree_->sync_links(root_);
    }
    after_look();
}

void ContentStore::after_look() {
    for (ContentTree::Recheck& recheck : tree_->take_rechecks()) {
        rechecks_.push_back(std::move(recheck));
    }
    tree_->warn_of_unreadable();
    if (tree_->watch_failed()) {
        fall_back_to_polling(Watcher::kWhyNoMore);
    }
}

void ContentStore::fall_back_to_polling(std::string_view why) {
    if (!std::exchange(polling_, true)) {
        watcher_->stop_watching();
        next_poll_ = 0;
        options_.warn("changes are looked for every 2 seconds: " + std::string(why));
    }
}

// ---- Publication -------------------------------------------------------------------------------

void ContentStore::publish() {
    const std::vector<Snapshot::Change> changes = tree_->take_changes();
    auto retired = tree_->take_retired();
    if (changes.empty() && !snapshots_.empty()) {
        CHECK(retired.empty());
        return;
    }
    ++version_;
    const auto born = [this](const Entry* entry) {
        // Only the loader makes entries, and it makes them as OwnedEntry.
        auto* owned = const_cast<OwnedEntry*>(static_cast<const OwnedEntry*>(entry));
        if (owned != nullptr && owned->born == 0) {
            owned->born = version_;
        }
    };
    for (const Snapshot::Change& change : changes) {
        born(change.after);
        if (change.after != nullptr) {
            std::for_each(change.after->variants.begin(), change.after->variants.end(), born);
        }
    }
    static const Snapshot kEmpty({}, 0);
    const Snapshot& base = snapshots_.empty() ? kEmpty : *snapshots_.back();
    auto next = std::make_unique<Snapshot>(base, changes, version_);
    for (auto& entry : retired) {
        retired_.push_back({std::move(entry), version_});
    }
    next->holders.store(1, std::memory_order_relaxed);
    if (!snapshots_.empty()) {
        snapshots_.back()->holders.fetch_sub(1, std::memory_order_relaxed);
    }
    snapshots_.push_back(std::move(next));
    for (const Attached& attached : views_) {
        attached.view->offer(snapshots_.back().get());
        attached.wake();
    }
}

void ContentStore::reclaim() {
    // Acquire: the last reads of a worker come before what is freed here.
    std::erase_if(snapshots_, [](const auto& snapshot) {
        return snapshot->holders.load(std::memory_order_acquire) == 0;
    });
    // An entry lived in the snapshots from `born` up to, not including, `died`; after them it is
    // held by pins that have outlived them.
    std::erase_if(retired_, [this](const Retired& retired) {
        const auto first = std::find_if(
            snapshots_.begin(), snapshots_.end(),
            [&retired](const auto& held) { return held->version() >= retired.entry->born; });
        const bool in_snapshot = first != snapshots_.end() && (*first)->version() < retired.died;
        return !in_snapshot && retired.entry->holders.load(std::memory_order_acquire) == 0;
    });
}

ContentStats ContentStore::stats() const {
    ContentStats stats;
    stats.version = version_;
    stats.files = tree_->files();
    stats.directories = tree_->directories();
    stats.entries = newest().entries().size();
    stats.cold_entries = tree_->cold_entries();
    stats.memory_bytes = tree_->usage().memory_bytes;
    stats.open_files = tree_->usage().open_files;
    stats.unreadable = tree_->unreadable().size();
    stats.snapshots = snapshots_.size();
    stats.watching = !polling_;
    return stats;
}

}  // namespace sluice::http

#include "content/store.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "content/filesystem_kind.h"
#include "core/check.h"

namespace sluice::http {

namespace {

// Changes come in bursts (a copy, a checkout); looking after each one would publish half of them.
constexpr Nanos kDebounce = 20 * kMillisecond;
constexpr Nanos kDebounceMax = 100 * kMillisecond;
// For unloaded files that found no free descriptor.
constexpr Nanos kLoadRetry = 20 * kMillisecond;
// The root itself may be replaced through any component of its path, which no watch reports.
constexpr Nanos kRootCheck = 200 * kMillisecond;
constexpr Nanos kPoll = 2 * kSecond;
constexpr Nanos kRemoteAtStart = 2 * kSecond;
// After this time what was found is published, although the walk is not complete.
constexpr Nanos kHeldMax = kSecond;
// Where polling only supplements what is reported, it may cost about a hundredth of a CPU.
constexpr Nanos kPollPausePerFile = 5 * kMillisecond;
// Beyond this many touched names a walk of the whole tree costs no more.
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
    auto root = fs::Root::open(options_.root, options_.follow_links);
    if (!root) {
        return std::unexpected(std::move(root.error()));
    }
    root_ = std::move(*root);
    const fs::FilesystemKind place = fs::filesystem_kind_of(root_.directory());
    if (place == fs::FilesystemKind::pseudo) {
        return fail(Status::not_supported, "cannot serve '" + options_.root +
                                               "': it holds the state of the system and no files");
    }
    auto watcher = Watcher::create();
    if (!watcher) {
        return std::unexpected(std::move(watcher.error()));
    }
    watcher_ = std::move(*watcher);
    queue_ = std::make_unique<LoadQueue>([this] { watcher_->signal(); });
    background_ = std::make_unique<BackgroundWork>([this] { watcher_->signal(); },
                                                   options_.background_thread);
    remote_ = std::make_unique<RemoteMounts>(
        RemoteMounts::Options{.items_max = options_.entries_max,
                              .warn = options_.warn,
                              .wake = [this] { watcher_->signal(); },
                              .threads = options_.background_thread});
    tree_ = std::make_unique<ContentTree>(options_, *watcher_, *background_);
    if (!options_.watch) {
        fall_back_to_polling("watching is switched off");
    } else if (place != fs::FilesystemKind::local) {
        fall_back_to_polling("this file system does not tell of changes");
    }
    (void)mounts_.read(root_.canonical());
    remote_->set_mounts(mounts_.mounts(), root_.canonical());
    root_.set_remote(remote_.get());
    tree_->want_all(root_);
    look_to_the_end();
    wait_for_remote();
    tree_->check_content(root_, 0);
    after_look();
    publish();
    return {};
}

ContentStore::~ContentStore() {
    remote_.reset();
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
    Nanos next = std::min(
        {next_root_check_, next_poll_, polled_due_, rechecks_due_, load_due_, remote_->next_due()});
    if (!root_lost_) {
        next = std::min(
            {next, missing_due_, tree_->next_digest(), tree_->checks_due(), tree_->walk_due()});
    }
    if (first_touch_ != kNever) {
        next = std::min({next, last_touch_ + kDebounce, first_touch_ + kDebounceMax});
    }
    return next;
}

void ContentStore::step(Nanos now) {
    tree_->set_now(now);
    background_->drain();
    collect_events(now);
    collect_mounts();
    collect_remote(now);
    collect_polled(now);
    collect_due(now);
    collect_requests();
    const bool settled = first_touch_ != kNever &&
                         (now >= last_touch_ + kDebounce || now >= first_touch_ + kDebounceMax);
    if (now >= next_root_check_) {
        next_root_check_ = now + kRootCheck;
        if (check_root() && !settled) {
            reclaim();
        }
    }
    // Lost events come in bursts, too; a poll or a new root does not wait.
    if ((settled && !tree_->names_left()) || (everything_ && first_touch_ == kNever)) {
        look_again(now);
    }
    const bool whole = root_lost_ || tree_->walk(root_);
    after_look();
    if (!wanted_.empty() && !root_lost_) {
        tree_->load_requested(root_, wanted_);
        after_look();
    }
    if (!root_lost_) {
        tree_->step_digests(root_);
        tree_->check_content(root_, now);
        after_look();
    }
    load_due_ = wanted_.empty() ? kNever : now + kLoadRetry;
    if (may_publish(whole, now)) {
        if (!root_lost_) {
            remove_missing(now);
        }
        publish();
    }
    if (!rechecks_.empty() && rechecks_due_ == kNever) {
        rechecks_due_ = now + fs::kRacyPauseNs;
    }
    reclaim();
}

// ---- What there is to do -----------------------------------------------------------------------

void ContentStore::touch(const std::string& directory, std::string_view name, FileEvent event) {
    if (everything_) {
        return;
    }
    const auto [place, added] = touched_[directory].try_emplace(std::string(name), event);
    place->second = std::max(place->second, event);
    if (added && ++touched_names_ > kTouchedMax) {
        everything_ = true;
        touched_.clear();
    }
}

void ContentStore::collect_events(Nanos now) {
    watcher_->drain([&](WatchId watch, Watcher::What what, std::string_view name) {
        switch (what) {
            case Watcher::What::overflow: everything_ = true; break;
            case Watcher::What::ended:
                tree_->for_each_watched(watch, [&](const DirNode& dir) {
                    if (dir.parent != nullptr) {  // it is gone, or was unmounted
                        touch(dir.parent->path, dir.name, FileEvent::none);
                    } else {
                        everything_ = true;
                    }
                });
                if (!tree_->watch_ended(watch)) {
                    return;  // removed by the tree itself
                }
                break;
            case Watcher::What::attributes:
            case Watcher::What::content:
                if (name.starts_with("..")) {
                    break;  // links may lead through it
                }
                if (!fs::servable_name(name)) {
                    return;
                }
                tree_->for_each_watched(watch, [&](const DirNode& dir) {
                    tree_->note_event(dir, name);
                    touch(dir.path, name,
                          what == Watcher::What::content ? FileEvent::content
                                                         : FileEvent::attributes);
                });
                break;
        }
        first_touch_ = std::min(first_touch_, now);
        last_touch_ = now;
    });
}

// For changes that need no debouncing.
void ContentStore::touch_at_once(const std::string& directory, const std::string& name,
                                 FileEvent event) {
    touch(directory, name, event);
    first_touch_ = 0;
    last_touch_ = 0;
}

void ContentStore::collect_mounts() {
    if (!mounts_.changed()) {
        return;
    }
    for (const std::string& path : mounts_.read(root_.canonical())) {
        tree_->invalidate(path);
        if (const std::size_t slash = path.rfind('/'); slash != std::string::npos) {
            touch_at_once(path.substr(0, slash + 1), path.substr(slash + 1), FileEvent::none);
        } else {
            root_covered_ = true;
            next_root_check_ = 0;
        }
    }
    remote_->set_mounts(mounts_.mounts(), root_.canonical());
}

void ContentStore::collect_remote(Nanos now) {
    remote_->step(now, tree_->room());
    const RemoteMounts::News news = remote_->take_news();
    for (const std::string& path : news.volumes) {
        const std::size_t slash = path.rfind('/');
        touch_at_once(path.substr(0, slash + 1), path.substr(slash + 1), FileEvent::none);
    }
    for (const std::string& path : news.files) {
        first_touch_ = last_touch_ = 0;  // for links, which are checked each time
        for (const auto& [directory, name] : tree_->take_pending(path)) {
            touch_at_once(directory, name, FileEvent::none);
        }
    }
}

void ContentStore::look_to_the_end() {
    while (!tree_->walk(root_) && !options_.stop.stop_requested()) {
    }
}

// The first snapshot includes remote mounts, unless they take too long.
void ContentStore::wait_for_remote() {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::nanoseconds(kRemoteAtStart);
    while (!remote_->idle() && Clock::now() < end && !options_.stop.stop_requested()) {
        collect_remote(0);
        if (first_touch_ != kNever) {
            look_again(0);
            look_to_the_end();
        } else {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
}

void ContentStore::collect_polled(Nanos now) {
    if (now < polled_due_) {
        return;
    }
    polled_due_ = now + kPoll;
    if (!polling_) {
        for (const auto& [directory, name] : tree_->to_be_polled(mounts_.mounts())) {
            touch_at_once(directory, name, FileEvent::none);
        }
    }
}

void ContentStore::collect_due(Nanos now) {
    if (now >= rechecks_due_) {
        rechecks_due_ = kNever;
        for (const ContentTree::Recheck& recheck : std::exchange(rechecks_, {})) {
            touch_at_once(recheck.directory, recheck.name, FileEvent::none);
        }
    }
    if (next_poll_ == kNever && needs_polling()) {
        next_poll_ = now + poll_pause();
    }
    if (now >= next_poll_) {
        everything_ = true;
    }
}

// Whether something may change without a report.
bool ContentStore::needs_polling() const {
    return polling_ || !watcher_->reports_all() || tree_->has_hard_links();
}

Nanos ContentStore::poll_pause() const {
    const auto files = static_cast<Nanos>(tree_->files());
    return polling_ ? kPoll : std::max(kPoll, files * kPollPausePerFile);
}

void ContentStore::collect_requests() {
    if (wanted_.size() >= LoadQueue::kCapacity) {
        return;  // the queue fills up, and request_load() fails
    }
    LoadQueue::Batch batch;
    const std::size_t count = queue_->drain(batch);
    for (std::size_t i = 0; i < count; ++i) {
        if (std::find(wanted_.begin(), wanted_.end(), batch[i]) == wanted_.end()) {
            wanted_.push_back(batch[i]);
        }
    }
}

// ---- Doing it ----------------------------------------------------------------------------------

bool ContentStore::open_root() {
    auto root = fs::Root::open(options_.root, options_.follow_links);
    if (!root) {
        return false;
    }
    root_ = std::move(*root);
    for (const std::string& path : mounts_.read(root_.canonical())) {
        tree_->invalidate(path);
    }
    remote_->set_mounts(mounts_.mounts(), root_.canonical());
    root_.set_remote(remote_.get());
    root_lost_ = root_covered_ = false;
    everything_ = true;
    return true;
}

bool ContentStore::check_root() {
    const auto info = root_.look_again();
    if (info && info->kind == fs::Kind::directory && info->same_object(root_.info()) &&
        !root_covered_) {
        if (std::exchange(root_lost_, false)) {
            options_.warn("the root '" + options_.root + "' is back");
            everything_ = true;
        }
        // The same directory may have a new path, by which links are checked.
        return root_.in_place() || open_root() || !root_lost_;
    }
    if (!info && (info.error() == Status::no_fds || info.error() == Status::no_memory)) {
        return !root_lost_;  // not known at the moment
    }
    if (open_root()) {
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
        // What was reported is part of the root going away.
        everything_ = false;
    }
    const bool everything = std::exchange(everything_, false);
    auto touched = std::exchange(touched_, {});
    touched_names_ = 0;
    first_touch_ = last_touch_ = kNever;
    next_poll_ = needs_polling() ? now + poll_pause() : kNever;
    if (root_lost_) {
        return;
    }
    if (everything) {
        tree_->want_all(root_);
        return;
    }
    for (const auto& [directory, names] : touched) {
        tree_->want_names(directory, names);
    }
    tree_->want_links();
}

// What belongs together is published together, unless the walk takes too long.
bool ContentStore::may_publish(bool whole, Nanos now) {
    held_since_ = whole ? kNever : std::min(held_since_, now);
    if (whole || now - held_since_ < kHeldMax) {
        return whole;
    }
    held_since_ = now;
    return true;
}

void ContentStore::remove_missing(Nanos now) {
    missing_due_ = tree_->check_missing(root_, now);
    after_look();
    // What is missing in a replaced root may exist in the new one.
    if (tree_->has_due_missing() && check_root() && !everything_) {
        tree_->remove_missing(root_);
    }
}

void ContentStore::after_look() {
    for (ContentTree::Recheck& recheck : tree_->take_rechecks()) {
        rechecks_.push_back(std::move(recheck));
    }
    tree_->warn_of_unreadable();
    tree_->warn_of_pseudo();
    tree_->warn_of_links();
    tree_->warn_of_memory();
    tree_->warn_of_remote();
    if (tree_->watch_failed()) {
        fall_back_to_polling(watcher_->why_no_more());
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
    const auto stamp = [this](const Entry* entry) {
        // Only the loader makes entries, and it makes them as OwnedEntry.
        auto* owned = const_cast<OwnedEntry*>(static_cast<const OwnedEntry*>(entry));
        if (owned != nullptr && owned->first_version == 0) {
            owned->first_version = version_;
        }
    };
    for (const Snapshot::Change& change : changes) {
        stamp(change.after);
        if (change.after != nullptr) {
            std::for_each(change.after->variants.begin(), change.after->variants.end(), stamp);
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
    // Acquire: a worker's last reads happen before the frees here.
    std::erase_if(snapshots_, [](const auto& snapshot) {
        return snapshot->holders.load(std::memory_order_acquire) == 0;
    });
    // An entry is in the snapshots from `first_version` up to, not including, `removed_version`;
    // after those, pins that outlive them may hold it.
    std::erase_if(retired_, [this](const Retired& retired) {
        const auto first =
            std::find_if(snapshots_.begin(), snapshots_.end(), [&retired](const auto& held) {
                return held->version() >= retired.entry->first_version;
            });
        const bool in_snapshot =
            first != snapshots_.end() && (*first)->version() < retired.removed_version;
        return !in_snapshot && retired.entry->holders.load(std::memory_order_acquire) == 0;
    });
}

ContentStats ContentStore::stats() const {
    ContentStats stats;
    stats.version = version_;
    stats.files = tree_->files();
    stats.directories = tree_->directories();
    stats.entries = newest().entries().size();
    stats.unloaded_entries = tree_->unloaded_entries();
    stats.memory_bytes = tree_->usage().memory_bytes;
    stats.metadata_bytes = tree_->usage().metadata_bytes;
    stats.open_files = tree_->usage().open_files;
    stats.unreadable = tree_->unreadable().size();
    stats.checks = tree_->checks();
    stats.snapshots = snapshots_.size();
    stats.digests = tree_->unfinished_digests();
    stats.watching = !polling_;
    return stats;
}

}  // namespace sluice::http

// ContentStore: keeps what is served in step with the root directory, and hands it to the workers.
//
// open() walks the tree once. Then the store listens for changes, gathers those that belong
// together, looks at what they touched, and publishes a new snapshot to every attached view.
// Nothing runs by itself: one thread, the loader's, waits for wait_handle() or next_deadline() and
// calls step(), so it can do other work, too.
//
// OWNERSHIP AND THREADS. Call open(), attach() and detach() before that thread steps, or on it. The
// store owns snapshots, entries and bytes; workers reach them through their views. At the end: stop
// stepping, destroy the views, then the store.
//
// WHEN A CHANGE SHOWS. 20 ms after the last of a burst of changes, or 100 ms after its first. A
// file that is still being written is held back up to 120 ms while there is an older version to
// serve; a large file up to 100 ms, until it is known whether its bytes changed. What is missing is
// served for another 100 ms, and as long as the whole root is missing. Long walks are done in
// slices, one in each step; meanwhile nothing is published for a second at most, so that what
// belongs together is shown together. Where the system cannot report changes (network file systems,
// the limits of inotify), the tree, or the part of it that lies there, is polled every two seconds.
// Where it reports most of them (Windows), the store listens and polls. A mount counts as a change
// of what it covers. A change that the system does not report (through a writable memory map, or
// under another name of a hard-linked file) shows with the next reported one, or at the next walk
// of everything.
//
// FAILURE. open() says in one line why a root cannot be served. Later troubles never end the
// service: what was published last stays, and options.warn is called.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "content/background.h"
#include "content/files.h"
#include "content/loader.h"
#include "content/mounts.h"
#include "content/remote_mounts.h"
#include "content/tree.h"
#include "content/watcher.h"
#include "core/clock.h"
#include "core/result.h"
#include "http/content_view.h"
#include "http/load_queue.h"

namespace sluice::http {

struct ContentStats {
    std::uint64_t version = 0;
    std::uint64_t files = 0;
    std::uint64_t directories = 0;
    std::uint64_t entries = 0;           // paths that are served
    std::uint64_t unloaded_entries = 0;  // of these and their variants: opened on request
    std::uint64_t memory_bytes = 0;      // bodies and metadata, old versions included
    std::uint64_t metadata_bytes = 0;    // of that metadata
    std::uint64_t open_files = 0;        // old versions included
    std::uint64_t unreadable = 0;
    std::uint64_t checks = 0;     // of contents, running or queued
    std::uint64_t snapshots = 0;  // held by someone
    std::uint64_t digests = 0;    // not made yet
    bool watching = false;        // false: polling the tree every two seconds
};

class ContentStore {
  public:
    [[nodiscard]] static Result<std::unique_ptr<ContentStore>> open(ContentOptions options);
    ~ContentStore();
    ContentStore(const ContentStore&) = delete;
    ContentStore& operator=(const ContentStore&) = delete;

    // Gives the view the newest snapshot now and after every change; `wake` is called each time.
    void attach(ContentView& view, std::function<void()> wake);
    void detach(ContentView& view);

    // Readable when there is something to do before next_deadline(): an epoll descriptor, on
    // Windows an event.
    [[nodiscard]] std::intptr_t wait_handle() const { return watcher_->wait_handle(); }
    // When to call step() at the latest, by the clock that step() is given.
    [[nodiscard]] Nanos next_deadline() const;
    // Does the work that is due, or a part of it; waits for nothing but the disk.
    void step(Nanos now);
    // The next step walks the whole tree, whatever was reported.
    void look_at_everything() noexcept { everything_ = true; }

    [[nodiscard]] const Snapshot& newest() const { return *snapshots_.back(); }
    [[nodiscard]] ContentStats stats() const;

  private:
    explicit ContentStore(ContentOptions options);
    [[nodiscard]] Result<void> start();

    void collect_events(Nanos now);
    void collect_due(Nanos now);
    [[nodiscard]] bool needs_polling() const;
    [[nodiscard]] Nanos poll_pause() const;
    void collect_requests();
    void touch(const std::string& directory, std::string_view name, FileEvent event);
    void touch_at_once(const std::string& directory, const std::string& name, FileEvent event);
    void collect_mounts();
    void collect_polled(Nanos now);
    void collect_remote(Nanos now);
    void wait_for_remote();
    void look_to_the_end();
    void look_again(Nanos now);
    [[nodiscard]] bool may_publish(bool whole, Nanos now);
    void remove_missing(Nanos now);
    [[nodiscard]] bool check_root();
    [[nodiscard]] bool open_root();
    void fall_back_to_polling(std::string_view why);
    void after_look();
    void publish();
    void reclaim();

    struct Attached {
        ContentView* view;
        std::function<void()> wake;
    };
    struct Retired {
        std::unique_ptr<OwnedEntry> entry;
        std::uint64_t removed_version;  // version of the first snapshot without it
    };

    ContentOptions options_;
    std::unique_ptr<Watcher> watcher_;
    std::unique_ptr<LoadQueue> queue_;
    fs::Root root_;
    MountTable mounts_;
    std::unique_ptr<RemoteMounts> remote_;
    bool root_lost_ = false;
    bool root_covered_ = false;  // something else was mounted over it
    bool polling_ = false;
    std::unique_ptr<ContentTree> tree_;
    std::unique_ptr<BackgroundWork> background_;  // destroyed before what its jobs report to

    std::vector<Attached> views_;
    std::vector<std::unique_ptr<Snapshot>> snapshots_;  // by version; the last is the newest
    std::vector<Retired> retired_;
    std::uint64_t version_ = 0;

    // What was touched since the last look: directory -> name -> event.
    std::map<std::string, std::unordered_map<std::string, FileEvent>> touched_;
    std::size_t touched_names_ = 0;
    bool everything_ = false;  // walk the whole tree
    Nanos first_touch_ = kNever;
    Nanos last_touch_ = kNever;
    std::vector<ContentTree::Recheck> rechecks_;
    Nanos rechecks_due_ = kNever;
    std::vector<const Entry*> wanted_;  // unloaded entries that workers wait for
    Nanos load_due_ = kNever;
    Nanos missing_due_ = kNever;
    Nanos held_since_ = kNever;  // since when changes are held back, until the walk is complete
    Nanos next_root_check_ = 0;
    Nanos next_poll_ = kNever;  // of the whole tree
    Nanos polled_due_ = 0;      // of the parts that no watch reports
};

}  // namespace sluice::http

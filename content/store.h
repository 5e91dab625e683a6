// ContentStore: keeps what is served in step with the root directory, and hands it to the workers.
//
// It looks at the tree once in open(), listens for changes, gathers those that belong together,
// looks again at what they touched, and publishes a new snapshot to every attached view. Nothing
// here runs by itself: one thread, the loader's, waits for wait_handle() or next_deadline() and
// calls step(), so that it can do other work beside.
//
// OWNERSHIP AND THREADS. open(), attach() and detach() happen before that thread steps, or on it.
// The store owns snapshots, entries and the bytes; workers reach them through their views. At the
// end: stop stepping, destroy the views, then the store.
//
// WHEN A CHANGE SHOWS. After 20 ms without a further one, or 100 ms after the first; a file that is
// still being written to is held back a little longer while there is an older version to serve, 120
// ms at most; a large file, until it is known whether it has other bytes, 100 ms at most.
// What is missing is served for another 100 ms, and as long as the whole root is missing.
// What takes long to look at is looked at in slices, one in each step. Meanwhile nothing is shown
// for a second at most, so that what belongs together is shown together. Where the system
// cannot tell of changes (network file systems, the limits of inotify), the tree, or the part of it
// that lies there, is looked through every two seconds; where it tells of most (Windows), it does
// both. Mounts count as changes of what they cover. A change that the system reports to no one
// (through a writable memory map, or under another name of a hard-linked file) shows with the next
// one that it does report, or when everything is looked at again.
//
// FAILURE. open() says in one line why a root cannot be served. Later troubles never end the
// service: what was published last stays, and options.warn hears of it.
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
    std::uint64_t entries = 0;           // paths that answer
    std::uint64_t unloaded_entries = 0;  // of these and their variants: to be opened on request
    std::uint64_t memory_bytes = 0;    // of content and what is known of it, old versions included
    std::uint64_t metadata_bytes = 0;  // of that what is no content
    std::uint64_t open_files = 0;      // old versions included
    std::uint64_t unreadable = 0;
    std::uint64_t checks = 0;     // contents that are being looked at, or wait for it
    std::uint64_t snapshots = 0;  // held by someone
    std::uint64_t digests = 0;    // wanted and not made yet
    bool watching = false;        // false: looking through the tree every two seconds
};

class ContentStore {
  public:
    [[nodiscard]] static Result<std::unique_ptr<ContentStore>> open(ContentOptions options);
    ~ContentStore();
    ContentStore(const ContentStore&) = delete;
    ContentStore& operator=(const ContentStore&) = delete;

    // Gives the view the newest snapshot now and after every change; `wake` is called after each.
    void attach(ContentView& view, std::function<void()> wake);
    void detach(ContentView& view);

    // Readable when there is something to do before next_deadline(): an epoll descriptor, on
    // Windows an event.
    [[nodiscard]] std::intptr_t wait_handle() const { return watcher_->wait_handle(); }
    // When step() wants to be called at the latest; an instant of the clock that step() is given.
    [[nodiscard]] Nanos next_deadline() const;
    // Does what there is to do, or a part of it, and returns; waits for nothing but the disk.
    void step(Nanos now);
    // The next step looks at everything again, whatever was told.
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
    bool root_covered_ = false;  // something else was mounted where it lies
    bool polling_ = false;
    std::unique_ptr<ContentTree> tree_;
    std::unique_ptr<BackgroundWork> background_;  // ends before what its jobs report to

    std::vector<Attached> views_;
    std::vector<std::unique_ptr<Snapshot>> snapshots_;  // by version; the last is the newest
    std::vector<Retired> retired_;
    std::uint64_t version_ = 0;

    // What was touched since the last look: directory -> name -> how.
    std::map<std::string, std::unordered_map<std::string, FileEvent>> touched_;
    std::size_t touched_names_ = 0;
    bool everything_ = false;  // too much to list
    Nanos first_touch_ = kNever;
    Nanos last_touch_ = kNever;
    std::vector<ContentTree::Recheck> rechecks_;
    Nanos rechecks_due_ = kNever;
    std::vector<const Entry*> wanted_;  // cold entries that workers wait for
    Nanos load_due_ = kNever;
    Nanos missing_due_ = kNever;
    Nanos held_since_ = kNever;  // something was seen and not shown, because there is more to see
    Nanos next_root_check_ = 0;
    Nanos next_poll_ = kNever;  // of everything
    Nanos polled_due_ = 0;      // and of what no watch tells of
};

}  // namespace sluice::http

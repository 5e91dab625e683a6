// ContentTree: keeps the loader's tree in step with the disk, and turns differences into changes of
// entries. It decides what is served under which path; the ContentLoader decides where bytes are
// stored, the ContentStore when to look.
//
// RULES. A file is served under its own path. A directory with index.html is served under its path
// with a slash (the index), and redirects without it; one without an index does not show that it
// exists. x.br, x.zst and x.gz that hold the bytes of x are variants of x, and files in their own
// right. Hidden names and pseudo file systems (/proc) are not served; fs::Reach says which links
// are. A linked directory that contains the link is cut where it would repeat itself, and what
// links multiply is served up to a limit.
//
// ABSENCE. A node stands for a name, not for an inode. A file or directory that is exchanged for
// another keeps its node, and its entries stay until those of the other one replace them. A name
// that a look does not find is only noted as missing; remove_missing() removes it when it stays
// away.
//
// Loader's thread.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "content/background.h"
#include "content/digest_queue.h"
#include "content/files.h"
#include "content/filesystem_kind.h"
#include "content/loader.h"
#include "content/mounts.h"
#include "content/nodes.h"
#include "content/walk.h"
#include "content/watcher.h"
#include "http/snapshot.h"

namespace sluice::http {

class ContentTree {
  public:
    // `watcher` may stop watching at any time; the tree then goes on without it. The tree outlives
    // `background` and is destroyed after it.
    ContentTree(const ContentOptions& options, Watcher& watcher, BackgroundWork& background);
    ~ContentTree();
    ContentTree(const ContentTree&) = delete;
    ContentTree& operator=(const ContentTree&) = delete;

    // The time for all following calls, by the clock that step() is given.
    void set_now(Nanos now) { now_ = now; }

    // Schedules a walk of everything. Files whose times are unchanged are not read.
    void want_all(const fs::Root& root);
    // Schedules names in a directory (its path, with a slash) that the system reported. When the
    // content of a file was reported as changed, it is read even when its times are unchanged.
    void want_names(const std::string& directory,
                    const std::unordered_map<std::string, FileEvent>& names);
    // Schedules every symbolic link: its target may change without an event.
    void want_links() { walk_.links_wanted = true; }
    // Walks what is scheduled, for about two slices. True: nothing is left for now.
    bool walk(const fs::Root& root);
    // When to call walk() at the latest; 0 while something is left.
    [[nodiscard]] Nanos walk_due() const;
    [[nodiscard]] bool names_left() const { return !walk_.names.empty(); }
    // Opens the requested unloaded files as long as descriptors last; the others stay in the list.
    // An entry that the tree no longer knows is dropped from the list.
    void load_requested(const fs::Root& root, std::vector<const Entry*>& wanted);
    // Takes finished digests and starts the next one. To be called when next_digest() is due, and
    // when the background has finished something.
    void step_digests(const fs::Root& root);
    [[nodiscard]] Nanos next_digest() const;
    [[nodiscard]] std::size_t unfinished_digests() const { return digests_.unfinished(); }

    // Starts queued checks in the background (tree_checks.cpp), and takes their results into the
    // entries: at once when no check is left, else from time to time.
    void check_content(const fs::Root& root, Nanos now);
    // When to call check_content() at the latest.
    [[nodiscard]] Nanos checks_due() const;
    // Checks whose results are not in the entries yet.
    [[nodiscard]] std::uint64_t checks() const {
        return checks_.size() + postponed_checks_.size() + checks_running_ + checked_.size();
    }
    // The system reported a name: if it was missing, its absence starts anew.
    void note_event(const DirNode& dir, std::string_view name);
    // Looks once more at names that have been missing for long enough. Returns when to call it
    // again.
    [[nodiscard]] Nanos check_missing(const fs::Root& root, Nanos now);
    // Whether some of these are still missing.
    [[nodiscard]] bool has_due_missing() const { return !due_.empty(); }
    // Removes names that are still missing at a last look. To be called right before publication:
    // it loads no content, so that the look is recent.
    void remove_missing(const fs::Root& root);

    // Something else is mounted at the path (tree_mounts.cpp): nothing known there is the same any
    // more, whatever it looks like.
    void invalidate(const std::string& path);
    // Names that no watch reports: roots of remote file systems, mounted files.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> to_be_polled(
        const Mounts& mounts) const;
    void warn_of_remote();
    // Names that could not be opened yet because the file at `path` was pending (fs::kPending).
    [[nodiscard]] std::set<std::pair<std::string, std::string>> take_pending(
        const std::string& path);
    // The largest file that would be kept in memory.
    [[nodiscard]] std::uint64_t room() const { return loader_.room(); }

    // Directories of a watch (several when links lead to the same one).
    void for_each_watched(WatchId watch, const std::function<void(const DirNode&)>& visit) const;
    // False: the tree ended it itself.
    [[nodiscard]] bool watch_ended(WatchId watch);

    // Changes since the last call, in order.
    [[nodiscard]] std::vector<Snapshot::Change> take_changes() {
        return std::exchange(changes_, {});
    }
    // Entries that were replaced since the last call.
    [[nodiscard]] std::vector<std::unique_ptr<OwnedEntry>> take_retired() {
        return std::exchange(retired_, {});
    }
    struct Recheck {
        std::string directory;
        std::string name;
    };
    // Files to look at again shortly: they were written while they were read, or could not be read.
    [[nodiscard]] std::vector<Recheck> take_rechecks() { return std::exchange(rechecks_, {}); }

    // The system's limit of watches is reached.
    [[nodiscard]] bool watch_failed() const { return watch_failed_; }
    // Some files have several hard links, through which they may be edited outside of every watch.
    [[nodiscard]] bool has_hard_links() const { return has_hard_links_; }
    [[nodiscard]] const ContentUsage& usage() const { return loader_.usage(); }
    [[nodiscard]] std::uint64_t files() const { return file_count_; }
    [[nodiscard]] std::uint64_t directories() const { return directory_count_; }
    [[nodiscard]] std::uint64_t unloaded_entries() const { return unloaded_.size(); }
    // Paths that could not be read at the last look; one line when there are more than the last
    // time.
    [[nodiscard]] const std::set<std::string>& unreadable() const { return unreadable_; }
    void warn_of_unreadable();
    // One line for each kind, once: links that are not followed.
    void warn_of_links();
    // One line: file systems that are not served.
    void warn_of_pseudo();
    // One line, once: metadata leaves no room for any content.
    void warn_of_memory();

  private:
    enum class Depth : std::uint8_t { name_only, everything };
    struct Link {
        fs::Reach reach = fs::Reach::inside;
        MetadataBytes metadata;
    };
    struct Missing {
        // By an earlier check: its time starts at the next one, because a walk may take long.
        bool noted = false;
        Nanos since = kNever;
        Nanos first = kNever;  // since when, whatever events came meanwhile
        bool due = false;      // missing for long enough
    };

    // The directory, and a handle for it. Null when it is gone, replaced or missing; then its own
    // name is looked at.
    [[nodiscard]] DirNode* enter(const fs::Root& root, const std::string& directory,
                                 fs::File& handle);
    void walk_names(const fs::Root& root, const Slice& slice);
    void walk_directories(const fs::Root& root, const Slice& slice);
    void walk_links(const fs::Root& root, const Slice& slice);
    void end_look_at_links();
    [[nodiscard]] bool directories_left() const;
    void list_later(DirNode& dir);
    [[nodiscard]] bool begin_listing(const fs::Root& root);
    [[nodiscard]] DirNode* enter_from_above(const fs::Root& root, const std::string& path,
                                            fs::File& handle);
    void continue_listing(const fs::Root& root, const Slice& slice);
    void look_at_listed(const fs::Root& root, DirNode& dir, const std::string& name, fs::Kind hint);
    void read_names(DirNode& dir);
    void note_unlisted(DirNode& dir, std::uint64_t number);
    void tell_of_long_walk();

    void sync_child(const fs::Root& root, DirNode& dir, const fs::File& handle,
                    const std::string& name, fs::Kind hint, FileEvent event, Depth depth);
    void take_file(DirNode& dir, const std::string& name, fs::Opened opened, FileEvent event);
    [[nodiscard]] FileNode* find_or_add(DirNode& dir, const std::string& name);
    void follow_up(DirNode& dir, FileNode& file, ContentLoader::Outcome outcome);
    [[nodiscard]] std::expected<fs::Opened, Status> open_again(const fs::Root& root,
                                                               const FileNode& file) const;
    void want_digest(FileNode& file);
    void take_digests();
    void start_digest(const fs::Root& root, FileNode& file);
    [[nodiscard]] bool take_over(const fs::Root& root, DirNode& dir, const fs::File& handle,
                                 const std::string& name);
    void take_directory(DirNode& dir, const std::string& name, fs::Opened opened, Depth depth);
    [[nodiscard]] bool is_pseudo(const DirNode& dir, const std::string& name,
                                 const fs::Opened& opened);
    // Opens what is to be served under a name; or says why nothing is.
    [[nodiscard]] std::expected<fs::Opened, Status> open_servable(const fs::Root& root,
                                                                  const DirNode& dir,
                                                                  const fs::File& handle,
                                                                  const std::string& name,
                                                                  fs::Kind hint);
    void refused(DirNode& dir, const std::string& name, Status status);
    // For one more file or directory; `repeated`: it is in the tree already, under another path.
    [[nodiscard]] bool has_room(bool repeated);
    [[nodiscard]] bool settling(const FileNode& file, const fs::Info& info) const;
    [[nodiscard]] bool overdue(const FileNode& file) const;
    [[nodiscard]] bool known_unchanged(const fs::Root& root, const DirNode& dir,
                                       const fs::File& handle, const std::string& name,
                                       FileEvent event);

    void watch(DirNode& dir, const fs::File& handle);
    void unwatch(DirNode& dir);
    void note_filesystem(DirNode& dir, const fs::File& handle);
    [[nodiscard]] fs::FilesystemKind filesystem_kind_on(const fs::Info& info, const fs::File& node);
    void invalidate_all(DirNode& dir);
    [[nodiscard]] DirNode* find_directory(std::string_view path) const;
    // Whether a directory with its device and inode is the known one. Without its watch it is
    // another.
    [[nodiscard]] bool is_known_directory(const DirNode& dir) const {
        return dir.watch != kNoWatch || dir.remote || watch_failed_;
    }
    [[nodiscard]] std::expected<fs::File, Status> open_directory(const fs::Root& root,
                                                                 const DirNode& dir) const;
    [[nodiscard]] static std::expected<fs::File, Status> open_in(const fs::Root& root,
                                                                 const fs::File& parent,
                                                                 const DirNode& dir);

    void note_link(const DirNode& dir, const std::string& name, fs::Reach reach);
    void forget_link(const PathParts& place);

    // Which directory on disk a node stands for; other_node() finds another node for it, or null.
    void set_object(DirNode& dir, const fs::Info& info);
    void forget_object(DirNode& dir);
    [[nodiscard]] DirNode* other_node(const fs::Info& info, const DirNode* than) const;

    // Notes that a known name was not found, or is another kind of file now.
    void note_missing(const DirNode& dir, const std::string& name);
    void found(const DirNode& dir, const std::string& name);
    // Whether a name can be used for this kind: what had it before is gone.
    [[nodiscard]] bool make_room(DirNode& dir, const std::string& name, fs::Kind kind);
    // Removes a file that had the name of this directory, which has been listed by now.
    void end_file_before(const DirNode& dir);
    void note_events_below(const DirNode& dir);  // for everything missing below it
    // Whether the directory is being listed under a new name, which still needs its files.
    [[nodiscard]] bool is_moving(const PathParts& place);
    // Whether the directory, or one above it, is missing.
    [[nodiscard]] bool is_missing(const DirNode* dir) const;
    void check_due(const fs::Root& root);
    void note_unreadable(const DirNode& dir, const std::string& name, Status status);

    void remove_file(DirNode& dir, const std::string& name);
    void remove_directory(DirNode& dir, const std::string& name);
    void empty_directory(DirNode& dir);
    // For the directory and the names in it, not for what is below those.
    void forget_unreadable(const DirNode& dir);

    // Marks the file, and the file that it may be a variant of, for build().
    void mark_dirty(DirNode& dir, const std::string& name);
    void build_dirty(DirNode& dir);
    void build_name(DirNode& dir, const std::string& name);
    void build(DirNode& dir, FileNode& file);
    // The sibling that is the file's variant of this coding, or may turn out to be.
    [[nodiscard]] FileNode* sibling_of(DirNode& dir, const FileNode& file, std::size_t coding);
    // Replaces an entry by another; both may be null.
    void replace(OwnedEntry*& place, std::unique_ptr<OwnedEntry> entry);
    // The same for a variant, which is in no snapshot table.
    void replace_variant(OwnedEntry*& place, std::unique_ptr<OwnedEntry> entry);
    void evict(FileNode& file);

    // A check to be made in the background: of a sibling against its file, or, for identity, of the
    // file's type. It holds for these two contents only.
    struct Check {
        std::string directory;
        std::string name;  // of the file
        Coding coding = Coding::identity;
        std::uint64_t file_bytes = 0;     // FileNode::bytes_id
        std::uint64_t sibling_bytes = 0;  // the same
    };
    struct CheckSubject {
        DirNode* dir = nullptr;
        FileNode* file = nullptr;     // null: gone, or with other content
        FileNode* sibling = nullptr;  // null for identity, too
    };
    enum class Finding : std::uint8_t {
        same,
        different,
        unreadable,
        changed,  // changed on disk, which the tree has not seen yet
    };
    void request_check(const DirNode& dir, const FileNode& file, Coding coding,
                       const FileNode* sibling);
    [[nodiscard]] CheckSubject subject_of(const Check& check);
    void begin_checks(const fs::Root& root, Nanos now);
    [[nodiscard]] Status begin_check(const fs::Root& root, const Check& check,
                                     const CheckSubject& subject);
    void compare_later(const Check& check, fs::Opened file, fs::Opened sibling);
    void sniff_later(const Check& check, const FileNode& node, fs::Opened file);
    void finish_comparing(const Check& check, Finding finding);
    void finish_sniffing(const Check& check, const TypeSniffer& sniffer, bool changed);
    void postpone(const Check& check, const CheckSubject& subject);
    void build_checked();
    void forget_wrong(const std::string& path);
    void warn_of_wrong_siblings(Nanos now);

    void look_later(const DirNode& dir, const std::string& name);
    void warn_once(bool& warned, std::string_view line) const;

    const ContentOptions& options_;
    Watcher& watcher_;
    BackgroundWork& background_;
    Nanos now_ = 0;
    ContentLoader loader_;
    DigestQueue digests_;
    std::set<std::pair<std::string, std::string>>
        digested_;  // entries to be rebuilt with their digests
    Nanos digested_due_ = kNever;
    std::unique_ptr<DirNode> top_;
    std::unordered_map<WatchId, std::vector<DirNode*>> watched_;
    Walk walk_;
    std::optional<std::pair<std::string, fs::File>>
        above_;  // a parent directory opened in this slice
    std::map<PathParts, Link> links_;
    std::array<std::uint64_t, 4> links_by_reach_{};
    // Directories by device and inode.
    std::set<std::tuple<std::uint64_t, std::uint64_t, DirNode*>> objects_;
    std::unordered_map<std::uint64_t, fs::FilesystemKind> filesystem_kinds_;  // by device
    std::set<PathParts> remote_roots_;  // where remote file systems begin
    std::size_t remote_roots_warned_ = 0;
    std::map<std::string, std::set<PathParts>> pending_;
    std::unordered_map<const Entry*, FileNode*>
        unloaded_;                          // unloaded entries of the newest snapshot
    std::map<PathParts, Missing> missing_;  // sorted: a directory before what is below it
    std::vector<PathParts> due_;            // of these, those to be removed
    std::set<std::string> unreadable_;
    std::uint64_t unreadable_warned_ = 0;
    std::set<std::string> pseudo_;
    std::uint64_t pseudo_warned_ = 0;
    std::multimap<std::uint64_t, Check> checks_;  // by the size of the file: the smallest first
    std::vector<Check> postponed_checks_;
    Nanos postponed_due_ = kNever;
    std::size_t checks_running_ = 0;
    std::set<std::string> checked_;  // directories with results that are in no entry yet
    Nanos checked_due_ = kNever;
    std::set<std::string> wrong_siblings_;  // whose content is not that of their file
    std::uint64_t wrong_warned_ = 0;
    Nanos wrong_due_ = kNever;
    bool has_hard_links_ = false;
    bool warned_depth_ = false;
    bool warned_entries_ = false;
    bool warned_memory_ = false;
    bool warned_budget_ = false;
    bool warned_repeated_ = false;
    bool warned_hidden_links_ = false;
    bool warned_outside_links_ = false;
    bool watch_failed_ = false;
    std::uint64_t listing_ = 0;  // number of the last listing, to find names it lacks
    std::uint64_t file_count_ = 0;
    std::uint64_t directory_count_ = 0;
    std::uint64_t repeated_count_ = 0;  // of both, those repeated by links

    std::vector<Snapshot::Change> changes_;
    std::vector<std::unique_ptr<OwnedEntry>> retired_;
    std::vector<Recheck> rechecks_;
};

}  // namespace sluice::http

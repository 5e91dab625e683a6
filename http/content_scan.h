// ContentTree: keeps the loader's picture of the root in step with the disk, and turns differences
// into changes of entries. It decides what is served under which path; where bytes live is the
// ContentLoader's business, when to look is the ContentStore's.
//
// RULES. A file is served under its own path. A directory with index.html is served under its path
// with a slash (the index), and redirects without it; one without an index does not show that it
// exists. x.br, x.zst and x.gz that are not older than x are variants of x, and files in their own
// right. Hidden names, and links that lead out of the root or to hidden names, do not exist. A
// linked directory that contains the link is cut where it would begin again.
//
// Loader's thread.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "http/content_loader.h"
#include "http/content_tree.h"
#include "http/fs.h"
#include "http/watcher.h"

namespace sluice::http {

class ContentTree {
  public:
    // `watcher` may be told to stop watching at any time; the tree then goes on without.
    ContentTree(const ContentOptions& options, Watcher& watcher);
    ~ContentTree();
    ContentTree(const ContentTree&) = delete;
    ContentTree& operator=(const ContentTree&) = delete;

    // Looks at everything again. Files whose times say that they are the same are not read.
    void sync_all(const fs::Root& root);
    // Looks at one name below a directory (its path, with a slash) again. With `reread` the file
    // is read even when its times have not changed.
    void sync_name(const fs::Root& root, const std::string& directory, const std::string& name,
                   bool reread);
    // Looks at every symbolic link again: what it leads to may change without a sign.
    void sync_links(const fs::Root& root);
    // Opens cold files that were asked for, as long as descriptors last; the others stay in the
    // list. An entry that the tree does not know any more is dropped from the list.
    void warm(const fs::Root& root, std::vector<const Entry*>& wanted, Nanos now);

    // Directories that a watch belongs to (several when links lead to the same one).
    void for_each_watched(WatchId watch, const std::function<void(const DirNode&)>& visit) const;
    void watch_ended(WatchId watch);

    // What was changed since the last call, in order.
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
    // Files to look at again shortly: written to while they were read, or not readable just now.
    [[nodiscard]] std::vector<Recheck> take_rechecks() { return std::exchange(rechecks_, {}); }

    // The system's limit of watches is reached.
    [[nodiscard]] bool watch_failed() const { return watch_failed_; }
    [[nodiscard]] const ContentUsage& usage() const { return loader_.usage(); }
    [[nodiscard]] std::uint64_t files() const { return file_count_; }
    [[nodiscard]] std::uint64_t directories() const { return directory_count_; }
    [[nodiscard]] std::uint64_t cold_entries() const { return cold_.size(); }
    // Paths that could not be read at the last look; told in one line when there are more of them
    // than the last time.
    [[nodiscard]] const std::set<std::string>& unreadable() const { return unreadable_; }
    void warn_of_unreadable();

  private:
    enum class Depth : std::uint8_t { name_only, everything };

    void sync_directory(const fs::Root& root, DirNode& dir, const fs::File& handle);
    void sync_child(const fs::Root& root, DirNode& dir, const fs::File& handle,
                    const std::string& name, fs::Kind hint, bool reread, Depth depth);
    void take_file(DirNode& dir, const std::string& name, fs::Opened opened);
    void take_directory(const fs::Root& root, DirNode& dir, const std::string& name,
                        fs::Opened opened, Depth depth);
    void refused(DirNode& dir, const std::string& name, Status status);
    [[nodiscard]] bool settling(DirNode& dir, FileNode& file, const fs::Info& info);
    [[nodiscard]] bool known_unchanged(const DirNode& dir, const fs::File& handle,
                                       const std::string& name, bool reread) const;

    void watch(DirNode& dir, const fs::File& handle);
    void unwatch(DirNode& dir);
    [[nodiscard]] DirNode* find_directory(std::string_view path);
    [[nodiscard]] std::expected<fs::File, Status> open_directory(const fs::Root& root,
                                                                 const DirNode& dir) const;

    void remove_file(DirNode& dir, const std::string& name);
    void remove_directory(DirNode& dir, const std::string& name);
    void empty_directory(DirNode& dir);
    // The directory itself and the names in it, not what is in those.
    void forget_unreadable(const DirNode& dir);

    // Marks the file, and the one that it may be a variant of, for build().
    void mark_dirty(DirNode& dir, const std::string& name);
    void build_dirty(DirNode& dir);
    void build(DirNode& dir, FileNode& file);
    [[nodiscard]] FileNode* usable_sibling(DirNode& dir, const FileNode& file, std::size_t coding);
    // Puts an entry, or nothing, in the place of another; both may be null.
    void replace(OwnedEntry*& place, std::unique_ptr<OwnedEntry> entry);
    // The same for a variant, which is in no table of its own.
    void replace_variant(OwnedEntry*& place, std::unique_ptr<OwnedEntry> entry);
    void chill(FileNode& file);
    void look_later(const DirNode& dir, const std::string& name);
    void warn_once(bool& told, std::string_view line) const;

    const ContentOptions& options_;
    Watcher& watcher_;
    ContentLoader loader_;
    std::unique_ptr<DirNode> top_;
    std::unordered_map<WatchId, std::vector<DirNode*>> watched_;
    std::set<std::pair<std::string, std::string>> links_;  // directory's path, name
    std::unordered_map<const Entry*, FileNode*> cold_;     // cold entries of the newest snapshot
    std::set<std::string> unreadable_;
    std::uint64_t unreadable_told_ = 0;
    bool told_depth_ = false;
    bool told_entries_ = false;
    bool watch_failed_ = false;
    std::uint64_t listing_ = 0;  // numbers the listings, for finding what a listing lacks
    std::uint64_t file_count_ = 0;
    std::uint64_t directory_count_ = 0;

    std::vector<Snapshot::Change> changes_;
    std::vector<std::unique_ptr<OwnedEntry>> retired_;
    std::vector<Recheck> rechecks_;
};

}  // namespace sluice::http

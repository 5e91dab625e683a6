// Turns what is on disk into nodes of the tree. walk.cpp has the order of the walk,
// tree_directories.cpp directories and their watches, tree_entries.cpp the entries that are made of
// files, tree_absence.cpp what happens to nodes whose names are not found.
#include "content/tree.h"

#include <algorithm>
#include <string>
#include <utility>

namespace sluice::http {

namespace {

// A limit against trees that links or tools make absurdly deep.
constexpr std::uint32_t kDepthMax = 64;

// What links repeat may be this many times what is there without them.
constexpr std::uint64_t kRepeatedShare = 16;

// A file whose change is younger than this may still be being written. While there is an older
// version to serve, wait; but not for ever, since some files are written all the time.
constexpr std::int64_t kSettleNs = 20 * kMillisecond;
constexpr std::int64_t kSettleMaxNs = 120 * kMillisecond;

// How long a file that was opened on request stays open at least, so that the client that requested
// it is answered even when others request more files than may be open.
constexpr Nanos kOpenTimeMin = 100 * kMillisecond;

}  // namespace

ContentTree::ContentTree(const ContentOptions& options, Watcher& watcher,
                         BackgroundWork& background)
    : options_(options),
      watcher_(watcher),
      background_(background),
      loader_(options),
      digests_(background),
      top_(std::make_unique<DirNode>()) {
    top_->path.push_back('/');
}

ContentTree::~ContentTree() {
    empty_directory(*top_);
}

void ContentTree::warn_once(bool& warned, std::string_view line) const {
    if (!std::exchange(warned, true)) {
        options_.warn(line);
    }
}

void ContentTree::look_later(const DirNode& dir, const std::string& name) {
    rechecks_.push_back({dir.path, name});
}

// ---- Looking -----------------------------------------------------------------------------------

DirNode* ContentTree::enter(const fs::Root& root, const std::string& directory, fs::File& handle) {
    DirNode* dir = find_directory(directory);
    if (dir == nullptr) {
        return nullptr;  // gone meanwhile
    }
    const bool known = is_known_directory(*dir) || dir->parent == nullptr;
    if (auto opened = open_directory(root, *dir); opened && known) {
        handle = std::move(*opened);
        return dir;
    }
    if (dir->parent != nullptr) {
        const std::string name = dir->name;
        fs::File above;
        if (DirNode* parent = enter(root, std::string(dir->parent->path), above)) {
            sync_child(root, *parent, above, name, fs::Kind::unknown, FileEvent::none,
                       Depth::everything);
            build_dirty(*parent);
        }
    }
    return nullptr;
}

bool ContentTree::known_unchanged(const fs::Root& root, const DirNode& dir, const fs::File& handle,
                                  const std::string& name, FileEvent event) {
    const auto found = dir.files.find(name);
    if (event == FileEvent::content || found == dir.files.end()) {
        return false;
    }
    const FileNode& file = *found->second;
    if (file.racy || file.content_id == 0) {
        return false;
    }
    const auto info = root.info_below(handle, name, file.link);
    if (!info || !info->unchanged(file.info)) {
        return false;
    }
    has_hard_links_ = has_hard_links_ || info->hard_linked;
    return true;
}

void ContentTree::sync_child(const fs::Root& root, DirNode& dir, const fs::File& handle,
                             const std::string& name, fs::Kind hint, FileEvent event, Depth depth) {
    if (!fs::servable_name(name)) {
        return;
    }
    ++walk_.looked_at;
    const bool known = dir.files.contains(name) || dir.directories.contains(name);
    if (!known && !has_room(dir.repeated)) {
        return;
    }
    if (hint == fs::Kind::unknown) {
        const auto info = root.info_below(handle, name, false);
        if (!info) {
            forget_link({dir.path, name});
            return refused(dir, name, info.error());
        }
        hint = info->kind;
    }
    if (hint != fs::Kind::link && !links_.empty()) {
        forget_link({dir.path, name});
    }
    if (known_unchanged(root, dir, handle, name, event)) {
        return found(dir, name);
    }
    if (!known && hint == fs::Kind::file && take_over(root, dir, handle, name)) {
        return;
    }
    auto opened = open_servable(root, dir, handle, name, hint);
    if (hint == fs::Kind::link) {
        const bool refused_link = !opened && opened.error() == Status::not_supported;
        note_link(dir, name,
                  opened         ? opened->reach
                  : refused_link ? root.reach_below(handle, name)
                                 : fs::Reach::inside);
    }
    if (!opened) {
        return refused(dir, name, opened.error());
    }
    note_unreadable(dir, name, Status::ok);
    if (!make_room(dir, name, opened->info.kind)) {
        return;
    }
    if (opened->info.kind == fs::Kind::directory) {
        take_directory(dir, name, std::move(*opened), depth);
    } else {
        take_file(dir, name, std::move(*opened), event);
    }
}

std::expected<fs::Opened, Status> ContentTree::open_servable(const fs::Root& root,
                                                             const DirNode& dir,
                                                             const fs::File& handle,
                                                             const std::string& name,
                                                             fs::Kind hint) {
    if (hint == fs::Kind::other) {
        return std::unexpected(Status::not_supported);
    }
    auto opened = root.open_below(handle, name, hint);
    if (!opened) {
        if (const auto where =
                opened.error() == fs::kPending ? root.remote_path(handle, name) : std::nullopt) {
            pending_[*where].emplace(dir.path, name);
        }
        return opened;
    }
    if (opened->info.kind == fs::Kind::file && name.front() == '.') {
        return std::unexpected(Status::not_supported);  // ".well-known" must be a directory
    }
    if (is_pseudo(dir, name, *opened)) {
        return std::unexpected(Status::not_supported);
    }
    if (opened->info.kind == fs::Kind::directory && opened->through_link) {
        for (const DirNode* up = &dir; up != nullptr; up = up->parent) {
            if (up->info.same_object(opened->info)) {
                return std::unexpected(Status::not_supported);  // a loop
            }
        }
    }
    return opened;
}

void ContentTree::refused(DirNode& dir, const std::string& name, Status status) {
    if (status == Status::no_fds || status == Status::no_memory) {
        // This says nothing about the file: it stays as it is, and is tried again.
        look_later(dir, name);
        loader_.shrink_open_files();
        while (loader_.too_many_open()) {
            evict(*loader_.oldest_open());
        }
    } else if (status == fs::kPending || status == fs::kUnresponsive) {
        found(dir, name);
    } else if (status == Status::io_error) {
        note_unreadable(dir, name, status);  // this says nothing about it, either
        found(dir, name);
    } else if (dir.files.contains(name) || dir.directories.contains(name)) {
        note_missing(dir, name);
    } else {
        note_unreadable(dir, name, status);
    }
}

// While there is an older version to serve, a file that was just changed waits for a pause.
bool ContentTree::settling(const FileNode& file, const fs::Info& info) const {
    return file.own != nullptr && !file.growing() && !overdue(file) &&
           fs::changed_just_now(info.stamp.ctime_ns, options_.wall_now_ns(), kSettleNs);
}

bool ContentTree::overdue(const FileNode& file) const {
    return file.waiting_since != kNever && now_ - file.waiting_since >= kSettleMaxNs;
}

bool ContentTree::has_room(bool repeated) {
    const std::uint64_t count = file_count_ + directory_count_;
    if (count >= options_.entries_max || links_.size() >= options_.entries_max) {
        warn_once(warned_entries_,
                  "more files and directories than the limit allows: the rest is not served");
        return false;
    }
    if (usage().metadata_bytes >= options_.metadata_bytes_max) {
        warn_once(warned_memory_,
                  "more files than this process has memory to know of: the rest is not served "
                  "(raise the memory limit of its container or service)");
        return false;
    }
    const std::uint64_t once = count - repeated_count_;
    if (repeated && repeated_count_ >= std::max(options_.repeated_max, kRepeatedShare * once)) {
        warn_once(warned_repeated_,
                  "links lead to the same directories again and again: not all paths through them "
                  "are served");
        return false;
    }
    return true;
}

void ContentTree::warn_of_memory() {
    const std::uint64_t budget = options_.memory_budget_bytes;
    if (budget != 0 && usage().metadata_bytes > budget) {
        warn_once(warned_budget_,
                  "--memory-budget has no room for any content: what is known of the files takes " +
                      std::to_string(usage().metadata_bytes) + " bytes, and the budget is " +
                      std::to_string(budget) + ": everything is sent from disk (raise it)");
    }
}

FileNode* ContentTree::find_or_add(DirNode& dir, const std::string& name) {
    auto& place = dir.files[name];
    if (place == nullptr) {
        if (!has_room(dir.repeated)) {
            dir.files.erase(name);
            return nullptr;
        }
        place = std::make_unique<FileNode>();
        place->parent = &dir;
        place->name = name;
        place->metadata = loader_.cost_with_entry(*place);
        place->repeated = dir.repeated;
        place->seen = listing_;
        ++file_count_;
        repeated_count_ += place->repeated ? 1U : 0U;
        dir.coded_files += is_coded(name) ? 1U : 0U;
    }
    return place.get();
}

// The same file in the same directory under another name, as after a rename: its content is taken
// over, and it is not even opened.
bool ContentTree::take_over(const fs::Root& root, DirNode& dir, const fs::File& handle,
                            const std::string& name) {
    const DirNode* other = other_node(dir.info, &dir);
    if (other == nullptr) {
        return false;
    }
    const auto from = other->files.find(name);
    if (from == other->files.end()) {
        return false;
    }
    const auto info = root.info_below(handle, name, false);
    if (!info || !info->unchanged(from->second->info)) {
        return false;
    }
    FileNode* file = find_or_add(dir, name);
    if (file == nullptr) {
        return true;
    }
    if (!loader_.take_over(*file, *from->second)) {
        return false;
    }
    follow_up(dir, *file, ContentLoader::Outcome::loaded);
    return true;
}

void ContentTree::take_file(DirNode& dir, const std::string& name, fs::Opened opened,
                            FileEvent event) {
    FileNode* file = find_or_add(dir, name);
    if (file == nullptr) {
        return;
    }
    file->link = opened.through_link;
    file->remote = opened.source != fs::Source::local;
    has_hard_links_ = has_hard_links_ || opened.info.hard_linked;
    found(dir, name);
    const bool waits =
        !ContentLoader::same_bytes(*file, opened.info, event) && settling(*file, opened.info);
    const ContentLoader::Look look{event, overdue(*file), now_};
    follow_up(
        dir, *file,
        waits ? ContentLoader::Outcome::unstable : loader_.load(*file, std::move(opened), look));
}

// What follows from a look at a file.
void ContentTree::follow_up(DirNode& dir, FileNode& file, ContentLoader::Outcome outcome) {
    const std::string name = file.name;
    want_digest(file);
    switch (outcome) {
        case ContentLoader::Outcome::loaded: mark_dirty(dir, name); break;
        case ContentLoader::Outcome::unchanged: break;
        case ContentLoader::Outcome::unstable:
            file.waiting_since = std::min(file.waiting_since, now_);
            look_later(dir, name);
            return;
        case ContentLoader::Outcome::failed:
            if (file.own == nullptr) {
                remove_file(dir, name);
            }
            return refused(dir, name, Status::io_error);
    }
    file.waiting_since = kNever;
    if (file.racy) {
        look_later(dir, name);
    }
}

void ContentTree::take_directory(DirNode& dir, const std::string& name, fs::Opened opened,
                                 Depth depth) {
    if (dir.depth + 1 >= kDepthMax) {
        warn_once(warned_depth_, "directories are nested too deeply: the deepest are not served");
        return;
    }
    auto& place = dir.directories[name];
    DirNode* other = other_node(opened.info, place.get());
    const bool repeated = dir.repeated || (opened.through_link && other != nullptr);
    if (place == nullptr) {
        if (!has_room(repeated)) {
            dir.directories.erase(name);
            return;
        }
        place = std::make_unique<DirNode>();
        place->parent = &dir;
        place->name = name;
        place->path = dir.path + name + '/';
        place->metadata = loader_.cost_of(*place);
        place->depth = dir.depth + 1;
        place->seen = listing_;
        ++directory_count_;
        if (other != nullptr && !opened.through_link) {
            other->moved_in = walk_.number;
        }
    }
    DirNode& child = *place;
    found(dir, name);
    if (depth == Depth::name_only && child.info.same_object(opened.info)) {
        return;  // its own watch reports what happens in it, and its end
    }
    set_object(child, opened.info);
    child.link = opened.through_link;
    child.links = dir.links + (child.link ? 1U : 0U);
    repeated_count_ -= std::exchange(child.repeated, repeated) ? 1U : 0U;
    repeated_count_ += repeated ? 1U : 0U;
    note_filesystem(child, opened.file);
    watch(child, opened.file);  // before listing, so that no change is missed
    list_later(child);
}

std::expected<fs::Opened, Status> ContentTree::open_again(const fs::Root& root,
                                                          const FileNode& file) const {
    const auto handle = open_directory(root, *file.parent);
    if (!handle) {
        return std::unexpected(handle.error());
    }
    auto opened = root.open_below(*handle, file.name, file.link ? fs::Kind::link : fs::Kind::file);
    if (opened && opened->info.kind != fs::Kind::file) {
        return std::unexpected(Status::not_found);
    }
    return opened;
}

void ContentTree::load_requested(const fs::Root& root, std::vector<const Entry*>& wanted) {
    std::vector<const Entry*> waiting;
    for (const Entry* entry : wanted) {
        const auto found = unloaded_.find(entry);
        if (found == unloaded_.end()) {
            continue;  // loaded meanwhile, or gone
        }
        FileNode& file = *found->second;
        DirNode& dir = *file.parent;
        if (FileNode* oldest = loader_.oldest_open();
            !loader_.may_open() && oldest != nullptr &&
            (oldest->opened_at == 0 || now_ - oldest->opened_at >= kOpenTimeMin)) {
            evict(*oldest);
        }
        if (!loader_.may_open()) {
            waiting.push_back(entry);
            continue;
        }
        const std::string name = file.name;
        auto opened = open_again(root, file);
        if (opened) {
            const ContentLoader::Look look{FileEvent::none, overdue(file), now_};
            follow_up(dir, file, loader_.load_requested(file, std::move(*opened), look));
        } else {
            refused(dir, name, opened.error());
            if (opened.error() == Status::io_error) {
                remove_file(dir, name);
            } else if (opened.error() != fs::kUnresponsive) {
                waiting.push_back(entry);  // until it is back, or removed
            }
        }
        build_dirty(dir);
    }
    wanted = std::move(waiting);
}

void ContentTree::evict(FileNode& file) {
    loader_.unload(file);
    mark_dirty(*file.parent, file.name);
    build_dirty(*file.parent);
}

void ContentTree::forget_unreadable(const DirNode& dir) {
    auto path = unreadable_.lower_bound(dir.path);
    while (path != unreadable_.end() && path->starts_with(dir.path)) {
        const bool deeper = path->find('/', dir.path.size()) != std::string::npos;
        path = deeper ? std::next(path) : unreadable_.erase(path);
    }
}

void ContentTree::warn_of_unreadable() {
    if (unreadable_.size() > unreadable_warned_) {
        std::string line = std::to_string(unreadable_.size());
        line.append(" paths cannot be read and are not served, or as they were, among them ");
        options_.warn(line.append(*unreadable_.begin()));
    }
    unreadable_warned_ = unreadable_.size();
}

}  // namespace sluice::http

// The walk: what lies on disk becomes nodes of the tree. Its directories and watches are in
// content_directories.cpp, the entries that are made of it in content_entries.cpp.
#include "http/content_scan.h"

#include <string>
#include <utility>

namespace sluice::http {

namespace {

// A bound against trees that links or tools make absurdly deep; one descriptor is open per level.
constexpr std::uint32_t kDepthMax = 64;

// A file whose change is younger than this may be in the middle of being written: while there is an
// older version to serve, wait, but not for ever, since some files are written to all the time.
constexpr std::int64_t kSettleNs = 20 * kMillisecond;
constexpr std::int64_t kSettleMaxNs = 120 * kMillisecond;

// How long a file that was opened on request stays open at least, so that whoever asked for it
// gets to see it even when others are asking for more files than may be open.
constexpr Nanos kResidence = 100 * kMillisecond;

}  // namespace

ContentTree::ContentTree(const ContentOptions& options, Watcher& watcher)
    : options_(options), watcher_(watcher), loader_(options), top_(std::make_unique<DirNode>()) {
    top_->path.push_back('/');
}

ContentTree::~ContentTree() {
    empty_directory(*top_);
}

void ContentTree::warn_once(bool& told, std::string_view line) const {
    if (!std::exchange(told, true)) {
        options_.warn(line);
    }
}

void ContentTree::look_later(const DirNode& dir, const std::string& name) {
    rechecks_.push_back({dir.path, name});
}

// ---- Looking -----------------------------------------------------------------------------------

void ContentTree::sync_all(const fs::Root& root) {
    if (!top_->info.same_object(root.info())) {
        unwatch(*top_);
        top_->info = root.info();
    }
    watch(*top_, root.directory());
    sync_directory(root, *top_, root.directory());
    sync_links(root);
}

void ContentTree::sync_name(const fs::Root& root, const std::string& directory,
                            const std::string& name, bool reread) {
    DirNode* dir = find_directory(directory);
    if (dir == nullptr) {
        return;  // gone in the meantime
    }
    const auto handle = open_directory(root, *dir);
    if (!handle) {
        return;  // being replaced: its parent hears of it
    }
    sync_child(root, *dir, *handle, name, fs::Kind::unknown, reread, Depth::everything);
    build_dirty(*dir);
}

void ContentTree::sync_links(const fs::Root& root) {
    const std::vector<std::pair<std::string, std::string>> links(links_.begin(), links_.end());
    for (const auto& [directory, name] : links) {
        DirNode* dir = find_directory(directory);
        if (dir == nullptr) {
            links_.erase({directory, name});
            continue;
        }
        if (const auto handle = open_directory(root, *dir)) {
            sync_child(root, *dir, *handle, name, fs::Kind::unknown, false, Depth::name_only);
            build_dirty(*dir);
        }
    }
}

void ContentTree::sync_directory(const fs::Root& root, DirNode& dir, const fs::File& handle) {
    const std::uint64_t listing = ++listing_;
    forget_unreadable(dir);  // what still is so is found again
    std::vector<std::pair<std::string, fs::Kind>> later;
    const Status listed = fs::list(handle, [&](std::string_view text, fs::Kind hint) {
        std::string name(text);
        if (hint != fs::Kind::file) {
            later.emplace_back(std::move(name), hint);  // not while a listing's buffer is held
            return;
        }
        sync_child(root, dir, handle, name, hint, false, Depth::everything);
        if (const auto file = dir.files.find(name); file != dir.files.end()) {
            file->second->seen = listing;
        }
    });
    if (listed != Status::ok) {
        unreadable_.insert(dir.path);
        return;
    }
    for (const auto& [name, hint] : later) {
        sync_child(root, dir, handle, name, hint, false, Depth::everything);
        if (const auto file = dir.files.find(name); file != dir.files.end()) {
            file->second->seen = listing;
        }
        if (const auto child = dir.directories.find(name); child != dir.directories.end()) {
            child->second->seen = listing;
        }
    }
    std::vector<std::string> gone;
    for (const auto& [name, file] : dir.files) {
        if (file->seen != listing) {
            gone.push_back(name);
        }
    }
    for (const auto& [name, child] : dir.directories) {
        if (child->seen != listing) {
            gone.push_back(name);
        }
    }
    for (const std::string& name : gone) {
        remove_file(dir, name);
        remove_directory(dir, name);
    }
    build_dirty(dir);
}

bool ContentTree::known_unchanged(const DirNode& dir, const fs::File& handle,
                                  const std::string& name, bool reread) const {
    const auto found = dir.files.find(name);
    if (reread || found == dir.files.end()) {
        return false;
    }
    const FileNode& file = *found->second;
    if (file.racy || file.content_id == 0) {
        return false;
    }
    const auto info = fs::info_below(handle, name, file.link);
    return info && info->unchanged(file.info);
}

void ContentTree::sync_child(const fs::Root& root, DirNode& dir, const fs::File& handle,
                             const std::string& name, fs::Kind hint, bool reread, Depth depth) {
    if (!fs::servable_name(name)) {
        return;
    }
    if (hint == fs::Kind::unknown) {
        const auto info = fs::info_below(handle, name, false);
        if (!info) {
            links_.erase({dir.path, name});
            return refused(dir, name, info.error());
        }
        hint = info->kind;
    }
    if (hint == fs::Kind::link) {
        links_.emplace(dir.path, name);
    } else if (!links_.empty()) {
        links_.erase({dir.path, name});
    }
    if (hint == fs::Kind::other) {
        return refused(dir, name, Status::not_supported);
    }
    if (known_unchanged(dir, handle, name, reread)) {
        return;
    }
    auto opened = root.open_below(handle, name, hint);
    if (!opened) {
        return refused(dir, name, opened.error());
    }
    if (!unreadable_.empty()) {
        unreadable_.erase(dir.path + name);
    }
    if (opened->info.kind == fs::Kind::directory) {
        take_directory(root, dir, name, std::move(*opened), depth);
    } else if (name.front() == '.') {
        refused(dir, name, Status::not_supported);  // ".well-known" is a directory or nothing
    } else {
        take_file(dir, name, std::move(*opened));
    }
}

void ContentTree::refused(DirNode& dir, const std::string& name, Status status) {
    if (status == Status::no_fds || status == Status::no_memory) {
        // It says nothing about the file: what is known of it stays, and it is tried again.
        look_later(dir, name);
        loader_.shrink_open_files();
        while (loader_.too_many_open()) {
            chill(*loader_.oldest_open());
        }
        return;
    }
    remove_file(dir, name);
    remove_directory(dir, name);
    if (status == Status::access_denied || status == Status::io_error) {
        unreadable_.insert(dir.path + name);
    } else if (!unreadable_.empty()) {
        unreadable_.erase(dir.path + name);
    }
}

bool ContentTree::settling(DirNode& dir, FileNode& file, const fs::Info& info) {
    const std::int64_t now = fs::wall_now_ns();
    const bool young = now - info.stamp.ctime_ns < kSettleNs;
    if (file.own == nullptr || !young) {
        file.unsettled_since_ns = 0;
        return false;
    }
    if (file.unsettled_since_ns == 0) {
        file.unsettled_since_ns = now;
    }
    if (now - file.unsettled_since_ns >= kSettleMaxNs) {
        file.unsettled_since_ns = 0;
        return false;
    }
    look_later(dir, file.name);
    return true;
}

void ContentTree::take_file(DirNode& dir, const std::string& name, fs::Opened opened) {
    remove_directory(dir, name);
    auto& place = dir.files[name];
    if (place == nullptr) {
        if (file_count_ >= options_.entries_max) {
            dir.files.erase(name);
            warn_once(told_entries_, "more files than the limit allows: the rest is not served");
            return;
        }
        place = std::make_unique<FileNode>();
        place->parent = &dir;
        place->name = name;
        ++file_count_;
        dir.coded_files += is_coded(name) ? 1U : 0U;
    }
    FileNode& file = *place;
    file.link = opened.through_link;
    if (settling(dir, file, opened.info)) {
        return;
    }
    switch (loader_.load(file, std::move(opened))) {
        case ContentLoader::Outcome::loaded: mark_dirty(dir, name); break;
        case ContentLoader::Outcome::unchanged: break;
        case ContentLoader::Outcome::unstable: look_later(dir, name); return;
        case ContentLoader::Outcome::failed:
            unreadable_.insert(dir.path + name);
            remove_file(dir, name);
            return;
    }
    if (file.racy) {
        look_later(dir, name);
    }
}

void ContentTree::take_directory(const fs::Root& root, DirNode& dir, const std::string& name,
                                 fs::Opened opened, Depth depth) {
    remove_file(dir, name);
    if (const auto found = dir.directories.find(name); found != dir.directories.end()) {
        if (!found->second->info.same_object(opened.info)) {
            remove_directory(dir, name);
        } else if (depth == Depth::name_only) {
            return;  // its own watch tells of what is in it
        }
    }
    if (opened.through_link) {
        for (const DirNode* up = &dir; up != nullptr; up = up->parent) {
            if (up->info.same_object(opened.info)) {
                return;  // a loop
            }
        }
    }
    if (dir.depth + 1 >= kDepthMax) {
        warn_once(told_depth_, "directories are nested too deeply: the deepest are not served");
        return;
    }
    auto& place = dir.directories[name];
    if (place == nullptr) {
        place = std::make_unique<DirNode>();
        place->parent = &dir;
        place->name = name;
        place->path = dir.path + name + '/';
        place->depth = dir.depth + 1;
        ++directory_count_;
    }
    DirNode& child = *place;
    child.info = opened.info;
    child.link = opened.through_link;
    watch(child, opened.file);  // before listing, so that nothing happens unseen
    sync_directory(root, child, opened.file);
}

void ContentTree::warm(const fs::Root& root, std::vector<const Entry*>& wanted, Nanos now) {
    std::vector<const Entry*> waiting;
    for (const Entry* entry : wanted) {
        const auto found = cold_.find(entry);
        if (found == cold_.end()) {
            continue;  // loaded in the meantime, or gone
        }
        FileNode& file = *found->second;
        DirNode& dir = *file.parent;
        if (FileNode* oldest = loader_.oldest_open();
            !loader_.may_open() && oldest != nullptr &&
            (oldest->opened_at == 0 || now - oldest->opened_at >= kResidence)) {
            chill(*oldest);
        }
        if (!loader_.may_open()) {
            waiting.push_back(entry);
            continue;
        }
        const auto handle = open_directory(root, dir);
        auto opened = handle ? root.open_below(*handle, file.name,
                                               file.link ? fs::Kind::link : fs::Kind::file)
                             : std::expected<fs::Opened, Status>(std::unexpected(handle.error()));
        if (!opened || opened->info.kind != fs::Kind::file) {
            const std::string name = file.name;
            refused(dir, name, opened ? Status::not_found : opened.error());
            build_dirty(dir);
            continue;
        }
        const std::string name = file.name;
        switch (loader_.warm(file, std::move(*opened), now)) {
            case ContentLoader::Outcome::loaded: mark_dirty(dir, name); break;
            case ContentLoader::Outcome::unchanged: break;
            case ContentLoader::Outcome::unstable: look_later(dir, name); break;
            case ContentLoader::Outcome::failed: remove_file(dir, name); break;
        }
        build_dirty(dir);
    }
    wanted = std::move(waiting);
}

void ContentTree::chill(FileNode& file) {
    loader_.make_cold(file);
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
    if (unreadable_.size() > unreadable_told_) {
        std::string line = std::to_string(unreadable_.size());
        line.append(" paths cannot be read and are not served, among them ");
        options_.warn(line.append(*unreadable_.begin()));
    }
    unreadable_told_ = unreadable_.size();
}

}  // namespace sluice::http

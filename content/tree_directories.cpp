// The tree's directories: found by path, opened, removed, and watched for changes.
#include <string>
#include <utility>
#include <vector>

#include "content/tree.h"

namespace sluice::http {

void ContentTree::watch(DirNode& dir, const fs::File& handle) {
    if (watch_failed_) {
        return;
    }
    if (handle.remote_ref() != nullptr) {
        return unwatch(dir);
    }
    const auto added = watcher_.add(handle);
    if (!added) {
        watch_failed_ = true;
        return;
    }
    if (dir.watch != *added) {
        unwatch(dir);
        dir.watch = *added;
        watched_[*added].push_back(&dir);
        note_events_below(dir);  // it is another directory: what it lacks may come soon
    }
}

void ContentTree::unwatch(DirNode& dir) {
    const auto found = watched_.find(std::exchange(dir.watch, kNoWatch));
    if (found == watched_.end()) {
        return;
    }
    std::erase(found->second, &dir);
    if (found->second.empty()) {
        watcher_.remove(found->first);
        watched_.erase(found);
    }
}

bool ContentTree::watch_ended(WatchId watch) {
    const auto found = watched_.find(watch);
    if (found == watched_.end()) {
        return false;
    }
    for (DirNode* dir : found->second) {
        dir->watch = kNoWatch;
    }
    watched_.erase(found);
    return true;
}

void ContentTree::for_each_watched(WatchId watch,
                                   const std::function<void(const DirNode&)>& visit) const {
    if (const auto found = watched_.find(watch); found != watched_.end()) {
        for (const DirNode* dir : found->second) {
            visit(*dir);
        }
    }
}

DirNode* ContentTree::find_directory(std::string_view path) const {
    DirNode* dir = top_.get();
    path.remove_prefix(1);
    while (!path.empty()) {
        const std::size_t slash = path.find('/');
        const auto found = dir->directories.find(std::string(path.substr(0, slash)));
        if (found == dir->directories.end()) {
            return nullptr;
        }
        dir = found->second.get();
        path.remove_prefix(slash + 1);
    }
    return dir;
}

std::expected<fs::File, Status> ContentTree::open_directory(const fs::Root& root,
                                                            const DirNode& dir) const {
    if (dir.parent == nullptr) {
        auto top = root.reopen();
        if (!top) {
            return std::unexpected(top.error());
        }
        return std::move(*top);
    }
    auto parent = open_directory(root, *dir.parent);
    if (!parent) {
        return parent;
    }
    return open_in(root, *parent, dir);
}

std::expected<fs::File, Status> ContentTree::open_in(const fs::Root& root, const fs::File& parent,
                                                     const DirNode& dir) {
    auto opened =
        root.open_below(parent, dir.name, dir.link ? fs::Kind::link : fs::Kind::directory);
    if (!opened) {
        return std::unexpected(opened.error());
    }
    if (!opened->info.same_object(dir.info)) {
        return std::unexpected(Status::not_found);
    }
    return std::move(opened->file);
}

void ContentTree::remove_directory(DirNode& dir, const std::string& name) {
    const auto found = dir.directories.find(name);
    if (found == dir.directories.end()) {
        return;
    }
    empty_directory(*found->second);
    --directory_count_;
    repeated_count_ -= found->second->repeated ? 1U : 0U;
    dir.directories.erase(found);
}

void ContentTree::empty_directory(DirNode& dir) {
    while (!dir.directories.empty()) {
        remove_directory(dir, std::string(dir.directories.begin()->first));
    }
    while (!dir.files.empty()) {
        remove_file(dir, std::string(dir.files.begin()->first));
    }
    dir.dirty.clear();
    forget_unreadable(dir);
    if (dir.remote && dir.parent != nullptr) {
        remote_roots_.erase({dir.parent->path, dir.name});
    }
    unwatch(dir);
    forget_object(dir);
}

}  // namespace sluice::http

// File systems below the root, and what watches do not report: that something was mounted, and
// changes made elsewhere on remote file systems. The mount table reports mounts; remote file
// systems are polled from where they begin.
#include <string>
#include <utility>
#include <vector>

#include "content/tree.h"

namespace sluice::http {

namespace {

// No file has this number, so nothing that is found equals a node with it.
constexpr std::uint64_t kNoInode = UINT64_MAX;

}  // namespace

fs::FilesystemKind ContentTree::filesystem_kind_on(const fs::Info& info, const fs::File& node) {
    const auto [place, added] =
        filesystem_kinds_.try_emplace(info.device, fs::FilesystemKind::local);
    if (added) {
        place->second = fs::filesystem_kind_of(node);
    }
    return place->second;
}

void ContentTree::note_filesystem(DirNode& dir, const fs::File& handle) {
    dir.remote = filesystem_kind_on(dir.info, handle) == fs::FilesystemKind::remote;
    const bool begins = dir.remote && dir.parent != nullptr && !dir.parent->remote;
    if (begins) {
        remote_roots_.emplace(dir.parent->path, dir.name);
    } else if (!remote_roots_.empty() && dir.parent != nullptr) {
        remote_roots_.erase({dir.parent->path, dir.name});
    }
}

bool ContentTree::is_pseudo(const DirNode& dir, const std::string& name, const fs::Opened& opened) {
    const bool may_be = opened.info.device != dir.info.device &&
                        (opened.through_link || opened.info.kind == fs::Kind::directory);
    if (!may_be || filesystem_kind_on(opened.info, opened.file) != fs::FilesystemKind::pseudo) {
        return false;
    }
    pseudo_.insert(dir.path + name);
    return true;
}

void ContentTree::warn_of_pseudo() {
    if (pseudo_.size() > pseudo_warned_) {
        std::string line = "not served, because it holds the state of the system and no files:";
        for (const std::string& path : pseudo_) {
            line += " '" + path + '\'';
        }
        options_.warn(line);
    }
    pseudo_warned_ = pseudo_.size();
}

void ContentTree::invalidate(const std::string& path) {
    filesystem_kinds_.clear();  // another file system may have the device number now
    pending_.clear();
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) {
        return invalidate_all(*top_);
    }
    DirNode* parent = find_directory(std::string_view(path).substr(0, slash + 1));
    if (parent == nullptr) {
        return;
    }
    const std::string name = path.substr(slash + 1);
    if (const auto dir = parent->directories.find(name); dir != parent->directories.end()) {
        invalidate_all(*dir->second);
    }
    if (const auto file = parent->files.find(name); file != parent->files.end()) {
        file->second->info.inode = kNoInode;
    }
}

void ContentTree::invalidate_all(DirNode& dir) {
    std::vector<DirNode*> waiting = {&dir};
    while (!waiting.empty()) {
        DirNode& next = *waiting.back();
        waiting.pop_back();
        forget_object(next);
        next.info.inode = kNoInode;
        for (const auto& [name, file] : next.files) {
            file->info.inode = kNoInode;
        }
        for (const auto& [name, child] : next.directories) {
            waiting.push_back(child.get());
        }
    }
}

std::vector<PathParts> ContentTree::to_be_polled(const Mounts& mounts) const {
    std::vector<PathParts> places(remote_roots_.begin(), remote_roots_.end());
    for (const auto& [path, mount] : mounts) {
        // The watch of a directory does not report changes of a file that is mounted into it.
        const std::size_t slash = path.rfind('/');
        const DirNode* dir =
            slash != std::string::npos ? find_directory(path.substr(0, slash + 1)) : nullptr;
        if (dir != nullptr && dir->files.contains(path.substr(slash + 1))) {
            places.emplace_back(dir->path, path.substr(slash + 1));
        }
    }
    return places;
}

std::set<PathParts> ContentTree::take_pending(const std::string& path) {
    auto taken = pending_.extract(path);
    return taken ? std::move(taken.mapped()) : std::set<PathParts>();
}

void ContentTree::warn_of_remote() {
    if (remote_roots_.size() > remote_roots_warned_) {
        const std::string first = remote_roots_.begin()->first + remote_roots_.begin()->second;
        const std::string count = std::to_string(remote_roots_.size());
        options_.warn(
            "changes in " +
            (remote_roots_.size() == 1 ? first : count + " directories (one is " + first + ")") +
            " are looked for every 2 seconds: the system does not tell of them there");
    }
    remote_roots_warned_ = remote_roots_.size();
}

}  // namespace sluice::http

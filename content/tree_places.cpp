// File systems below the root, and what watches do not tell: that something else was mounted, and
// what happens where others change files, too. Mounts are told of by the table of mounts; those
// file systems are looked through now and then, where they begin.
#include <string>
#include <utility>
#include <vector>

#include "content/tree.h"

namespace sluice::http {

namespace {

// No file has it: nothing that is found is the same as what has this number.
constexpr std::uint64_t kNoInode = UINT64_MAX;

}  // namespace

fs::Place ContentTree::place_on(const fs::Info& info, const fs::File& node) {
    const auto [place, added] = places_.try_emplace(info.device, fs::Place::told);
    if (added) {
        place->second = fs::place_of(node);
    }
    return place->second;
}

void ContentTree::note_place(DirNode& dir, const fs::File& handle) {
    dir.untold = place_on(dir.info, handle) == fs::Place::untold;
    const bool begins = dir.untold && dir.parent != nullptr && !dir.parent->untold;
    if (begins) {
        untold_.emplace(dir.parent->path, dir.name);
    } else if (!untold_.empty() && dir.parent != nullptr) {
        untold_.erase({dir.parent->path, dir.name});
    }
}

bool ContentTree::is_pseudo(const DirNode& dir, const std::string& name, const fs::Opened& opened) {
    const bool may_be = opened.info.device != dir.info.device &&
                        (opened.through_link || opened.info.kind == fs::Kind::directory);
    if (!may_be || place_on(opened.info, opened.file) != fs::Place::pseudo) {
        return false;
    }
    pseudo_.insert(dir.path + name);
    return true;
}

void ContentTree::warn_of_pseudo() {
    if (pseudo_.size() > pseudo_told_) {
        std::string line = "not served, because it holds the state of the system and no files:";
        for (const std::string& path : pseudo_) {
            line += " '" + path + '\'';
        }
        options_.warn(line);
    }
    pseudo_told_ = pseudo_.size();
}

void ContentTree::disown(const std::string& path) {
    places_.clear();  // another file system may have the number
    pending_.clear();
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) {
        return disown_all(*top_);
    }
    DirNode* parent = find_directory(std::string_view(path).substr(0, slash + 1));
    if (parent == nullptr) {
        return;
    }
    const std::string name = path.substr(slash + 1);
    if (const auto dir = parent->directories.find(name); dir != parent->directories.end()) {
        disown_all(*dir->second);
    }
    if (const auto file = parent->files.find(name); file != parent->files.end()) {
        file->second->info.inode = kNoInode;
    }
}

void ContentTree::disown_all(DirNode& dir) {
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

std::vector<Place> ContentTree::to_be_polled(const Mounts& mounts) const {
    std::vector<Place> places(untold_.begin(), untold_.end());
    for (const auto& [path, mount] : mounts) {
        // The watch of a directory does not tell what happens to a file that is mounted into it.
        const std::size_t slash = path.rfind('/');
        const DirNode* dir =
            slash != std::string::npos ? find_directory(path.substr(0, slash + 1)) : nullptr;
        if (dir != nullptr && dir->files.contains(path.substr(slash + 1))) {
            places.emplace_back(dir->path, path.substr(slash + 1));
        }
    }
    return places;
}

std::set<Place> ContentTree::take_pending(const std::string& path) {
    auto taken = pending_.extract(path);
    return taken ? std::move(taken.mapped()) : std::set<Place>();
}

void ContentTree::warn_of_untold() {
    if (untold_.size() > untold_told_) {
        const std::string first = untold_.begin()->first + untold_.begin()->second;
        const std::string count = std::to_string(untold_.size());
        options_.warn(
            "changes in " +
            (untold_.size() == 1 ? first : count + " directories (one is " + first + ")") +
            " are looked for every 2 seconds: the system does not tell of them there");
    }
    untold_told_ = untold_.size();
}

}  // namespace sluice::http

// Names that were there and are not found: noted as missing first, removed when they stay away.
//
// A walk meets names in the middle of changes: between the two renames of an editor's save, or in a
// listing that is read while names are renamed. So a known name stays until it has been missing for
// a while, and is removed only after a last look, with nothing that takes time between that look
// and publication. When the system reports the name meanwhile, it was back, and its absence starts
// anew. What cannot be determined at the moment (no descriptors, an error of the disk) is no
// absence.
#include <algorithm>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "content/tree.h"

namespace sluice::http {

namespace {

// The store looks at a change after 100 ms at the latest. So no absence shows for longer than it
// lasted, because its start shows as late as its end.
constexpr Nanos kAbsence = 100 * kMillisecond;
// A name that comes and goes all the time is served as last found, but not for ever.
constexpr Nanos kAbsenceMax = 2 * kSecond;
// For names that are there at the last look, or cannot be determined then.
constexpr Nanos kLookAgain = 25 * kMillisecond;

// A directory that was moved within the root keeps its old name until it was listed under the new
// one, but not for ever.
constexpr Nanos kMovingMax = 30 * kSecond;

bool proves_absence(Status status) noexcept {
    return status != Status::no_fds && status != Status::no_memory && status != Status::io_error &&
           status != fs::kPending && status != fs::kUnresponsive;
}

}  // namespace

void ContentTree::note_missing(const DirNode& dir, const std::string& name) {
    missing_.try_emplace({dir.path, name});
}

void ContentTree::found(const DirNode& dir, const std::string& name) {
    if (!missing_.empty()) {
        missing_.erase({dir.path, name});
    }
}

void ContentTree::note_unreadable(const DirNode& dir, const std::string& name, Status status) {
    if (status == Status::access_denied || status == Status::io_error) {
        unreadable_.insert(dir.path + name);
    } else if (!unreadable_.empty()) {
        unreadable_.erase(dir.path + name);
    }
}

bool ContentTree::make_room(DirNode& dir, const std::string& name, fs::Kind kind) {
    const bool taken =
        kind == fs::Kind::file ? dir.directories.contains(name) : dir.files.contains(name);
    if (!taken || (kind == fs::Kind::directory && dir.directories.contains(name))) {
        return true;
    }
    const auto missing = missing_.find({dir.path, name});
    if (missing == missing_.end() || !missing->second.due) {
        note_missing(dir, name);
        return false;
    }
    remove_directory(dir, name);  // but a file stays until the directory has been listed
    return true;
}

void ContentTree::end_file_before(const DirNode& dir) {
    if (dir.parent != nullptr && dir.parent->files.contains(dir.name)) {
        remove_file(*dir.parent, dir.name);
        build_dirty(*dir.parent);
    }
}

void ContentTree::note_event(const DirNode& dir, std::string_view name) {
    if (missing_.empty()) {
        return;
    }
    if (const auto missing = missing_.find({dir.path, std::string(name)});
        missing != missing_.end()) {
        missing->second.since = kNever;
        missing->second.noted = false;
    }
}

void ContentTree::note_events_below(const DirNode& dir) {
    for (auto missing = missing_.lower_bound({dir.path, {}});
         missing != missing_.end() && missing->first.first.starts_with(dir.path); ++missing) {
        missing->second.since = kNever;
        missing->second.noted = false;
    }
}

bool ContentTree::is_missing(const DirNode* dir) const {
    for (; dir != nullptr && dir->parent != nullptr; dir = dir->parent) {
        if (missing_.contains({dir->parent->path, dir->name})) {
            return true;
        }
    }
    return false;
}

bool ContentTree::is_moving(const PathParts& place) {
    if (!walk_.began) {
        return false;
    }
    const DirNode* dir = find_directory(place.first);
    if (dir == nullptr) {
        return false;
    }
    const auto child = dir->directories.find(place.second);
    return child != dir->directories.end() && child->second->moved_in == walk_.number;
}

Nanos ContentTree::check_missing(const fs::Root& root, Nanos now) {
    Nanos next = kNever;
    due_.clear();
    std::string_view at;
    bool with_directory = false;  // the name goes or comes back with its directory
    for (auto& [place, missing] : missing_) {
        if (!std::exchange(missing.noted, true)) {
            next = now;  // `now` is from before the walk that missed it
            continue;
        }
        missing.since = std::min(missing.since, now);
        missing.first = std::min(missing.first, now);
        missing.due = now - missing.since >= kAbsence || now - missing.first >= kAbsenceMax;
        if (std::exchange(at, place.first) != place.first) {
            with_directory = is_missing(find_directory(place.first));
        }
        if (missing.due && now - missing.first < kMovingMax && is_moving(place)) {
            missing.due = false;
            next = std::min(next, now + kLookAgain);
        } else if (!missing.due) {
            next = std::min(next, missing.since + kAbsence);
        } else if (!with_directory) {
            due_.push_back(place);
        }
    }
    check_due(root);
    std::erase_if(due_, [this](const PathParts& place) {
        const auto missing = missing_.find(place);
        return missing == missing_.end() || !missing->second.noted;  // back, or absent anew
    });
    return due_.empty() ? next : std::min(next, now + kLookAgain);
}

void ContentTree::check_due(const fs::Root& root) {
    std::string_view at;
    DirNode* dir = nullptr;
    fs::File handle;
    for (const auto& [directory, name] : due_) {
        if (std::exchange(at, directory) != directory) {
            if (dir != nullptr) {
                build_dirty(*dir);
            }
            dir = enter(root, directory, handle);
        }
        if (dir != nullptr) {
            sync_child(root, *dir, handle, name, fs::Kind::unknown, FileEvent::none,
                       Depth::everything);
        }
    }
    if (dir != nullptr) {
        build_dirty(*dir);
    }
}

void ContentTree::remove_missing(const fs::Root& root) {
    DirNode* dir = nullptr;
    std::expected<fs::File, Status> handle = std::unexpected(Status::not_found);
    for (const PathParts& place : std::exchange(due_, {})) {
        const auto& [directory, name] = place;
        if (dir == nullptr || dir->path != directory) {
            dir = find_directory(directory);
            if (dir == nullptr) {
                missing_.erase(place);  // removed with its directory
                continue;
            }
            handle = open_directory(root, *dir);
        }
        if (!handle) {
            continue;  // the directory was replaced, or is missing itself
        }
        const auto opened = open_servable(root, *dir, *handle, name, fs::Kind::unknown);
        if (opened || !proves_absence(opened.error())) {
            continue;
        }
        remove_file(*dir, name);
        remove_directory(*dir, name);
        note_unreadable(*dir, name, opened.error());
        build_dirty(*dir);
        missing_.erase(place);
    }
}

}  // namespace sluice::http

// The order of a walk: reported names, then directories, then links; each for a slice of time, and
// the rest at the next call.
#include "content/walk.h"

#include <algorithm>
#include <string>
#include <utility>

#include "content/tree.h"

namespace sluice::http {

namespace {

// A walk that takes this long is reported, and again from time to time.
constexpr Nanos kLongWalk = 2 * kSecond;
constexpr Nanos kNextReport = 10 * kSecond;

// At most this many entries are built by another look at a directory that is being listed; more
// wait for the listing.
constexpr std::size_t kBuiltAtOnce = 1000;

}  // namespace

// ---- What is wanted ----------------------------------------------------------------------------

void ContentTree::want_all(const fs::Root& root) {
    if (!top_->info.same_object(root.info())) {
        unwatch(*top_);
        set_object(*top_, root.info());
    }
    has_hard_links_ = false;  // until some are found again
    note_filesystem(*top_, root.directory());
    watch(*top_, root.directory());
    list_later(*top_);
}

void ContentTree::want_names(const std::string& directory,
                             const std::unordered_map<std::string, FileEvent>& names) {
    auto& wanted = walk_.names[directory];
    for (const auto& [name, event] : names) {
        FileEvent& known = wanted.try_emplace(name, event).first->second;
        known = std::max(known, event);
    }
}

void ContentTree::list_later(DirNode& dir) {
    if (std::exchange(dir.pending, true)) {
        return;
    }
    if (dir.links > (walk_.first ? 0U : 1U)) {
        walk_.linked.push_back(dir.path);
    } else if (walk_.current && walk_.current->path == dir.path) {
        walk_.directories.push_front(dir.path);  // it is listed again after all others
    } else {
        walk_.directories.push_back(dir.path);
    }
}

bool ContentTree::directories_left() const {
    return walk_.current || !walk_.directories.empty() || !walk_.linked.empty();
}

Nanos ContentTree::walk_due() const {
    if (!walk_.names.empty() || directories_left()) {
        return 0;
    }
    return std::min(walk_.links_poll, walk_.links_wanted ? walk_.links_due : kNever);
}

// ---- Looking -----------------------------------------------------------------------------------

bool ContentTree::walk(const fs::Root& root) {
    if (walk_due() > now_) {
        return true;
    }
    if (!walk_.began) {
        walk_.began = options_.work_clock();
        walk_.looked_at = 0;
        walk_.say_at = *walk_.began + kLongWalk;
        ++walk_.number;
    }
    if (now_ >= walk_.links_poll) {
        walk_.links_wanted = true;
        walk_.links_poll = kNever;
    }
    walk_names(root, Slice(options_));
    const Slice slice(options_);
    do {
        walk_directories(root, slice);
        walk_links(root, slice);
    } while (directories_left() && !slice.over());
    above_.reset();  // it may be elsewhere the next time, and keeps its mount busy
    if (walk_due() <= now_) {
        tell_of_long_walk();
        return false;
    }
    walk_.began.reset();
    walk_.first = false;
    return true;
}

void ContentTree::tell_of_long_walk() {
    if (const Nanos clock = options_.work_clock(); clock >= walk_.say_at) {
        walk_.say_at = clock + kNextReport;
        options_.warn("looking through '" + options_.root +
                      "': " + std::to_string(walk_.looked_at) + " files so far");
    }
}

void ContentTree::walk_names(const fs::Root& root, const Slice& slice) {
    while (!walk_.names.empty()) {
        const auto wanted = walk_.names.begin();  // a directory comes before what is in it
        auto& names = wanted->second;
        fs::File handle;
        DirNode* dir = enter(root, wanted->first, handle);
        bool over = false;
        while (dir != nullptr && !names.empty() && !over) {
            const auto name = names.extract(names.begin());
            sync_child(root, *dir, handle, name.key(), fs::Kind::unknown, name.mapped(),
                       Depth::everything);
            over = slice.over();
        }
        if (dir == nullptr || names.empty()) {
            walk_.names.erase(wanted);
        }
        if (dir != nullptr) {
            build_dirty(*dir);
        }
        if (over || slice.over()) {
            return;
        }
    }
}

void ContentTree::walk_directories(const fs::Root& root, const Slice& slice) {
    while (walk_.current || begin_listing(root)) {
        if (walk_.current) {
            continue_listing(root, slice);
        }
        if (slice.over()) {
            return;
        }
    }
}

// Takes the next directory from the list; false when there is none. The directory may be gone.
bool ContentTree::begin_listing(const fs::Root& root) {
    std::string path;
    if (!walk_.directories.empty()) {
        path = std::move(walk_.directories.back());
        walk_.directories.pop_back();
    } else if (!walk_.linked.empty()) {
        path = std::move(walk_.linked.front());
        walk_.linked.pop_front();
    } else {
        return false;
    }
    if (DirNode* pending = find_directory(path)) {
        pending->pending = false;
    }
    fs::File handle;
    if (DirNode* dir = enter_from_above(root, path, handle)) {
        forget_unreadable(*dir);  // what is still unreadable is found again
        walk_.current =
            std::make_unique<Walk::Current>(Walk::Current{.path = std::move(path),
                                                          .info = dir->info,
                                                          .listing = fs::Listing(std::move(handle)),
                                                          .number = ++listing_,
                                                          .names = {}});
    }
    return true;
}

// Like enter(), but opens the parent directory once for several directories in it.
DirNode* ContentTree::enter_from_above(const fs::Root& root, const std::string& path,
                                       fs::File& handle) {
    DirNode* dir = find_directory(path);
    if (dir == nullptr || dir->parent == nullptr || !is_known_directory(*dir)) {
        return enter(root, path, handle);
    }
    if (!above_ || above_->first != dir->parent->path) {
        auto opened = open_directory(root, *dir->parent);
        if (!opened) {
            return enter(root, path, handle);
        }
        above_.emplace(dir->parent->path, std::move(*opened));
    }
    auto opened = open_in(root, above_->second, *dir);
    if (!opened) {
        return enter(root, path, handle);
    }
    handle = std::move(*opened);
    return dir;
}

void ContentTree::continue_listing(const fs::Root& root, const Slice& slice) {
    Walk::Current& at = *walk_.current;
    DirNode* dir = find_directory(at.path);
    if (dir == nullptr || !dir->info.same_object(at.info)) {
        walk_.current.reset();  // replaced since, and on the list again
        return;
    }
    do {
        if (at.next < at.names.size()) {
            const auto& [name, hint] = at.names[at.next++];
            look_at_listed(root, *dir, name, hint);
        } else if (!at.listed) {
            read_names(*dir);
        } else if (!dir->dirty.empty()) {
            const std::string name = std::move(dir->dirty.back());
            dir->dirty.pop_back();
            build_name(*dir, name);
        } else {
            end_file_before(*dir);
            walk_.current.reset();
            return;
        }
    } while (!slice.over());
}

void ContentTree::look_at_listed(const fs::Root& root, DirNode& dir, const std::string& name,
                                 fs::Kind hint) {
    const Walk::Current& at = *walk_.current;
    sync_child(root, dir, at.listing.directory(), name, hint, FileEvent::none, Depth::everything);
    if (const auto file = dir.files.find(name); file != dir.files.end()) {
        file->second->seen = at.number;
    }
    if (const auto child = dir.directories.find(name); child != dir.directories.end()) {
        child->second->seen = at.number;
    }
}

void ContentTree::read_names(DirNode& dir) {
    Walk::Current& at = *walk_.current;
    at.names.clear();
    at.next = 0;
    const auto more = at.listing.next([&at](std::string_view name, fs::Kind hint) {
        at.names.emplace_back(std::string(name), hint);
    });
    at.listed = !more || !*more;
    if (!more) {
        unreadable_.insert(dir.path);
    } else if (at.listed) {
        note_unlisted(dir, at.number);
    }
}

// A listing is not atomic: it may lack a name that is being renamed.
void ContentTree::note_unlisted(DirNode& dir, std::uint64_t number) {
    for (const auto& [name, file] : dir.files) {
        if (file->seen < number) {
            note_missing(dir, name);
        }
    }
    for (const auto& [name, child] : dir.directories) {
        if (child->seen < number) {
            note_missing(dir, name);
        }
    }
}

void ContentTree::build_dirty(DirNode& dir) {
    const bool later = walk_.current && walk_.current->path == dir.path;
    if (later && dir.dirty.size() > kBuiltAtOnce) {
        return;
    }
    for (const std::string& name : std::exchange(dir.dirty, {})) {
        build_name(dir, name);
    }
}

}  // namespace sluice::http

// Symbolic links: their targets are checked again and again, because they change without an event;
// and one line says why some links are not followed.
#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "content/tree.h"

namespace sluice::http {

namespace {

// Pause between checks of links to targets that no watch covers, at least. All links together get a
// hundredth of the time.
constexpr Nanos kLinksPoll = 200 * kMillisecond;
constexpr Nanos kPollShare = 100;
// At a change anywhere they get a tenth of the time, if a check of all takes longer than this.
constexpr Nanos kShortLook = 10 * kMillisecond;
constexpr Nanos kLookShare = 10;

// A node of the standard library's map: three pointers and a colour, beside its value.
constexpr std::uint64_t kTreeNodeBytes = 4 * sizeof(void*);

std::size_t index_of(fs::Reach reach) {
    return static_cast<std::size_t>(reach);
}

}  // namespace

void ContentTree::note_link(const DirNode& dir, const std::string& name, fs::Reach reach) {
    const auto [link, added] = links_.try_emplace({dir.path, name});
    if (added) {
        link->second.metadata = loader_.cost_of_row(sizeof(*link) + kTreeNodeBytes, dir.path, name);
    } else {
        --links_by_reach_[index_of(link->second.reach)];
    }
    link->second.reach = reach;
    ++links_by_reach_[index_of(reach)];
}

void ContentTree::forget_link(const PathParts& place) {
    if (const auto link = links_.find(place); link != links_.end()) {
        --links_by_reach_[index_of(link->second.reach)];
        links_.erase(link);
    }
}

void ContentTree::walk_links(const fs::Root& root, const Slice& slice) {
    if (!walk_.links_wanted || now_ < walk_.links_due || directories_left()) {
        return;
    }
    const Nanos began = options_.work_clock();
    DirNode* dir = nullptr;
    fs::File handle;
    bool over = false;
    auto link = links_.upper_bound(walk_.last_link);
    for (; link != links_.end() && !over; link = links_.upper_bound(walk_.last_link)) {
        const bool same_directory = dir != nullptr && dir->path == link->first.first;
        walk_.last_link = link->first;
        if (!same_directory) {
            if (dir != nullptr) {
                build_dirty(*dir);
            }
            dir = find_directory(walk_.last_link.first);
            if (dir == nullptr) {
                forget_link(walk_.last_link);
                continue;
            }
            auto opened = open_directory(root, *dir);
            handle = opened ? std::move(*opened) : fs::File();
        }
        if (handle) {
            sync_child(root, *dir, handle, walk_.last_link.second, fs::Kind::unknown,
                       FileEvent::none, Depth::name_only);
        }
        over = slice.over();
    }
    if (dir != nullptr) {
        build_dirty(*dir);
    }
    walk_.links_took += options_.work_clock() - began;
    if (link == links_.end()) {
        end_look_at_links();
    }
}

void ContentTree::end_look_at_links() {
    const Nanos took = std::exchange(walk_.links_took, 0);
    walk_.last_link = {};
    walk_.links_wanted = false;
    walk_.links_due = took > kShortLook ? now_ + kLookShare * took : now_;
    const bool foreign =
        links_by_reach_[index_of(fs::Reach::dotted)] != 0 ||
        (options_.follow_links && links_by_reach_[index_of(fs::Reach::outside)] != 0);
    walk_.links_poll = foreign ? now_ + std::max(kLinksPoll, kPollShare * took) : kNever;
}

void ContentTree::warn_of_links() {
    const auto tell = [this](fs::Reach reach, bool& warned, std::string_view one,
                             std::string_view many, std::string_view remedy) {
        const std::uint64_t count = links_by_reach_[index_of(reach)];
        if (count == 0 || std::exchange(warned, true)) {
            return;
        }
        const auto first = std::find_if(links_.begin(), links_.end(), [reach](const auto& link) {
            return link.second.reach == reach;
        });
        std::string line = "the link '" + first->first.first + first->first.second + '\'';
        if (count > 1) {
            line += " and " + std::to_string(count - 1) + " more ";
            line += many;
        } else {
            line += ' ';
            line += one;
        }
        options_.warn(line.append(remedy));
    };
    tell(fs::Reach::hidden, warned_hidden_links_, "leads to a hidden name: it is not served",
         "lead to hidden names: they are not served", "");
    if (!options_.follow_links) {
        tell(fs::Reach::outside, warned_outside_links_, "leads out of the root: it is not served",
             "lead out of the root: they are not served", " (--follow-symlinks serves such links)");
    }
}

// ---- The same directory under several paths
// ------------------------------------------------------

void ContentTree::set_object(DirNode& dir, const fs::Info& info) {
    forget_object(dir);
    dir.info = info;
    objects_.emplace(info.device, info.inode, &dir);
}

void ContentTree::forget_object(DirNode& dir) {
    objects_.erase({dir.info.device, dir.info.inode, &dir});
}

DirNode* ContentTree::other_node(const fs::Info& info, const DirNode* than) const {
    for (auto place = objects_.lower_bound({info.device, info.inode, nullptr});
         place != objects_.end(); ++place) {
        const auto& [device, inode, dir] = *place;
        if (device != info.device || inode != info.inode) {
            break;
        }
        if (dir != than) {
            return dir;
        }
    }
    return nullptr;
}

}  // namespace sluice::http

#include "content/remote_mounts.h"

#include <algorithm>
#include <utility>

namespace sluice::http {

namespace {

constexpr Nanos kScanPause = 2 * kSecond;  // between two scans
constexpr Nanos kAnswerTimeout = 2 * kSecond;
// A file that was opened and not taken within this time is closed again.
constexpr Nanos kFilesKept = kSecond;

void close_all(const std::vector<std::intptr_t>& handles) {
    for (const std::intptr_t handle : handles) {
        const fs::File closed(handle);
    }
}

}  // namespace

// ---- Volumes -----------------------------------------------------------------------------------

RemoteMounts::~RemoteMounts() {
    for (const auto& [served, volume] : volumes_) {
        volume->unused->left = true;
    }
    for (const auto& gone : gone_) {
        if (const auto unused = gone.lock()) {
            unused->left = true;
        }
    }
}

void RemoteMounts::set_mounts(const Mounts& mounts, const std::string& root) {
    auto before = std::exchange(volumes_, {});
    root_ = root;
    for (const auto& [served, mount] : mounts) {
        if (served.empty() || mount.kind != fs::FilesystemKind::remote || has(root + served)) {
            continue;  // a mount within a volume belongs to it
        }
        std::shared_ptr<Volume> volume;
        if (const auto known = before.find(served); known != before.end() &&
                                                    known->second->mount == mount &&
                                                    known->second->path == root + served) {
            volume = std::move(known->second);
        } else {
            volume = std::make_shared<Volume>();
            volume->mount = mount;
            volume->path = root + served;
            volume->work = std::make_shared<BackgroundWork>(options_.wake, options_.threads,
                                                            BackgroundWork::AtEnd::leave);
        }
        volumes_.emplace(served, std::move(volume));
    }
    std::erase_if(gone_, [](const auto& gone) { return gone.expired(); });
    for (const auto& [served, volume] : before) {
        if (volume != nullptr) {
            give_up(*volume);
        }
    }
}

void RemoteMounts::give_up(Volume& volume) {
    Unused& unused = *volume.unused;
    unused.left = volume.unresponsive;
    unused.closes = volume.work;
    for (const std::intptr_t handle : std::exchange(unused.handles, {})) {
        close_later(unused, handle);
    }
    gone_.push_back(volume.unused);
}

void RemoteMounts::close_later(Unused& unused, std::intptr_t handle) {
    if (unused.left) {
        return;
    }
    if (unused.closes == nullptr) {
        unused.handles.push_back(handle);
        return;
    }
    unused.closes->submit([handle](const std::stop_token&) {
        close_all({handle});
        return nullptr;
    });
}

RemoteMounts::Volume* RemoteMounts::volume_of(std::string_view path) const {
    if (volumes_.empty() || !path.starts_with(root_)) {
        return nullptr;
    }
    path.remove_prefix(root_.size());
    while (!path.empty()) {
        if (const auto volume = volumes_.find(path); volume != volumes_.end()) {
            return volume->second.get();
        }
        const std::size_t slash = path.rfind('/');
        path = path.substr(0, slash != std::string_view::npos ? slash : 0);
    }
    return nullptr;
}

bool RemoteMounts::may_begin_at(std::string_view name) const {
    return std::any_of(volumes_.begin(), volumes_.end(), [name](const auto& volume) {
        const std::string_view served = volume.first;
        return served.ends_with(name) && served[served.size() - name.size() - 1] == '/';
    });
}

bool RemoteMounts::has(std::string_view path) const {
    return volume_of(path) != nullptr;
}

// ---- What was seen -----------------------------------------------------------------------------

std::expected<RemoteMounts::Location, Status> RemoteMounts::find(std::string_view path) {
    Volume* volume = volume_of(path);
    if (volume == nullptr) {
        return std::unexpected(Status::not_found);  // it was unmounted
    }
    if (volume->seen == nullptr) {
        return std::unexpected(volume->unresponsive ? fs::kUnresponsive
                               : volume->scanned    ? Status::io_error
                                                    : fs::kPending);
    }
    Location location{.volume = volume, .directory = volume->seen.get()};
    location.below = path.substr(std::min(path.size(), volume->path.size() + 1));
    for (std::string_view rest = location.below; !rest.empty();) {
        const std::string_view name = rest.substr(0, rest.find('/'));
        rest.remove_prefix(std::min(rest.size(), name.size() + 1));
        if (name.empty()) {
            continue;
        }
        if (location.directory == nullptr) {
            return std::unexpected(Status::not_found);
        }
        const auto item = location.directory->items.find(name);
        if (item == location.directory->items.end()) {
            return std::unexpected(Status::not_found);
        }
        location.item = &item->second;
        if (location.item->status != Status::ok) {
            return std::unexpected(location.item->status);
        }
        location.directory = location.item->directory.get();
    }
    return location;
}

std::expected<fs::Info, Status> RemoteMounts::info(std::string_view path, bool follow) {
    const auto location = find(path);
    if (!location) {
        return std::unexpected(location.error());
    }
    fs::Info info = location->item != nullptr ? location->item->info : location->directory->info;
    if (!follow && location->item != nullptr && location->item->kind == fs::Kind::link) {
        info.kind = fs::Kind::link;
    }
    return info;
}

std::expected<fs::Opened, Status> RemoteMounts::open(std::string_view path) {
    const auto location = find(path);
    if (!location) {
        return std::unexpected(location.error());
    }
    if (location->directory != nullptr && location->directory->info.kind == fs::Kind::directory) {
        fs::File handle(-1,
                        std::make_shared<const fs::RemoteRef>(this, std::string(path), nullptr));
        return fs::Opened{
            .file = std::move(handle),
            .info = location->directory->info,
            .through_link = location->item != nullptr && location->item->kind == fs::Kind::link};
    }
    Volume& volume = *location->volume;
    std::string below(location->below);
    if (auto opened = volume.files.extract(below)) {
        return std::move(opened.mapped());
    }
    if (volume.unresponsive) {
        return std::unexpected(fs::kUnresponsive);
    }
    volume.wanted.insert(std::move(below));
    return std::unexpected(fs::kPending);
}

Status RemoteMounts::list(std::string_view path,
                          const std::function<void(std::string_view, fs::Kind)>& visit) {
    const auto location = find(path);
    if (!location || location->directory == nullptr) {
        return location ? Status::not_found : location.error();
    }
    for (const auto& [name, item] : location->directory->items) {
        visit(name, item.kind);
    }
    return location->directory->listed;
}

// ---- Scanning ----------------------------------------------------------------------------------

void RemoteMounts::step(Nanos now, std::uint64_t copy_max) {
    now_ = now;
    copy_max_ = copy_max;
    for (const auto& [served, volume] : volumes_) {
        volume->work->drain();
        if (now >= volume->files_until) {
            volume->files.clear();
            volume->files_until = kNever;
        }
        if (!volume->busy && !volume->wanted.empty()) {
            open_wanted(*volume);
        } else if (!volume->busy && now >= volume->scan_due) {
            start_scan(*volume, served);
        }
        check_answers(*volume, served, now);
    }
}

Nanos RemoteMounts::next_due() const {
    Nanos next = kNever;
    for (const auto& [served, volume] : volumes_) {
        if (volume->busy) {
            next = std::min(next,
                            volume->unresponsive ? kNever : volume->answered_at + kAnswerTimeout);
        } else {
            next = std::min(next, volume->wanted.empty() ? volume->scan_due : now_);
        }
        next = std::min(next, volume->files_until);
    }
    return next;
}

bool RemoteMounts::idle() const {
    return std::all_of(volumes_.begin(), volumes_.end(), [](const auto& volume) {
        return volume.second->scanned && volume.second->wanted.empty() && !volume.second->busy;
    });
}

RemoteTask RemoteMounts::task_of(const Volume& volume) const {
    return {.root = root_,
            .path = volume.path,
            .items_max = options_.items_max,
            .copy_max = copy_max_,
            .stop = {},
            .answers = volume.answers};
}

void RemoteMounts::start_scan(Volume& volume, const std::string& served) {
    volume.busy = true;
    volume.answered_at = now_;
    volume.work->submit([this, served, task = task_of(volume), before = volume.seen,
                         unused = std::exchange(volume.unused->handles, {}),
                         &volume](const std::stop_token& stop) mutable -> BackgroundWork::Finish {
        task.stop = stop;
        auto seen = scan(task, before);
        close_all(unused);
        return [this, served, &volume, seen = std::move(seen)]() mutable {
            volume.seen = std::move(seen);
            volume.scanned = true;
            volume.busy = false;
            volume.scan_due = now_ + kScanPause;
            news_.volumes.push_back(served);
        };
    });
}

void RemoteMounts::open_wanted(Volume& volume) {
    volume.busy = true;
    volume.answered_at = now_;
    const std::vector<std::string> wanted(volume.wanted.begin(), volume.wanted.end());
    volume.work->submit([this, wanted, task = task_of(volume),
                         &volume](const std::stop_token& stop) mutable -> BackgroundWork::Finish {
        task.stop = stop;
        return [this, &volume, files = open_files(task, wanted)]() mutable {
            for (auto& [path, file] : files) {
                if (file && file->source == fs::Source::remote) {
                    file->file = std::move(file->file)
                                     .closed_by([unused = volume.unused](std::intptr_t handle) {
                                         close_later(*unused, handle);
                                     });
                }
                volume.wanted.erase(path);
                news_.files.push_back(path.empty() ? volume.path : volume.path + '/' + path);
                volume.files.insert_or_assign(path, std::move(file));
            }
            if (files.empty()) {
                volume.wanted
                    .clear();  // the root cannot be opened; files still missing are requested again
            }
            volume.busy = false;
            volume.files_until = now_ + kFilesKept;
        };
    });
}

void RemoteMounts::check_answers(Volume& volume, const std::string& served, Nanos now) const {
    const std::uint64_t answers = volume.answers->load(std::memory_order_relaxed);
    if (!volume.busy || answers != std::exchange(volume.answered, answers)) {
        volume.answered_at = now;
    }
    const bool silent = now - volume.answered_at >= kAnswerTimeout;
    if (silent && !std::exchange(volume.unresponsive, true)) {
        options_.warn("the file system at " + served +
                      " does not answer: what was served from there stays as it was");
    } else if (!silent && std::exchange(volume.unresponsive, false)) {
        options_.warn("the file system at " + served + " answers again");
    }
}

}  // namespace sluice::http

#include "content/far_places.h"

#include <algorithm>
#include <utility>

namespace sluice::http {

namespace {

constexpr Nanos kPause = 2 * kSecond;  // between two looks
constexpr Nanos kPatience = 2 * kSecond;
// What was opened and not taken by then is not wanted any more.
constexpr Nanos kFilesKept = kSecond;

void close_all(const std::vector<std::intptr_t>& handles) {
    for (const std::intptr_t handle : handles) {
        const fs::File closed(handle);
    }
}

}  // namespace

// ---- Which there are ---------------------------------------------------------------------------

FarPlaces::~FarPlaces() {
    for (const auto& [served, place] : places_) {
        place->unused->left = true;
    }
    for (const auto& gone : gone_) {
        if (const auto unused = gone.lock()) {
            unused->left = true;
        }
    }
}

void FarPlaces::set_mounts(const Mounts& mounts, const std::string& root) {
    auto before = std::exchange(places_, {});
    root_ = root;
    for (const auto& [served, mount] : mounts) {
        if (served.empty() || mount.place != fs::Place::untold || has(root + served)) {
            continue;  // what is mounted in a place belongs to it
        }
        std::shared_ptr<Place> place;
        if (const auto known = before.find(served); known != before.end() &&
                                                    known->second->mount == mount &&
                                                    known->second->path == root + served) {
            place = std::move(known->second);
        } else {
            place = std::make_shared<Place>();
            place->mount = mount;
            place->path = root + served;
            place->work = std::make_shared<BackgroundWork>(options_.wake, options_.threads,
                                                           BackgroundWork::AtEnd::leave);
        }
        places_.emplace(served, std::move(place));
    }
    std::erase_if(gone_, [](const auto& gone) { return gone.expired(); });
    for (const auto& [served, place] : before) {
        if (place != nullptr) {
            give_up(*place);
        }
    }
}

void FarPlaces::give_up(Place& place) {
    Unused& unused = *place.unused;
    unused.left = place.parked;
    unused.closes = place.work;
    for (const std::intptr_t handle : std::exchange(unused.handles, {})) {
        put_away(unused, handle);
    }
    gone_.push_back(place.unused);
}

void FarPlaces::put_away(Unused& unused, std::intptr_t handle) {
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

FarPlaces::Place* FarPlaces::place_of(std::string_view path) const {
    if (places_.empty() || !path.starts_with(root_)) {
        return nullptr;
    }
    path.remove_prefix(root_.size());
    while (!path.empty()) {
        if (const auto place = places_.find(path); place != places_.end()) {
            return place->second.get();
        }
        const std::size_t slash = path.rfind('/');
        path = path.substr(0, slash != std::string_view::npos ? slash : 0);
    }
    return nullptr;
}

bool FarPlaces::may_begin_at(std::string_view name) const {
    return std::any_of(places_.begin(), places_.end(), [name](const auto& place) {
        const std::string_view served = place.first;
        return served.ends_with(name) && served[served.size() - name.size() - 1] == '/';
    });
}

bool FarPlaces::has(std::string_view path) const {
    return place_of(path) != nullptr;
}

// ---- What was seen -----------------------------------------------------------------------------

std::expected<FarPlaces::Spot, Status> FarPlaces::find(std::string_view path) {
    Place* place = place_of(path);
    if (place == nullptr) {
        return std::unexpected(Status::not_found);  // it was unmounted
    }
    if (place->seen == nullptr) {
        return std::unexpected(place->parked   ? fs::kParked
                               : place->looked ? Status::io_error
                                               : fs::kPending);
    }
    Spot spot{.place = place, .directory = place->seen.get()};
    spot.below = path.substr(std::min(path.size(), place->path.size() + 1));
    for (std::string_view rest = spot.below; !rest.empty();) {
        const std::string_view name = rest.substr(0, rest.find('/'));
        rest.remove_prefix(std::min(rest.size(), name.size() + 1));
        if (name.empty()) {
            continue;
        }
        if (spot.directory == nullptr) {
            return std::unexpected(Status::not_found);
        }
        const auto item = spot.directory->items.find(name);
        if (item == spot.directory->items.end()) {
            return std::unexpected(Status::not_found);
        }
        spot.item = &item->second;
        if (spot.item->status != Status::ok) {
            return std::unexpected(spot.item->status);
        }
        spot.directory = spot.item->directory.get();
    }
    return spot;
}

std::expected<fs::Info, Status> FarPlaces::info(std::string_view path, bool follow) {
    const auto spot = find(path);
    if (!spot) {
        return std::unexpected(spot.error());
    }
    fs::Info info = spot->item != nullptr ? spot->item->info : spot->directory->info;
    if (!follow && spot->item != nullptr && spot->item->kind == fs::Kind::link) {
        info.kind = fs::Kind::link;
    }
    return info;
}

std::expected<fs::Opened, Status> FarPlaces::open(std::string_view path) {
    const auto spot = find(path);
    if (!spot) {
        return std::unexpected(spot.error());
    }
    if (spot->directory != nullptr && spot->directory->info.kind == fs::Kind::directory) {
        fs::File handle(-1, std::make_shared<const fs::Away>(this, std::string(path), nullptr));
        return fs::Opened{
            .file = std::move(handle),
            .info = spot->directory->info,
            .through_link = spot->item != nullptr && spot->item->kind == fs::Kind::link};
    }
    Place& place = *spot->place;
    std::string below(spot->below);
    if (auto opened = place.files.extract(below)) {
        return std::move(opened.mapped());
    }
    if (place.parked) {
        return std::unexpected(fs::kParked);
    }
    place.wanted.insert(std::move(below));
    return std::unexpected(fs::kPending);
}

Status FarPlaces::list(std::string_view path,
                       const std::function<void(std::string_view, fs::Kind)>& visit) {
    const auto spot = find(path);
    if (!spot || spot->directory == nullptr) {
        return spot ? Status::not_found : spot.error();
    }
    for (const auto& [name, item] : spot->directory->items) {
        visit(name, item.kind);
    }
    return spot->directory->listed;
}

// ---- Looking -----------------------------------------------------------------------------------

void FarPlaces::step(Nanos now, std::uint64_t copy_max) {
    now_ = now;
    copy_max_ = copy_max;
    for (const auto& [served, place] : places_) {
        place->work->drain();
        if (now >= place->files_until) {
            place->files.clear();
            place->files_until = kNever;
        }
        if (!place->busy && !place->wanted.empty()) {
            open_wanted(*place);
        } else if (!place->busy && now >= place->look_due) {
            look(*place, served);
        }
        watch_answers(*place, served, now);
    }
}

Nanos FarPlaces::next_due() const {
    Nanos next = kNever;
    for (const auto& [served, place] : places_) {
        if (place->busy) {
            next = std::min(next, place->parked ? kNever : place->answered_at + kPatience);
        } else {
            next = std::min(next, place->wanted.empty() ? place->look_due : now_);
        }
        next = std::min(next, place->files_until);
    }
    return next;
}

bool FarPlaces::at_rest() const {
    return std::all_of(places_.begin(), places_.end(), [](const auto& place) {
        return place.second->looked && place.second->wanted.empty() && !place.second->busy;
    });
}

FarTask FarPlaces::task_of(const Place& place) const {
    return {.root = root_,
            .path = place.path,
            .items_max = options_.items_max,
            .copy_max = copy_max_,
            .stop = {},
            .answers = place.answers};
}

void FarPlaces::look(Place& place, const std::string& served) {
    place.busy = true;
    place.answered_at = now_;
    place.work->submit([this, served, task = task_of(place), before = place.seen,
                        unused = std::exchange(place.unused->handles, {}),
                        &place](const std::stop_token& stop) mutable -> BackgroundWork::Finish {
        task.stop = stop;
        auto seen = look_through(task, before);
        close_all(unused);
        return [this, served, &place, seen = std::move(seen)]() mutable {
            place.seen = std::move(seen);
            place.looked = true;
            place.busy = false;
            place.look_due = now_ + kPause;
            news_.places.push_back(served);
        };
    });
}

void FarPlaces::open_wanted(Place& place) {
    place.busy = true;
    place.answered_at = now_;
    const std::vector<std::string> wanted(place.wanted.begin(), place.wanted.end());
    place.work->submit([this, wanted, task = task_of(place),
                        &place](const std::stop_token& stop) mutable -> BackgroundWork::Finish {
        task.stop = stop;
        return [this, &place, files = open_files(task, wanted)]() mutable {
            for (auto& [path, file] : files) {
                if (file && file->source == fs::Source::remote) {
                    file->file = std::move(file->file)
                                     .closed_by([unused = place.unused](std::intptr_t handle) {
                                         put_away(*unused, handle);
                                     });
                }
                place.wanted.erase(path);
                news_.files.push_back(path.empty() ? place.path : place.path + '/' + path);
                place.files.insert_or_assign(path, std::move(file));
            }
            if (files.empty()) {
                place.wanted.clear();  // the root cannot be opened; what it lacks is wanted again
            }
            place.busy = false;
            place.files_until = now_ + kFilesKept;
        };
    });
}

void FarPlaces::watch_answers(Place& place, const std::string& served, Nanos now) const {
    const std::uint64_t answers = place.answers->load(std::memory_order_relaxed);
    if (!place.busy || answers != std::exchange(place.answered, answers)) {
        place.answered_at = now;
    }
    const bool silent = now - place.answered_at >= kPatience;
    if (silent && !std::exchange(place.parked, true)) {
        options_.warn("the file system at " + served +
                      " does not answer: what was served from there stays as it was");
    } else if (!silent && std::exchange(place.parked, false)) {
        options_.warn("the file system at " + served + " answers again");
    }
}

}  // namespace sluice::http

#include "tests/sim/site.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "core/check.h"
#include "tests/sim/facts.h"

namespace sluice::sim {

namespace {

// Old enough that the store trusts the times of what was there at the start.
constexpr Nanos kLongAgo = 3'600 * kSecond;
// How long what was replaced, or is missing, may still be shown: half of it by the store (see
// docs/deploys.md), the rest is what the loader's turns and cold files cost.
constexpr Nanos kStale = 500 * kMillisecond;
constexpr Nanos kAbsence = 100 * kMillisecond;
constexpr Nanos kAbsenceMax = 2 * kSecond;
// A file that was quiet for so long has a digest of its bytes: nothing else counts from then on.
constexpr Nanos kMeasured = 3 * kSecond;

// Bytes that differ everywhere, so that no two stretches can be taken for each other.
std::string site_body(std::size_t size, std::uint64_t seed) {
    SimRandom random(seed);
    std::string body(size, '\0');
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < size; ++i, bits >>= 8) {
        if (i % 8 == 0) {
            bits = random.next();
        }
        body[i] = static_cast<char>('!' + bits % 256 % 94);
    }
    return body;
}

// Whether `counts` holds for a move of the version's file since the version began. It is also told
// whether the file still had no digest then.
template <typename Counts>
bool any_move(const std::vector<History::Move>& moves, const History::Version& version, Span span,
              const Counts& counts) {
    Nanos quiet_since = version.from;
    return std::ranges::any_of(moves, [&](const History::Move& move) {
        if (move.object != version.object || move.at <= version.from || move.at > span.to) {
            return false;
        }
        const bool unproven = move.at - std::exchange(quiet_since, move.at) < kMeasured;
        return counts(move, unproven);
    });
}

}  // namespace

// ---- What was shown ----------------------------------------------------------------------------

std::vector<const History::Version*> History::shown(Span span) const {
    std::vector<const Version*> list;
    for (const Version& version : versions) {
        const Nanos gone = version.removed == kNever ? kNever : version.removed + kAbsenceMax;
        const Nanos end = std::min(version.until, gone);
        if (version.from <= span.to && (end == kNever || end + kStale >= span.from)) {
            list.push_back(&version);
        }
    }
    return list;
}

bool History::missing(Span span) const {
    return std::ranges::any_of(absences, [span](const Absence& absence) {
        const Nanos from = absence.from + kAbsence;
        return absence.until >= from && from <= span.to &&
               (absence.until == kNever || absence.until + kStale >= span.from);
    });
}

bool History::breaks(const Version& version, Span span) const {
    return only_believed(version) ||
           any_move(moves, version, span,
                    [](const Move& move, bool unproven) { return move.bytes || unproven; });
}

bool History::may_be_mixed(const Version& version, Span span) const {
    return any_move(moves, version, span,
                    [](const Move& move, bool unproven) { return move.hidden && unproven; });
}

// The file grew, and until all is hashed, bytes that were written over are believed to be the old
// ones. The store may see both changes at once, in whatever order they came.
bool History::only_believed(const Version& version) const {
    Nanos written_over = -kLongAgo;
    Nanos grown = -kLongAgo;
    for (const Move& move : moves) {
        if (move.object == version.object && move.at <= version.from) {
            (move.bytes ? written_over : grown) = move.at;
        }
    }
    return version.from - grown < kStale && version.from - written_over < kMeasured;
}

// ---- The tree ----------------------------------------------------------------------------------

struct Site::Object {
    int file = -1;
    Facts facts;
    std::string bytes;

    Object() = default;
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;
    ~Object() {
        forget_facts(file);
        ::close(file);
    }
};

struct Site::Place {
    std::string name;
    std::shared_ptr<Object> object;  // null: there is nothing
    History history;
};

Site::Site(SimNetwork* network, Nanos tick) : network_(network), tick_(tick) {
    std::string pattern = std::filesystem::temp_directory_path() / "sluice-sim-XXXXXX";
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    root_ = pattern;
    add("/index.html", 509, false, false);
    add("/tiny.txt", 5, false, false);
    add("/empty.txt", 0, false, false);
    add("/page.html", 9'001, false, true);
    add("/sub/index.html", 700, false, false);
    files_.push_back({"/sub/", files_.back().body});
    add("/logo.jpg", 50 * 1024 + 3, false, true);
    add("/big.bin", 200'000, true, true);
    add("/big2.bin", 150'001, true, true);
    files_.push_back({"/", files_.front().body});
}

Site::~Site() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
}

std::string Site::path_of(std::string_view name) const {
    return root_ + "/" + std::string(name);
}

Nanos Site::now() const {
    return network_ == nullptr ? 0 : network_->now();
}

void Site::add(const std::string& path, std::size_t size, bool live, bool changes) {
    SiteFile file{path, site_body(size, ++bodies_), live};
    const std::string name = path.substr(1);
    std::filesystem::create_directories(std::filesystem::path(path_of(name)).parent_path());
    const auto object = make_object(name, file.body);
    object->facts.mtime_ns -= kLongAgo;
    object->facts.ctime_ns -= kLongAgo;
    tell_facts(object->file, object->facts);
    if (changes && network_ != nullptr) {
        Place& place = *places_.emplace_back(std::make_unique<Place>());
        place.name = name;
        place.object = object;
        show(place);
        place.history.versions.back().from = -kLongAgo;
        file.history = &place.history;
    }
    files_.push_back(std::move(file));
}

// A file of that name, which may not be there yet.
std::shared_ptr<Site::Object> Site::make_object(const std::string& name, std::string_view bytes) {
    const auto object = std::make_shared<Object>();
    object->file = ::open(path_of(name).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    CHECK(object->file >= 0);
    kept_.push_back(object);
    object->facts.inode = kept_.size();
    stamp(*object, true);
    write(object, 0, bytes);
    return object;
}

// Something happened to it now.
void Site::stamp(Object& object, bool mtime) {
    const std::int64_t wall =
        network_ == nullptr ? SimNetwork::kWallOrigin * kSecond : network_->wall_nanos();
    object.facts.ctime_ns = wall / tick_ * tick_;
    if (mtime) {
        object.facts.mtime_ns = object.facts.ctime_ns;
    }
    tell_facts(object.file, object.facts);
}

void Site::write(const std::shared_ptr<Object>& object, std::size_t at, std::string_view bytes) {
    if (bytes.empty()) {
        return;
    }
    CHECK(::pwrite(object->file, bytes.data(), bytes.size(), static_cast<off_t>(at)) ==
          static_cast<ssize_t>(bytes.size()));
    stamp(*object, true);
    const std::size_t before = object->bytes.size();
    object->bytes.resize(std::max(before, at + bytes.size()));
    object->bytes.replace(at, bytes.size(), bytes);
    for (const auto& place : places_) {
        if (std::ranges::find(place->history.versions, object->facts.inode,
                              &History::Version::object) != place->history.versions.end()) {
            place->history.moves.push_back(
                {now(), object->facts.inode, at < before, object->bytes});
            if (place->object == object) {
                show(*place);
            }
        }
    }
}

// What the path has from now on.
void Site::show(Place& place) {
    History& history = place.history;
    if (!history.absences.empty() && history.absences.back().until == kNever) {
        history.absences.back().until = now();
    }
    if (!history.versions.empty()) {
        history.versions.back().until = now();
    }
    history.versions.push_back({place.object->bytes, place.object->facts.inode, now()});
}

// ---- The ways ----------------------------------------------------------------------------------

void Site::replace(Place& place, std::string_view bytes) {
    const auto next = make_object(".new", bytes);
    CHECK(::rename(path_of(".new").c_str(), path_of(place.name).c_str()) == 0);
    if (place.object != nullptr) {
        stamp(*place.object, false);
    }
    stamp(*next, false);
    place.object = next;
    show(place);
}

void Site::truncate(Place& place, std::size_t size) {
    Object& object = *place.object;
    CHECK(::ftruncate(object.file, static_cast<off_t>(size)) == 0);
    object.bytes.resize(size);
    stamp(object, true);
    place.history.moves.push_back({now(), object.facts.inode, true, {}});
    show(place);
}

void Site::touch(Place& place, bool mtime) {
    CHECK(::fchmod(place.object->file, 0644) == 0);
    stamp(*place.object, mtime);
    if (mtime) {
        place.history.moves.push_back({now(), place.object->facts.inode, false, {}});
    }
}

// As a backup does that keeps hard links.
void Site::link(Place& place) {
    CHECK(::link(path_of(place.name).c_str(), path_of(".link").c_str()) == 0);
    CHECK(::unlink(path_of(".link").c_str()) == 0);
    stamp(*place.object, false);
}

void Site::remove(Place& place) {
    CHECK(::unlink(path_of(place.name).c_str()) == 0);
    stamp(*place.object, false);
    place.object = nullptr;
    place.history.versions.back().removed = now();
    place.history.absences.push_back({now()});
}

void Site::put_back(Place& place, SimRandom& random) {
    const std::string before = place.history.versions.back().bytes;
    std::string bytes = random.chance(0.5) ? before : site_body(before.size(), ++bodies_);
    if (random.chance(0.5)) {
        replace(place, bytes);
        return;
    }
    place.object = make_object(place.name, {});
    show(place);
    if (random.chance(0.5)) {
        write(place.object, 0, bytes);
    } else {
        write_later(place.object, 0, std::move(bytes),
                    random.between<Nanos>(0, 200 * kMillisecond));
    }
}

// What a save by an editor or a log rotation does to the name.
void Site::rename_away(Place& place, Nanos pause) {
    const std::string away = ".away-" + std::to_string(++bodies_);
    CHECK(::rename(path_of(place.name).c_str(), path_of(away).c_str()) == 0);
    const auto object = std::exchange(place.object, nullptr);
    stamp(*object, false);
    place.history.versions.back().removed = now();
    place.history.absences.push_back({now()});
    network_->after(pause, [this, &place, object, away] {
        if (place.object == nullptr) {
            CHECK(::rename(path_of(away).c_str(), path_of(place.name).c_str()) == 0);
            stamp(*object, false);
            place.object = object;
            show(place);
            on_change_();
        }
    });
}

void Site::write_later(const std::shared_ptr<Object>& object, std::size_t at, std::string bytes,
                       Nanos pause) {
    network_->after(pause, [this, object, at, bytes = std::move(bytes)] {
        if (at <= object->bytes.size()) {  // else it was cut meanwhile
            write(object, at, bytes);
            on_change_();
        }
    });
}

void Site::put_time_back(Object& object, std::int64_t mtime_ns) {
    object.facts.mtime_ns = mtime_ns;
    tell_facts(object.file, object.facts);
}

void Site::change(SimRandom& random) {
    Place& place = *places_[random.between<std::size_t>(0, places_.size() - 1)];
    const auto way = random.between(0, 14);
    const Nanos pause = random.between<Nanos>(0, 300 * kMillisecond);
    if (place.object == nullptr) {
        put_back(place, random);
        on_change_();
        return;
    }
    const std::shared_ptr<Object> object = place.object;
    const std::size_t size = object->bytes.size();
    const std::string other = site_body(size, ++bodies_);
    const auto begin = random.between<std::size_t>(0, size);
    const auto length = random.between<std::size_t>(0, size - begin);
    switch (way) {
        case 0: replace(place, other); break;
        case 1: replace(place, site_body(size / 2 + begin, ++bodies_)); break;
        case 2:  // a copy that keeps the time
            replace(place, object->bytes);
            put_time_back(*place.object, object->facts.mtime_ns);
            break;
        case 3: write(object, 0, other); break;
        case 4: write(object, begin, other.substr(begin, length)); break;
        case 5: {  // an edit that puts the time back
            const std::int64_t mtime = object->facts.mtime_ns;
            write(object, begin, other.substr(begin, length));
            if (length > 0) {
                place.history.moves.back().hidden = true;
            }
            put_time_back(*object, mtime);
            break;
        }
        case 6:  // in two steps
            write(object, 0, other.substr(0, begin));
            write_later(object, begin, other.substr(begin), pause);
            break;
        case 7: truncate(place, random.chance(0.2) ? 0 : begin); break;
        case 8: write(object, size, site_body(length / 4 + 1, ++bodies_)); break;
        case 9:  // a log
            for (int i = 0; i < 6; ++i) {
                network_->after(i * pause, [this, object, line = site_body(997, ++bodies_)] {
                    write(object, object->bytes.size(), line);
                    on_change_();
                });
            }
            break;
        case 14:  // again and again, perhaps within one tick of the clock that stamps files
            for (int i = 0; i < 25 && size < 100'000; ++i) {
                write_later(object, begin, site_body(length, ++bodies_), i * pause / 60);
            }
            break;
        case 10: touch(place, random.chance(0.3)); break;
        case 11: link(place); break;
        case 12:
            remove(place);
            network_->after(10 * pause, [this, &place, seed = random.next()] {
                SimRandom own(seed);
                if (place.object == nullptr) {
                    put_back(place, own);
                    on_change_();
                }
            });
            break;
        default: rename_away(place, pause); break;
    }
    on_change_();
}

}  // namespace sluice::sim

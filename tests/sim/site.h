// Site: the files that a world serves, in a temporary tree of its own, and everything that has
// become of them. change() does to them what people do to a site while it is served: edited,
// replaced, truncated, grown, touched, removed, put back.
//
// Times of files are virtual (facts.h), so that a run depends on its seed alone.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "backends/sim/network.h"
#include "backends/sim/random.h"
#include "core/clock.h"

namespace sluice::sim {

// From the first instant to the last.
struct Span {
    Nanos from = 0;
    Nanos to = 0;
};

// Everything that one path has been.
struct History {
    struct Version {
        std::string bytes;
        std::uint64_t object;    // the file on disk: another one after a rename over it
        Nanos from;              // on disk since then
        Nanos until = kNever;    // and until the next version
        Nanos removed = kNever;  // or until there was nothing
    };
    struct Absence {
        Nanos from;
        Nanos until = kNever;
    };
    // An event after which a file on disk is no longer the same version.
    struct Move {
        Nanos at;
        std::uint64_t object;
        bool bytes;           // written over or cut; else it grew, or its mtime moved
        std::string after;    // what it holds then, if its bytes are others
        bool hidden = false;  // its mtime was put back
    };

    std::vector<Version> versions;
    std::vector<Absence> absences;
    std::vector<Move> moves;

    // The versions that an answer to a request of that time may be of.
    [[nodiscard]] std::vector<const Version*> shown(Span span) const;
    // Whether it may be answered 404.
    [[nodiscard]] bool missing(Span span) const;
    // Whether a download of that version may be cut.
    [[nodiscard]] bool breaks(const Version& version, Span span) const;
    // Whether an answer may mix it with what came after it: a later change was hidden before this
    // version was hashed.
    [[nodiscard]] bool may_be_mixed(const Version& version, Span span) const;

    // Strong validators that were seen, each with hashes of the versions that it can belong to.
    mutable std::map<std::string, std::set<std::size_t>, std::less<>> tags;

  private:
    [[nodiscard]] bool only_believed(const Version& version) const;
};

// One thing that the server answers for.
struct SiteFile {
    std::string path;                  // as requested
    std::string body;                  // at first
    bool live = false;                 // served from the file itself, and at times cold
    const History* history = nullptr;  // of what changes
};

class Site {
  public:
    // Without a network nothing changes. `tick`: how coarse the clock is that stamps files.
    explicit Site(SimNetwork* network = nullptr, Nanos tick = 1);
    Site(const Site&) = delete;
    Site& operator=(const Site&) = delete;
    ~Site();

    [[nodiscard]] const std::string& root() const { return root_; }
    [[nodiscard]] const std::vector<SiteFile>& files() const { return files_; }
    // One of the files that change, in one of the ways.
    void change(SimRandom& random);
    // Called after each change.
    void on_change(std::function<void()> callback) { on_change_ = std::move(callback); }

  private:
    struct Object;  // a file on disk
    struct Place;   // a path that changes

    void add(const std::string& path, std::size_t size, bool live, bool changes);
    std::shared_ptr<Object> make_object(const std::string& name, std::string_view bytes);
    void stamp(Object& object, bool mtime);
    void show(Place& place);
    void replace(Place& place, std::string_view bytes);
    void write(const std::shared_ptr<Object>& object, std::size_t at, std::string_view bytes);
    void truncate(Place& place, std::size_t size);
    void touch(Place& place, bool mtime);
    void link(Place& place);
    void remove(Place& place);
    void put_back(Place& place, SimRandom& random);
    void rename_away(Place& place, Nanos pause);
    void put_time_back(Object& object, std::int64_t mtime_ns);
    void write_later(const std::shared_ptr<Object>& object, std::size_t at, std::string bytes,
                     Nanos pause);
    [[nodiscard]] std::string path_of(std::string_view name) const;
    [[nodiscard]] Nanos now() const;

    SimNetwork* network_;
    const Nanos tick_;
    std::string root_;
    std::vector<SiteFile> files_;
    std::vector<std::unique_ptr<Place>> places_;
    std::vector<std::shared_ptr<Object>> kept_;
    std::uint64_t bodies_ = 0;
    std::function<void()> on_change_;
};

}  // namespace sluice::sim

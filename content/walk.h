// What a ContentTree has still to look at: lists of work, so that looking is done in slices however
// much there is, and however it is linked. See walk.cpp.
//
// Loader's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "content/files.h"
#include "content/loader.h"
#include "core/clock.h"

namespace sluice::http {

using PathParts = std::pair<std::string, std::string>;  // directory's path, name

// A stretch of work. Over when its time is, or when the end is asked for.
class Slice {
  public:
    explicit Slice(const ContentOptions& options)
        : options_(options), end_(options.work_clock() + options.slice) {}

    [[nodiscard]] bool over() const {
        return options_.stop.stop_requested() || options_.work_clock() >= end_;
    }

  private:
    const ContentOptions& options_;
    Nanos end_;
};

struct Walk {
    // Names that the system told of: directory -> name -> how.
    std::map<std::string, std::unordered_map<std::string, FileEvent>> names;
    // Paths of directories to be listed. The last one comes first: what was found just now is not
    // kept waiting by what takes long.
    std::deque<std::string> directories;
    // But those that several links lead to wait for all others, the nearest first; in the first
    // walk so do those that one leads to.
    std::deque<std::string> linked;
    bool first = true;

    // The directory that is being listed.
    struct Current {
        std::string path;
        fs::Info info;
        fs::Listing listing;
        std::uint64_t number = 0;
        std::vector<std::pair<std::string, fs::Kind>> names;  // read and not looked at
        std::size_t next = 0;
        bool listed = false;
    };
    std::unique_ptr<Current> current;

    bool links_wanted = false;  // all links are to be looked at
    Nanos links_due = 0;        // but not before this
    Nanos links_poll = kNever;  // again at this time, whatever is told
    PathParts last_link;        // where the look at them has come to
    Nanos links_took = 0;

    std::uint64_t number = 0;    // of this walk
    std::optional<Nanos> began;  // by the clock of work; none: nothing is under way
    std::uint64_t looked_at = 0;
    Nanos say_at = 0;
};

}  // namespace sluice::http

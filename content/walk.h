// What a ContentTree has yet to look at: lists of work, so that a walk is done in slices however
// large the tree is and however it is linked. See walk.cpp.
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

// A slice of time for work. Over when its time is used up, or when the store is asked to stop.
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
    // Names that the system reported: directory -> name -> event.
    std::map<std::string, std::unordered_map<std::string, FileEvent>> names;
    // Paths of directories to be listed. The last one comes first: what was just found does not
    // wait for what takes long.
    std::deque<std::string> directories;
    // Except that directories reached through several links wait for all others, the nearest first;
    // in the first walk so do those reached through one.
    std::deque<std::string> linked;
    bool first = true;

    // The directory that is being listed.
    struct Current {
        std::string path;
        fs::Info info;
        fs::Listing listing;
        std::uint64_t number = 0;
        std::vector<std::pair<std::string, fs::Kind>> names;  // read and not yet looked at
        std::size_t next = 0;
        bool listed = false;
    };
    std::unique_ptr<Current> current;

    bool links_wanted = false;  // check all links
    Nanos links_due = 0;        // but not before this
    Nanos links_poll = kNever;  // then check them again, without any event
    PathParts last_link;        // the last link checked
    Nanos links_took = 0;

    std::uint64_t number = 0;    // of this walk
    std::optional<Nanos> began;  // by work_clock; none: no walk is under way
    std::uint64_t looked_at = 0;
    Nanos say_at = 0;
};

}  // namespace sluice::http

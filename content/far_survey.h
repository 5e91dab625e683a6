// What is found out of a file system that may not answer, and by whom: by these functions, on a
// thread of that file system, which may wait there for ever. What they return are values.
//
// THREADS. The loader's never calls them. They touch nothing but their arguments.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "content/files.h"

namespace sluice::http {

struct FarDirectory;

struct FarItem {
    fs::Kind kind = fs::Kind::unknown;              // of the name itself
    Status status = Status::ok;                     // why it cannot be served
    fs::Info info;                                  // of what it leads to
    std::shared_ptr<const FarDirectory> directory;  // when it is one
};

struct FarDirectory {
    Status listed = Status::ok;  // else the items are those of before
    fs::Info info;
    std::map<std::string, FarItem, std::less<>> items;
};

// A file to be loaded, or why it cannot be.
using FarFile = std::expected<fs::Opened, Status>;

struct FarTask {
    std::string root;  // of what is served, canonical
    std::string path;  // of the place, canonical
    std::uint64_t items_max = 0;
    std::uint64_t copy_max = 0;  // files up to this size are copied into memory
    std::stop_token stop;
    // Goes up with each answer of the file system.
    std::shared_ptr<std::atomic<std::uint64_t>> answers;
};

// Looks through the place. What was there `before` (null: nothing is known) and is not found is
// looked for once more. A link is followed within the file system. Null when the place cannot be
// looked at and nothing is known.
[[nodiscard]] std::shared_ptr<const FarDirectory> look_through(
    const FarTask& task, const std::shared_ptr<const FarDirectory>& before);

// Opens files by their paths below the place, without a slash in front. Gives up after some time or
// bytes: the rest is missing in what it returns.
[[nodiscard]] std::map<std::string, FarFile> open_files(const FarTask& task,
                                                        const std::vector<std::string>& paths);

}  // namespace sluice::http

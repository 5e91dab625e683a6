// What the threads of remote mounts run: these functions may block for ever. They return values.
//
// THREADS. Never called on the loader's thread. They touch nothing but their arguments.
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

struct RemoteDirectory;

struct RemoteItem {
    fs::Kind kind = fs::Kind::unknown;                 // of the name itself
    Status status = Status::ok;                        // why it cannot be served
    fs::Info info;                                     // of what it leads to
    std::shared_ptr<const RemoteDirectory> directory;  // when it is one
};

struct RemoteDirectory {
    Status listed = Status::ok;  // else the items are those of the scan before
    fs::Info info;
    std::map<std::string, RemoteItem, std::less<>> items;
};

// An open file, or why it cannot be opened.
using RemoteFile = std::expected<fs::Opened, Status>;

struct RemoteTask {
    std::string root;  // of what is served, canonical
    std::string path;  // of the volume, canonical
    std::uint64_t items_max = 0;
    std::uint64_t copy_max = 0;  // files up to this size are copied into memory
    std::stop_token stop;
    // Incremented with each answer of the file system.
    std::shared_ptr<std::atomic<std::uint64_t>> answers;
};

// Scans the volume. What was there `before` (null: nothing is known) and is not found is looked for
// once more. Links are followed within the file system. Null when the volume cannot be scanned and
// nothing is known.
[[nodiscard]] std::shared_ptr<const RemoteDirectory> scan(
    const RemoteTask& task, const std::shared_ptr<const RemoteDirectory>& before);

// Opens files by their paths below the volume, without a leading slash. Stops after a number of
// files or bytes: the rest is missing in the result.
[[nodiscard]] std::map<std::string, RemoteFile> open_files(const RemoteTask& task,
                                                           const std::vector<std::string>& paths);

}  // namespace sluice::http

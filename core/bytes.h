// Bytes and where they lie: in memory, or in an open file that may change. Plain values; whoever
// makes one says how long what it names lives.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice {

struct Slice {
    const char* data = nullptr;
    std::size_t size = 0;
};

// What an open file looked like when its content was promised. It has no name and no inode: the
// open file stays the same one, whatever happens to its names. The ctime moves with every change of
// the bytes, but with links, names and permissions as well. All zero: the bytes cannot change (a
// private copy), nothing to verify. Times are the file's, in nanoseconds.
struct FileStamp {
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;
    std::int64_t ctime_ns = 0;
    friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

// A piece of an open file. The descriptor belongs to the caller and stays open until the
// completion.
struct FileRange {
    // File descriptor; on Windows a HANDLE. It should be opened with FILE_FLAG_OVERLAPPED: reading
    // any other blocks the worker.
    std::intptr_t file = -1;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    // When set: the file must still carry this stamp after its bytes were handed over, else the
    // operation ends with Status::changed. Lives as long as the operation.
    const FileStamp* stamp = nullptr;
    // Its file system may not answer (FUSE, NFS): the worker's own thread asks it nothing.
    bool remote = false;

    // There is something to verify: a stamp of zeros promises that the bytes cannot change.
    [[nodiscard]] bool stamped() const { return stamp != nullptr && *stamp != FileStamp{}; }
};

}  // namespace sluice

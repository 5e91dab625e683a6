// Metadata and bytes of open files, and the clock that stamps files. One implementation for each
// system (file_linux.cpp, file_windows.cpp).
//
// Handles are the caller's: descriptors on Linux, HANDLEs on Windows. No state; any thread. Fails
// by value only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>

#include "core/bytes.h"
#include "core/result.h"

namespace sluice::fs {

enum class Kind : std::uint8_t { unknown, file, directory, link, other };

struct Info {
    Kind kind = Kind::unknown;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    FileStamp stamp;
    // The file has several hard links, perhaps where nobody watches. (Not set on Windows, where the
    // whole tree is polled in any case.)
    bool hard_linked = false;

    [[nodiscard]] bool same_object(const Info& other) const {
        return device == other.device && inode == other.inode;
    }
    [[nodiscard]] bool unchanged(const Info& other) const {
        return kind == other.kind && same_object(other) && stamp == other.stamp;
    }
};

[[nodiscard]] std::expected<Info, Status> info_of(std::intptr_t handle) noexcept;

// One read, of up to `room` bytes from `offset`; none at the end of the file. On an ordinary file,
// fewer bytes than asked for are the last ones; to be certain, compare with the size.
[[nodiscard]] std::expected<std::size_t, Status> read_at(std::intptr_t handle, std::uint64_t offset,
                                                         char* out, std::size_t room) noexcept;

// Nanoseconds since 1970, by the clock that stamps files.
[[nodiscard]] std::int64_t wall_now_ns() noexcept;
// Longer than any tick of the clocks that file systems stamp with (CONFIG_HZ=100: 10 ms). A file
// that changed more recently is racy: it may change once more and show the same times.
inline constexpr std::int64_t kRacyNs = 20'000'000;
// After this pause it is not racy any more.
inline constexpr std::int64_t kRacyPauseNs = 25'000'000;
// Whether a file that changed at `ctime_ns` may change once more and show the same time: `now_ns`
// is less than `within_ns` away, in either direction. A change further in the future was made
// before the clock was set back, and new changes show other times.
[[nodiscard]] constexpr bool changed_just_now(std::int64_t ctime_ns, std::int64_t now_ns,
                                              std::int64_t within_ns) noexcept {
    return now_ns - ctime_ns < within_ns && ctime_ns - now_ns < within_ns;
}

}  // namespace sluice::fs

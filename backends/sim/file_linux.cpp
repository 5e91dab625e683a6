#include <sys/stat.h>
#include <unistd.h>

#include "backends/sim/file.h"
#include "core/check.h"

namespace sluice {

FileStamp sim_stamp_of(std::intptr_t file) noexcept {
    struct stat info {};
    CHECK(fstat(static_cast<int>(file), &info) == 0);
    FileStamp stamp;
    stamp.size = static_cast<std::uint64_t>(info.st_size);
    stamp.mtime_ns = info.st_mtim.tv_sec * kSecond + info.st_mtim.tv_nsec;
    stamp.ctime_ns = info.st_ctim.tv_sec * kSecond + info.st_ctim.tv_nsec;
    return stamp;
}

std::size_t sim_read_at(std::intptr_t file, std::uint64_t offset, char* out,
                        std::size_t room) noexcept {
    const ssize_t got = pread(static_cast<int>(file), out, room, static_cast<off_t>(offset));
    return got > 0 ? static_cast<std::size_t>(got) : 0;
}

}  // namespace sluice

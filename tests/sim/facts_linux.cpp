#include "tests/sim/facts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <map>
#include <utility>

#include "core/check.h"
#include "core/clock.h"

namespace sluice::sim {

namespace {

using Number = std::pair<dev_t, ino_t>;

std::map<Number, Facts>& all_facts() {
    static std::map<Number, Facts> facts;
    return facts;
}

timespec to_timespec(std::int64_t nanos) {
    return {nanos / kSecond, nanos % kSecond};
}

int real_stat_at(int directory, const char* path, struct stat* info, int flags) noexcept {
    return static_cast<int>(::syscall(SYS_newfstatat, directory, path, info, flags));
}

int stat_at(int directory, const char* path, struct stat* info, int flags) noexcept {
    const int result = real_stat_at(directory, path, info, flags);
    if (result == 0) {
        const auto found = all_facts().find({info->st_dev, info->st_ino});
        if (found != all_facts().end()) {
            info->st_ino = found->second.inode;
            info->st_mtim = to_timespec(found->second.mtime_ns);
            info->st_ctim = to_timespec(found->second.ctime_ns);
        }
    }
    return result;
}

Number number_of(int file) {
    struct stat info {};
    CHECK(real_stat_at(file, "", &info, AT_EMPTY_PATH) == 0);
    return {info.st_dev, info.st_ino};
}

}  // namespace

void tell_facts(int file, const Facts& facts) {
    all_facts()[number_of(file)] = facts;
}

void forget_facts(int file) {
    all_facts().erase(number_of(file));
}

}  // namespace sluice::sim

// In the place of the C library's.
extern "C" {

int fstat(int file, struct stat* info) noexcept {
    return sluice::sim::stat_at(file, "", info, AT_EMPTY_PATH);
}

int fstatat(int directory, const char* path, struct stat* info, int flags) noexcept {
    return sluice::sim::stat_at(directory, path, info, flags);
}

int stat(const char* path, struct stat* info) noexcept {
    return sluice::sim::stat_at(AT_FDCWD, path, info, 0);
}

}  // extern "C"

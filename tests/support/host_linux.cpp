#include "tests/support/host.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "core/check.h"

namespace sluice::test {

namespace {

constexpr rlim_t kDescriptors = 8192;

}  // namespace

TempFile::TempFile() {
    std::string path = (std::filesystem::temp_directory_path() / "sluice.XXXXXX").string();
    handle_ = ::mkostemp(path.data(), O_CLOEXEC);
    CHECK(handle_ >= 0);
    ::unlink(path.c_str());
}

TempFile::~TempFile() {
    ::close(static_cast<int>(handle_));
}

void TempFile::write_at(std::uint64_t offset, std::string_view bytes) const {
    CHECK(::pwrite(static_cast<int>(handle_), bytes.data(), bytes.size(),
                   static_cast<off_t>(offset)) == static_cast<ssize_t>(bytes.size()));
}

std::string read_at(std::intptr_t file, std::uint64_t offset, std::uint64_t bytes) {
    std::string text(bytes, '\0');
    const ssize_t got =
        ::pread(static_cast<int>(file), text.data(), bytes, static_cast<off_t>(offset));
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return text;
}

void TempFile::truncate(std::uint64_t size) const {
    CHECK(::ftruncate(static_cast<int>(handle_), static_cast<off_t>(size)) == 0);
}

FileStamp TempFile::stamp() const {
    struct stat info {};
    CHECK(::fstat(static_cast<int>(handle_), &info) == 0);
    FileStamp stamp;
    stamp.inode = info.st_ino;
    stamp.size = static_cast<std::uint64_t>(info.st_size);
    stamp.mtime_ns = info.st_mtim.tv_sec * kSecond + info.st_mtim.tv_nsec;
    stamp.ctime_ns = info.st_ctim.tv_sec * kSecond + info.st_ctim.tv_nsec;
    return stamp;
}

int process_id() {
    return ::getpid();
}

std::string make_temp_directory() {
    std::string path = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
    CHECK(::mkdtemp(path.data()) != nullptr);
    return path;
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator entries("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < kDescriptors) {
        limit.rlim_cur = std::min(limit.rlim_max, kDescriptors);
        (void)::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

}  // namespace sluice::test

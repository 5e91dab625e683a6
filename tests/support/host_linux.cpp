#include "tests/support/host.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

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
    stamp.size = static_cast<std::uint64_t>(info.st_size);
    stamp.mtime_ns = info.st_mtim.tv_sec * kSecond + info.st_mtim.tv_nsec;
    stamp.ctime_ns = info.st_ctim.tv_sec * kSecond + info.st_ctim.tv_nsec;
    return stamp;
}

void resize_file(const std::string& path, std::uint64_t size) {
    CHECK(::truncate(path.c_str(), static_cast<off_t>(size)) == 0);
}

std::uint64_t allocated_bytes(std::intptr_t file) {
    struct stat info {};
    CHECK(::fstat(static_cast<int>(file), &info) == 0);
    return static_cast<std::uint64_t>(info.st_blocks) * 512;
}

int process_id() {
    return ::getpid();
}

void use_temp_directory(const std::filesystem::path& path) {
    CHECK(::setenv("TMPDIR", path.c_str(), 1) == 0);
}

std::string make_temp_directory() {
    std::string path = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
    CHECK(::mkdtemp(path.data()) != nullptr);
    return path;
}

std::uint64_t memory_in_use() {
    ::malloc_trim(0);
    std::uint64_t total = 0;
    std::uint64_t resident = 0;
    std::uint64_t shared = 0;
    std::ifstream("/proc/self/statm") >> total >> resident >> shared;  // in pages
    return (resident - shared) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
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

void wait_readable(std::intptr_t handle, Nanos at_most) {
    pollfd entry = {static_cast<int>(handle), POLLIN, 0};
    (void)::poll(&entry, 1, static_cast<int>(at_most / kMillisecond) + 1);
}

bool has_holes() {
    return true;
}

bool tells_every_change() {
    return true;
}

}  // namespace sluice::test

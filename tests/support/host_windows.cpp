#include "tests/support/host.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "core/check.h"
#include "system/win32.h"
// after windows.h
#include <winioctl.h>

namespace sluice::test {

namespace {

using win32::to_handle;

// Tests hand plain strings to std::filesystem, which takes them byte by byte here (system/path.h).
// So a user whose name has other letters gets the folder that all users share.
std::filesystem::path temp_directory() {
    auto path = std::filesystem::temp_directory_path();
    const bool ascii = std::ranges::all_of(path.native(), [](wchar_t c) { return c < 0x80; });
    return ascii ? path : std::filesystem::path(std::getenv("PUBLIC"));
}

}  // namespace

TempFile::TempFile() {
    static int serial = 0;
    const auto path = temp_directory() /
                      ("sluice." + std::to_string(process_id()) + "." + std::to_string(++serial));
    HANDLE file =
        ::CreateFileW(path.c_str(), GENERIC_READ | GENERIC_WRITE | DELETE,
                      FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                      CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE | FILE_FLAG_OVERLAPPED, nullptr);
    CHECK(file != INVALID_HANDLE_VALUE);
    // Holes in a sparse file need no room. Where this is refused, they do.
    (void)win32::control(file, FSCTL_SET_SPARSE, nullptr, 0);
    handle_ = reinterpret_cast<std::intptr_t>(file);
}

TempFile::~TempFile() {
    ::CloseHandle(to_handle(handle_));
}

void TempFile::write_at(std::uint64_t offset, std::string_view bytes) const {
    std::size_t wrote = 0;
    CHECK(win32::write_at(to_handle(handle_), offset, bytes.data(), bytes.size(), wrote) == 0 &&
          wrote == bytes.size());
}

std::string read_at(std::intptr_t file, std::uint64_t offset, std::uint64_t bytes) {
    std::string text(bytes, '\0');
    std::size_t got = 0;
    (void)win32::read_at(to_handle(file), offset, text.data(), text.size(), got);
    text.resize(got);
    return text;
}

void TempFile::truncate(std::uint64_t size) const {
    FILE_END_OF_FILE_INFO info;
    info.EndOfFile.QuadPart = static_cast<LONGLONG>(size);
    CHECK(::SetFileInformationByHandle(to_handle(handle_), FileEndOfFileInfo, &info, sizeof info) !=
          0);
}

FileStamp TempFile::stamp() const {
    const auto look = win32::look_at(to_handle(handle_));
    CHECK(look.has_value());
    return look->stamp;
}

void resize_file(const std::string& path, std::uint64_t size) {
    const std::filesystem::path name(path);
    HANDLE file = ::CreateFileW(name.c_str(), GENERIC_READ | GENERIC_WRITE,
                                FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                                OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
    CHECK(file != INVALID_HANDLE_VALUE);
    (void)win32::control(file, FSCTL_SET_SPARSE, nullptr, 0);
    FILE_END_OF_FILE_INFO info;
    info.EndOfFile.QuadPart = static_cast<LONGLONG>(size);
    CHECK(::SetFileInformationByHandle(file, FileEndOfFileInfo, &info, sizeof info) != 0);
    ::CloseHandle(file);
}

std::uint64_t allocated_bytes(std::intptr_t file) {
    FILE_STANDARD_INFO info;
    CHECK(::GetFileInformationByHandleEx(to_handle(file), FileStandardInfo, &info, sizeof info) !=
          0);
    return static_cast<std::uint64_t>(info.AllocationSize.QuadPart);
}

int process_id() {
    return static_cast<int>(::GetCurrentProcessId());
}

void use_temp_directory(const std::filesystem::path& path) {
    CHECK(::SetEnvironmentVariableW(L"TMP", path.c_str()) != 0);
}

std::string make_temp_directory() {
    static int serial = 0;
    const auto path = temp_directory() /
                      ("sluice-" + std::to_string(process_id()) + "-" + std::to_string(++serial));
    CHECK(std::filesystem::create_directory(path));
    return path.string();
}

std::size_t open_descriptors() {
    DWORD count = 0;
    // Under Wine this is always 0.
    return ::GetProcessHandleCount(::GetCurrentProcess(), &count) != 0 ? count : 0;
}

void raise_descriptor_limit() {}

void wait_readable(std::intptr_t handle, Nanos at_most) {
    (void)::WaitForSingleObject(to_handle(handle), static_cast<DWORD>(at_most / kMillisecond) + 1);
}

std::uint64_t memory_in_use() {
    return 0;
}

bool has_holes() {
    const TempFile file("1");
    FILE_ZERO_DATA_INFORMATION hole{};
    hole.BeyondFinalZero.QuadPart = 1;
    return win32::control(to_handle(file.handle()), FSCTL_SET_ZERO_DATA, &hole, sizeof hole) == 0;
}

bool tells_every_change() {
    return false;
}

}  // namespace sluice::test

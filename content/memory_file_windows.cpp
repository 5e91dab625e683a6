// A temporary file that nobody else can open, deleted when its handle is closed, and not written to
// the disk as long as the cache has room for it (FILE_ATTRIBUTE_TEMPORARY). Released parts are
// given back where the file system supports sparse files.
#include "content/memory_file.h"

#include "system/win32.h"
// after windows.h
#include <winioctl.h>

namespace sluice::http {

Result<MemoryFile> MemoryFile::create() {
    wchar_t folder[MAX_PATH + 1];
    wchar_t path[MAX_PATH + 1];
    if (::GetTempPathW(MAX_PATH, folder) == 0 || ::GetTempFileNameW(folder, L"slu", 0, path) == 0) {
        const DWORD error = ::GetLastError();
        return fail(win32::status_of(error),
                    "cannot make a temporary file: " + win32::text_of(error),
                    static_cast<int>(error));
    }
    HANDLE file = ::CreateFileW(
        path, GENERIC_READ | GENERIC_WRITE | DELETE, 0, nullptr, CREATE_ALWAYS,
        FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE | FILE_FLAG_OVERLAPPED, nullptr);
    if (file == INVALID_HANDLE_VALUE) {
        const DWORD error = ::GetLastError();
        return fail(win32::status_of(error),
                    "cannot open a temporary file: " + win32::text_of(error),
                    static_cast<int>(error));
    }
    (void)win32::control(file, FSCTL_SET_SPARSE, nullptr, 0);
    MemoryFile result;
    result.file_ = fs::File(reinterpret_cast<std::intptr_t>(file));
    result.huge_pages_ = false;
    return result;
}

std::uint64_t MemoryFile::page_bytes() noexcept {
    SYSTEM_INFO system;
    ::GetSystemInfo(&system);
    return system.dwPageSize;
}

Status MemoryFile::write_some(std::uint64_t offset, const char* data, std::size_t size,
                              std::size_t& wrote) {
    const DWORD error = win32::write_at(win32::to_handle(handle()), offset, data, size, wrote);
    if (error == 0 && wrote > 0) {
        return Status::ok;
    }
    return win32::status_of(error) == Status::no_memory ? Status::no_memory : Status::io_error;
}

void MemoryFile::use_huge_page(std::size_t) noexcept {}

void MemoryFile::punch(std::uint64_t offset, std::uint64_t size) noexcept {
    FILE_ZERO_DATA_INFORMATION hole{};
    hole.FileOffset.QuadPart = static_cast<LONGLONG>(offset);
    hole.BeyondFinalZero.QuadPart = static_cast<LONGLONG>(offset + size);
    (void)win32::control(win32::to_handle(handle()), FSCTL_SET_ZERO_DATA, &hole, sizeof hole);
}

}  // namespace sluice::http

// What all Windows sources share: the one table from error codes to Status, error texts, names in
// UTF-16, and the metadata of files. Included by Windows sources only.
//
// No state; any thread. Inside the program all text is UTF-8.
#pragma once

// WIN32_LEAN_AND_MEAN keeps windows.h from including winsock.h, the sockets of 1993.
#include <windows.h>
#include <winsock2.h>

#include <optional>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/result.h"

namespace sluice::win32 {

// Errors of the Windows API and of Winsock, which share one number space.
[[nodiscard]] Status status_of(DWORD error) noexcept;
// The same for operations on files, which no peer can reset.
[[nodiscard]] Status file_status_of(DWORD error) noexcept;
// One line without a full stop.
[[nodiscard]] std::string text_of(DWORD error);

// Nothing when the text is not UTF-8 (or not UTF-16 in the other direction): no file has such a
// name.
[[nodiscard]] std::optional<std::wstring> to_wide(std::string_view utf8);
[[nodiscard]] std::optional<std::string> to_utf8(std::wstring_view wide);

// 100-nanosecond intervals since 1601 (FILETIME) as nanoseconds since 1970.
[[nodiscard]] std::int64_t nanos_since_1970(std::int64_t file_time) noexcept;
[[nodiscard]] std::int64_t wall_now_ns() noexcept;
// QueryPerformanceCounter.
[[nodiscard]] Nanos monotonic_now() noexcept;

// Converts a handle as the headers that name no system carry it.
[[nodiscard]] inline HANDLE to_handle(std::intptr_t file) noexcept {
    return reinterpret_cast<HANDLE>(file);
}
// The OVERLAPPED of an operation at this offset of a file.
[[nodiscard]] OVERLAPPED operation_at(std::uint64_t offset) noexcept;
// One read or write that waits for its completion, on a handle opened for overlapped operations or
// not. Returns the error; ERROR_SUCCESS with 0 bytes at the end of the file.
[[nodiscard]] DWORD read_at(HANDLE file, std::uint64_t offset, char* out, std::size_t room,
                            std::size_t& got) noexcept;
[[nodiscard]] DWORD write_at(HANDLE file, std::uint64_t offset, const char* data, std::size_t size,
                             std::size_t& wrote) noexcept;
// The same for a control code of the file system (FSCTL_) that returns nothing.
[[nodiscard]] DWORD control(HANDLE file, DWORD code, void* in, DWORD in_bytes) noexcept;

// The canonical path of an open file or directory; empty when the system does not give it.
[[nodiscard]] std::wstring final_path(HANDLE file);

struct FileLook {
    FileStamp stamp;
    std::uint64_t inode = 0;
    DWORD attributes = 0;
};
// Metadata of an open file: index, size, time of the last write and of the last change of anything.
[[nodiscard]] std::optional<FileLook> look_at(HANDLE file) noexcept;
// The serial number of the volume of the file; 0 when the system does not give it. An expensive
// query.
[[nodiscard]] std::uint64_t volume_of(HANDLE file) noexcept;

}  // namespace sluice::win32

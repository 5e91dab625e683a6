#include "system/win32.h"
// after windows.h
#include <winternl.h>

#include <algorithm>
#include <bit>

namespace sluice::win32 {

namespace {

constexpr std::size_t kTransferMax = 1U << 30;

// To wait for one operation of this thread; the file's own event is signalled by any operation on
// it.
HANDLE thread_event() noexcept {
    struct Event {
        HANDLE handle = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);
        ~Event() { ::CloseHandle(handle); }
    };
    static thread_local const Event event;
    return event.handle;
}

// Completes a call that started a transfer.
DWORD finish(HANDLE file, BOOL done, OVERLAPPED& operation, std::size_t& bytes) noexcept {
    DWORD moved = 0;
    if ((done == 0 && ::GetLastError() != ERROR_IO_PENDING) ||
        ::GetOverlappedResult(file, &operation, &moved, TRUE) == 0) {
        return ::GetLastError();
    }
    bytes = moved;
    return ERROR_SUCCESS;
}

}  // namespace

OVERLAPPED operation_at(std::uint64_t offset) noexcept {
    OVERLAPPED operation{};
    operation.Offset = static_cast<DWORD>(offset);
    operation.OffsetHigh = static_cast<DWORD>(offset >> 32);
    return operation;
}

DWORD read_at(HANDLE file, std::uint64_t offset, char* out, std::size_t room,
              std::size_t& got) noexcept {
    OVERLAPPED operation = operation_at(offset);
    operation.hEvent = thread_event();
    got = 0;
    const BOOL done = ::ReadFile(file, out, static_cast<DWORD>(std::min(room, kTransferMax)),
                                 nullptr, &operation);
    const DWORD error = finish(file, done, operation, got);
    return error == ERROR_HANDLE_EOF ? ERROR_SUCCESS : error;
}

DWORD write_at(HANDLE file, std::uint64_t offset, const char* data, std::size_t size,
               std::size_t& wrote) noexcept {
    OVERLAPPED operation = operation_at(offset);
    operation.hEvent = thread_event();
    wrote = 0;
    const BOOL done = ::WriteFile(file, data, static_cast<DWORD>(std::min(size, kTransferMax)),
                                  nullptr, &operation);
    return finish(file, done, operation, wrote);
}

DWORD control(HANDLE file, DWORD code, void* in, DWORD in_bytes) noexcept {
    OVERLAPPED operation{};
    operation.hEvent = thread_event();
    std::size_t none = 0;
    const BOOL done = ::DeviceIoControl(file, code, in, in_bytes, nullptr, 0, nullptr, &operation);
    return finish(file, done, operation, none);
}

Status status_of(DWORD error) noexcept {
    switch (error) {
        case ERROR_SUCCESS: return Status::ok;
        case WSAECONNRESET:
        case WSAECONNABORTED:
        case WSAENETRESET:
        case WSAESHUTDOWN:
        case WSAENOTCONN:
        case WSAEDISCON:
        case ERROR_NETNAME_DELETED:
        case ERROR_CONNECTION_ABORTED:
        case ERROR_BROKEN_PIPE: return Status::reset;
        case WSAETIMEDOUT:
        case ERROR_SEM_TIMEOUT: return Status::timed_out;
        case WSA_OPERATION_ABORTED: return Status::cancelled;
        case WSAECONNREFUSED:
        case ERROR_CONNECTION_REFUSED: return Status::refused;
        case WSAEHOSTUNREACH:
        case WSAENETUNREACH:
        case WSAEHOSTDOWN:
        case WSAENETDOWN:
        case ERROR_NETWORK_UNREACHABLE:
        case ERROR_HOST_UNREACHABLE: return Status::unreachable;
        case WSAEMFILE:
        case ERROR_TOO_MANY_OPEN_FILES: return Status::no_fds;
        case WSAENOBUFS:
        case ERROR_NOT_ENOUGH_MEMORY:
        case ERROR_OUTOFMEMORY:
        case ERROR_NO_SYSTEM_RESOURCES:
        case ERROR_DISK_FULL: return Status::no_memory;
        case WSAEADDRINUSE: return Status::address_in_use;
        case WSAEADDRNOTAVAIL:
        case WSAEAFNOSUPPORT:
        case WSAEINVAL:
        case ERROR_INVALID_PARAMETER: return Status::address_invalid;
        case WSAEACCES:
        case ERROR_ACCESS_DENIED:
        case ERROR_SHARING_VIOLATION: return Status::access_denied;
        case ERROR_FILE_NOT_FOUND:
        case ERROR_PATH_NOT_FOUND:
        case ERROR_INVALID_NAME:
        case ERROR_DIRECTORY:
        case ERROR_DELETE_PENDING: return Status::not_found;
        case WSAEOPNOTSUPP:
        case ERROR_NOT_SUPPORTED:
        case ERROR_CALL_NOT_IMPLEMENTED: return Status::not_supported;
        default: return Status::io_error;
    }
}

Status file_status_of(DWORD error) noexcept {
    const Status status = status_of(error);
    return status == Status::reset ? Status::io_error : status;
}

namespace {

// Winsock's errors in texts as short as Linux's; Wine has none for them.
const char* socket_text(DWORD error) noexcept {
    switch (error) {
        case WSAEADDRINUSE: return "address already in use";
        case WSAEADDRNOTAVAIL: return "address not available";
        case WSAEACCES: return "permission denied";
        case WSAECONNREFUSED: return "connection refused";
        case WSAECONNRESET: return "connection reset";
        case WSAETIMEDOUT: return "timed out";
        case WSAENETUNREACH: return "network unreachable";
        case WSAEHOSTUNREACH: return "host unreachable";
        case WSAEMFILE: return "too many open sockets";
        case WSAENOBUFS: return "no buffer space";
        default: return nullptr;
    }
}

}  // namespace

std::string text_of(DWORD error) {
    if (const char* text = socket_text(error)) {
        return text;
    }
    wchar_t buffer[512];
    DWORD size = ::FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS,
                                  nullptr, error, 0, buffer, 512, nullptr);
    while (size > 0 && (buffer[size - 1] == L'\r' || buffer[size - 1] == L'\n' ||
                        buffer[size - 1] == L'.' || buffer[size - 1] == L' ')) {
        --size;
    }
    auto text = to_utf8({buffer, size});
    return text && !text->empty() ? *text : "error " + std::to_string(error);
}

std::optional<std::wstring> to_wide(std::string_view utf8) {
    std::wstring wide;
    if (utf8.empty()) {
        return wide;
    }
    const int size = static_cast<int>(utf8.size());
    const int units =
        ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, utf8.data(), size, nullptr, 0);
    if (units <= 0) {
        return std::nullopt;
    }
    wide.resize(static_cast<std::size_t>(units));
    ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, utf8.data(), size, wide.data(), units);
    return wide;
}

std::optional<std::string> to_utf8(std::wstring_view wide) {
    std::string utf8;
    if (wide.empty()) {
        return utf8;
    }
    const int units = static_cast<int>(wide.size());
    const int size = ::WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, wide.data(), units,
                                           nullptr, 0, nullptr, nullptr);
    if (size <= 0) {
        return std::nullopt;
    }
    utf8.resize(static_cast<std::size_t>(size));
    ::WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, wide.data(), units, utf8.data(), size,
                          nullptr, nullptr);
    return utf8;
}

std::int64_t nanos_since_1970(std::int64_t file_time) noexcept {
    constexpr std::int64_t kFrom1601To1970 = 116'444'736'000'000'000;
    return (file_time - kFrom1601To1970) * 100;
}

std::int64_t wall_now_ns() noexcept {
    FILETIME now;
    ::GetSystemTimeAsFileTime(&now);
    return nanos_since_1970(static_cast<std::int64_t>(now.dwHighDateTime) << 32 |
                            now.dwLowDateTime);
}

Nanos monotonic_now() noexcept {
    static const std::int64_t frequency = [] {
        LARGE_INTEGER value;
        ::QueryPerformanceFrequency(&value);
        return value.QuadPart;
    }();
    LARGE_INTEGER now;
    ::QueryPerformanceCounter(&now);
    return now.QuadPart / frequency * kSecond + now.QuadPart % frequency * kSecond / frequency;
}

std::wstring final_path(HANDLE file) {
    std::wstring path(512, L'\0');
    for (;;) {
        const DWORD size =
            ::GetFinalPathNameByHandleW(file, path.data(), static_cast<DWORD>(path.size()), 0);
        if (size < path.size()) {
            path.resize(size);
            return path;
        }
        path.resize(size + 1);
    }
}

// Not FileNetworkOpenInformation, which has everything: Wine answers it by the name that the file
// had when it was opened. Once the file was moved, that is another file or none.
std::optional<FileLook> look_at(HANDLE file) noexcept {
    IO_STATUS_BLOCK result;
    FILE_BASIC_INFORMATION basic;
    FILE_STANDARD_INFORMATION standard;
    FILE_INTERNAL_INFORMATION internal;
    NTSTATUS status =
        ::NtQueryInformationFile(file, &result, &basic, sizeof basic, FileBasicInformation);
    if (status >= 0) {
        status = ::NtQueryInformationFile(file, &result, &standard, sizeof standard,
                                          FileStandardInformation);
    }
    if (status >= 0) {
        status = ::NtQueryInformationFile(file, &result, &internal, sizeof internal,
                                          FileInternalInformation);
    }
    if (status < 0) {
        ::SetLastError(::RtlNtStatusToDosError(status));
        return std::nullopt;
    }
    FileLook look;
    look.inode = static_cast<std::uint64_t>(internal.IndexNumber.QuadPart);
    look.stamp.size = static_cast<std::uint64_t>(standard.EndOfFile.QuadPart);
    look.stamp.mtime_ns = nanos_since_1970(basic.LastWriteTime.QuadPart);
    look.stamp.ctime_ns = nanos_since_1970(basic.ChangeTime.QuadPart);
    look.attributes = basic.FileAttributes;
    return look;
}

std::uint64_t volume_of(HANDLE file) noexcept {
    BY_HANDLE_FILE_INFORMATION raw;
    return ::GetFileInformationByHandle(file, &raw) != 0 ? raw.dwVolumeSerialNumber : 0;
}

}  // namespace sluice::win32

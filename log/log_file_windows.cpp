#include <limits>

#include "log/log_file.h"
#include "system/win32.h"

namespace sluice::http {

Result<LogFile> LogFile::open(const std::string& path) {
    HANDLE file = INVALID_HANDLE_VALUE;
    if (path == "-") {
        file = ::GetStdHandle(STD_OUTPUT_HANDLE);
    } else if (const auto wide = win32::to_wide(path)) {
        // Opened for appending; others may read, rename and delete it meanwhile.
        file = ::CreateFileW(wide->c_str(), FILE_APPEND_DATA,
                             FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                             OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
    } else {
        ::SetLastError(ERROR_INVALID_NAME);
    }
    if (file == INVALID_HANDLE_VALUE || file == nullptr) {
        const DWORD error = ::GetLastError();
        return fail(win32::status_of(error),
                    "cannot open access log " + path + ": " + win32::text_of(error),
                    static_cast<int>(error));
    }
    return LogFile(reinterpret_cast<std::intptr_t>(file), SIZE_MAX);
}

LogFile LogFile::standard_error() noexcept {
    return {reinterpret_cast<std::intptr_t>(::GetStdHandle(STD_ERROR_HANDLE)), SIZE_MAX};
}

LogFile::~LogFile() {
    HANDLE file = win32::to_handle(handle_);
    if (handle_ >= 0 && file != ::GetStdHandle(STD_OUTPUT_HANDLE) &&
        file != ::GetStdHandle(STD_ERROR_HANDLE)) {
        ::CloseHandle(file);
    }
}

// Windows does not say whether a pipe has room: a reader of a standard stream that stops reading
// blocks the thread that writes to it.
bool LogFile::has_room(Nanos) const noexcept {
    return true;
}

LogFile::Written LogFile::write(std::span<const std::string_view> parts) const noexcept {
    Written written;
    for (const std::string_view part : parts) {
        const auto size = static_cast<DWORD>(
            part.size() < std::numeric_limits<DWORD>::max() ? part.size() : 1U << 30);
        DWORD bytes = 0;
        if (size > 0 &&
            ::WriteFile(win32::to_handle(handle_), part.data(), size, &bytes, nullptr) == 0) {
            if (written.bytes == 0) {
                written.error = static_cast<int>(::GetLastError());
            }
            return written;
        }
        written.bytes += bytes;
        if (bytes < part.size()) {
            return written;
        }
    }
    return written;
}

std::string LogFile::text_of(int error) {
    return win32::text_of(static_cast<DWORD>(error));
}

}  // namespace sluice::http

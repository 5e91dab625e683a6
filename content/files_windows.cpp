// The file system on Windows. Names are opened relative to an open directory by NtCreateFile, the
// only call that can (its OBJECT_ATTRIBUTES take a root directory). It does not rewrite names as
// Win32 does: no device names, no trailing dots or spaces cut off, no second spelling.
//
// What was opened is checked by its final path (GetFinalPathNameByHandleW), whether or not it looks
// like a link: Wine follows the links of its host without showing them.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "content/files.h"
#include "system/win32.h"
// after windows.h
#include <winternl.h>

namespace sluice::fs {

namespace {

constexpr DWORD kShareAll = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
constexpr std::size_t kListBytes = 64 * 1024;
constexpr std::uint64_t kHandlesMax = 1U << 16;
// From ntstatus.h, which cannot be included together with windows.h.
constexpr NTSTATUS kDeletePending = static_cast<NTSTATUS>(0xC0000056);

HANDLE handle_of(const File& file) noexcept {
    return win32::to_handle(file.handle());
}

File to_file(HANDLE handle) noexcept {
    return File(reinterpret_cast<std::intptr_t>(handle));
}

std::unexpected<Status> failed(DWORD error = ::GetLastError()) noexcept {
    return std::unexpected(win32::file_status_of(error));
}

std::expected<File, Status> open_relative(const File& parent, const std::string& name,
                                          ACCESS_MASK access, ULONG options) {
    auto wide = win32::to_wide(name);
    if (!wide || wide->size() > 0x7fff) {
        return std::unexpected(Status::not_found);
    }
    UNICODE_STRING text;
    text.Buffer = wide->data();
    text.Length = static_cast<USHORT>(wide->size() * sizeof(wchar_t));
    text.MaximumLength = text.Length;
    OBJECT_ATTRIBUTES what;
    InitializeObjectAttributes(&what, &text, 0, handle_of(parent), nullptr);
    IO_STATUS_BLOCK result;
    HANDLE handle = nullptr;
    const NTSTATUS status =
        ::NtCreateFile(&handle, access | FILE_READ_ATTRIBUTES | SYNCHRONIZE, &what, &result,
                       nullptr, 0, kShareAll, FILE_OPEN, options, nullptr, 0);
    if (status == kDeletePending) {
        return std::unexpected(Status::not_found);  // only those who have it open still see it
    }
    if (status < 0) {
        return failed(::RtlNtStatusToDosError(status));
    }
    return to_file(handle);
}

// Windows compares names without regard to case.
bool same_text(std::wstring_view a, std::wstring_view b) noexcept {
    return ::CompareStringOrdinal(a.data(), static_cast<int>(a.size()), b.data(),
                                  static_cast<int>(b.size()), TRUE) == CSTR_EQUAL;
}

File open_directory(const std::wstring& path) noexcept {
    return to_file(::CreateFileW(path.c_str(), FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES,
                                 kShareAll, nullptr, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS,
                                 nullptr));
}

// Names that the rest of Windows reads as devices, with any extension.
bool is_device_name(std::string_view name) noexcept {
    std::string_view stem = name.substr(0, name.find('.'));
    while (stem.ends_with(' ')) {
        stem.remove_suffix(1);
    }
    std::array<char, 8> upper{};
    if (stem.size() >= upper.size()) {
        return false;
    }
    std::transform(stem.begin(), stem.end(), upper.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    const std::string_view text(upper.data(), stem.size());
    constexpr std::array<std::string_view, 6> kDevices = {"CON", "PRN",    "AUX",
                                                          "NUL", "CONIN$", "CONOUT$"};
    if (std::ranges::find(kDevices, text) != kDevices.end()) {
        return true;
    }
    if (!text.starts_with("COM") && !text.starts_with("LPT")) {
        return false;
    }
    // A digit, or one of the superscripts that Windows treats as digits.
    const std::string_view number = text.substr(3);
    return (number.size() == 1 && number[0] >= '0' && number[0] <= '9') || number == "\xc2\xb9" ||
           number == "\xc2\xb2" || number == "\xc2\xb3";
}

}  // namespace

// True when every way of opening the name leads to the same file. A colon starts an alternate
// stream; a tilde and a digit are the form of short names.
bool plain_name(std::string_view name) noexcept {
    if (name.empty() || name.ends_with('.') || name.ends_with(' ') ||
        name.find_first_of("\\/:*?\"<>|") != std::string_view::npos) {
        return false;
    }
    for (std::size_t at = name.find('~'); at != std::string_view::npos;
         at = name.find('~', at + 1)) {
        const std::size_t dot = name.find('.');
        const bool short_stem = std::min(dot, name.size()) <= 8;
        if (short_stem && at + 1 < name.size() && name[at + 1] >= '0' && name[at + 1] <= '9') {
            return false;
        }
    }
    return !is_device_name(name);
}

File::~File() {
    if (handle_ >= 0) {
        ::CloseHandle(reinterpret_cast<HANDLE>(handle_));
    }
}

std::expected<Info, Status> info_below(const File& parent, const std::string& name,
                                       bool follow) noexcept {
    const auto opened = open_relative(parent, name, 0, follow ? 0 : FILE_OPEN_REPARSE_POINT);
    if (!opened) {
        return std::unexpected(opened.error());
    }
    return info_of(*opened);
}

Result<Root> Root::open(const std::string& path, bool follow_links) {
    const auto error = [&path](const std::string& why, DWORD code) {
        return fail(win32::status_of(code), "cannot serve '" + path + "': " + why,
                    static_cast<int>(code));
    };
    Root root;
    root.path_ = path;
    root.follow_links_ = follow_links;
    const auto wide = win32::to_wide(path);
    if (!wide) {
        return error("the name is not UTF-8", ERROR_INVALID_NAME);
    }
    root.directory_ = open_directory(*wide);
    if (!root.directory_) {
        const DWORD code = ::GetLastError();
        const bool absent = win32::status_of(code) == Status::not_found;
        return error(absent ? "no such directory" : win32::text_of(code), code);
    }
    const auto info = info_of(root.directory_);
    if (!info) {
        return error("cannot be examined", ERROR_INVALID_FUNCTION);
    }
    if (info->kind != Kind::directory) {
        return error("Not a directory", ERROR_DIRECTORY);
    }
    root.info_ = *info;
    const auto canonical = win32::to_utf8(win32::final_path(handle_of(root.directory_)));
    if (!canonical || canonical->empty()) {
        return error("its path cannot be told", ERROR_INVALID_NAME);
    }
    root.canonical_ = *canonical;
    while (root.canonical_.ends_with('\\')) {
        root.canonical_.pop_back();
    }
    return root;
}

std::expected<File, Status> Root::reopen() const {
    File again = open_directory(win32::final_path(handle_of(directory_)));
    if (!again) {
        return failed();
    }
    return again;
}

std::expected<Info, Status> Root::look_again() const {
    const File now = open_directory(win32::to_wide(path_).value_or(L""));
    if (!now) {
        return failed();
    }
    return info_of(now);
}

std::expected<Info, Status> Root::info_below(const File& parent, const std::string& name,
                                             bool follow) const {
    return fs::info_below(parent, name, follow);
}

std::optional<std::string> Root::remote_path(const File&, const std::string&) const {
    return std::nullopt;
}

// The root's path cannot change while the root is open: no directory above it can be renamed then.
bool Root::in_place() const {
    return true;
}

Reach Root::reach_of(const File& node) const {
    const std::wstring path = win32::final_path(handle_of(node));
    const std::wstring root = win32::to_wide(canonical_).value_or(L"");
    if (root.empty() || path.size() < root.size() ||
        !same_text(std::wstring_view(path).substr(0, root.size()), root)) {
        return Reach::outside;
    }
    const auto rest = win32::to_utf8(std::wstring_view(path).substr(root.size()));
    if (!rest || (!rest->empty() && rest->front() != '\\')) {
        return Reach::outside;
    }
    const auto info = info_of(node);
    return reach_of(*rest, '\\', info ? info->kind : Kind::unknown);
}

Reach Root::reach_below(const File& parent, const std::string& name) const {
    const auto node = open_relative(parent, name, 0, 0);
    return node ? reach_of(*node) : Reach::inside;
}

std::expected<Opened, Status> Root::open_below(const File& parent, const std::string& name,
                                               Kind) const {
    if (!servable_name(name)) {
        return std::unexpected(Status::not_supported);
    }
    Opened result;
    // Opened for overlapped operations, as a backend needs it.
    auto opened = open_relative(parent, name, FILE_READ_DATA, 0);
    if (!opened) {
        return std::unexpected(opened.error());
    }
    const auto info = info_of(*opened);
    if (!info) {
        return std::unexpected(info.error());
    }
    result.reach = reach_of(*opened);
    if ((info->kind != Kind::file && info->kind != Kind::directory) || !follows(result.reach)) {
        return std::unexpected(Status::not_supported);
    }
    const std::wstring expected =
        win32::final_path(handle_of(parent)) + L'\\' + win32::to_wide(name).value_or(L"");
    result.through_link = !same_text(win32::final_path(handle_of(*opened)), expected);
    result.info = *info;
    result.file = std::move(*opened);
    return result;
}

// By a handle of its own: that of open_below() is for overlapped operations, and Wine reads a
// directory once for each handle and shows the same names from then on.
std::expected<bool, Status> Listing::next(
    const std::function<void(std::string_view, Kind)>& visit) {
    auto how = FileIdBothDirectoryInfo;
    if (buffer_ == nullptr) {
        auto fresh =
            open_relative(directory_, "", FILE_LIST_DIRECTORY, FILE_SYNCHRONOUS_IO_NONALERT);
        if (!fresh) {
            return std::unexpected(fresh.error());
        }
        names_ = std::move(*fresh);
        buffer_ = std::make_unique_for_overwrite<char[]>(kListBytes);
        how = FileIdBothDirectoryRestartInfo;
    }
    if (::GetFileInformationByHandleEx(handle_of(names_), how, buffer_.get(), kListBytes) == 0) {
        const DWORD error = ::GetLastError();
        if (error == ERROR_NO_MORE_FILES) {
            return false;
        }
        return failed(error);
    }
    for (std::size_t at = 0;;) {
        FILE_ID_BOTH_DIR_INFO item;
        std::memcpy(&item, buffer_.get() + at, offsetof(FILE_ID_BOTH_DIR_INFO, FileName));
        std::wstring wide(item.FileNameLength / sizeof(wchar_t), L'\0');
        std::memcpy(wide.data(), buffer_.get() + at + offsetof(FILE_ID_BOTH_DIR_INFO, FileName),
                    item.FileNameLength);
        // A name that is not valid UTF-16 cannot be requested.
        if (const auto name = win32::to_utf8(wide); name && *name != "." && *name != "..") {
            const DWORD attributes = item.FileAttributes;
            visit(*name, (attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0 ? Kind::link
                         : (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0   ? Kind::directory
                                                                          : Kind::file);
        }
        if (item.NextEntryOffset == 0) {
            return true;
        }
        at += item.NextEntryOffset;
    }
}

// The system evicts first what a thread in background mode has read.
std::expected<std::size_t, Status> read_once(const File& file, std::uint64_t offset, char* out,
                                             std::size_t room) noexcept {
    return read_at(file, offset, out, room);
}

void prepare_for_sending(const File&) noexcept {}

// Handles have no limit of their own; this many are enough.
std::uint64_t descriptors_max() noexcept {
    return kHandlesMax;
}

}  // namespace sluice::fs

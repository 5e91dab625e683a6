// One ReadDirectoryChangesW for the root and everything below: a handle for each directory would
// keep the directories above it from being renamed. A change is reported for the added directory
// that the name lies in.
//
// Only what the file system itself records is reported: late for a file that stays open while it is
// written, and under Wine nothing for directories that were there before.
#include <atomic>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "content/watcher.h"
#include "system/win32.h"

namespace sluice::http {

namespace {

constexpr DWORD kFilter = FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME |
                          FILE_NOTIFY_CHANGE_ATTRIBUTES | FILE_NOTIFY_CHANGE_SIZE |
                          FILE_NOTIFY_CHANGE_LAST_WRITE | FILE_NOTIFY_CHANGE_CREATION |
                          FILE_NOTIFY_CHANGE_SECURITY;
// The most that a network drive takes.
constexpr DWORD kBufferBytes = 64 * 1024;

struct LessWithoutCase {
    bool operator()(const std::wstring& a, const std::wstring& b) const noexcept {
        return ::CompareStringOrdinal(a.data(), static_cast<int>(a.size()), b.data(),
                                      static_cast<int>(b.size()), TRUE) == CSTR_LESS_THAN;
    }
};

class DirectoryWatcher final : public Watcher {
  public:
    explicit DirectoryWatcher(HANDLE event)
        : event_(event), changes_(kBufferBytes / sizeof(DWORD)) {}
    ~DirectoryWatcher() override {
        close_top();
        ::CloseHandle(event_);
    }

    [[nodiscard]] std::intptr_t wait_handle() const noexcept override {
        return reinterpret_cast<std::intptr_t>(event_);
    }

    void signal() noexcept override {
        signalled_.store(true);
        ::SetEvent(event_);
    }

    [[nodiscard]] bool reports_all() const noexcept override { return false; }
    [[nodiscard]] std::string_view why_no_more() const noexcept override {
        return "the system does not tell of changes here";
    }

    [[nodiscard]] std::expected<WatchId, Status> add(const fs::File& directory) override {
        const std::wstring path = win32::final_path(win32::to_handle(directory.handle()));
        if (path.empty()) {
            return std::unexpected(Status::io_error);
        }
        if (top_ == INVALID_HANDLE_VALUE) {
            top_path_ = path;
            if (!open_top()) {
                return std::unexpected(win32::status_of(::GetLastError()));
            }
        }
        // Nothing reports changes of a directory outside of the top one; polling finds them.
        const auto [place, added] = ids_.try_emplace(path, next_id_);
        if (added) {
            paths_.emplace(next_id_++, path);
        }
        return place->second;
    }

    void remove(WatchId watch) noexcept override {
        const auto found = paths_.find(watch);
        if (found == paths_.end()) {
            return;
        }
        if (found->second == top_path_) {
            close_top();
        }
        ids_.erase(found->second);
        paths_.erase(found);
    }

    void stop_watching() noexcept override {
        close_top();
        ids_.clear();
        paths_.clear();
    }

    bool drain(const std::function<void(WatchId, What, std::string_view)>& on_change) override {
        ::ResetEvent(event_);
        const bool signalled = signalled_.exchange(false);
        if (top_ != INVALID_HANDLE_VALUE && HasOverlappedIoCompleted(&operation_)) {
            DWORD bytes = 0;
            const bool well = ::GetOverlappedResult(top_, &operation_, &bytes, FALSE) != 0;
            if (well && bytes > 0) {
                report(on_change);
            } else {
                on_change(kNoWatch, What::overflow, {});
            }
            if (!listen()) {
                end(on_change);
            }
            // listen() has reset the event; a signal given meanwhile must not be lost.
            if (signalled_.load()) {
                ::SetEvent(event_);
            }
        }
        return signalled;
    }

  private:
    [[nodiscard]] bool open_top() noexcept {
        top_ = ::CreateFileW(top_path_.c_str(), FILE_LIST_DIRECTORY,
                             FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                             OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OVERLAPPED,
                             nullptr);
        if (top_ != INVALID_HANDLE_VALUE && !listen()) {
            const DWORD error = ::GetLastError();
            ::CloseHandle(std::exchange(top_, INVALID_HANDLE_VALUE));
            ::SetLastError(error);
        }
        return top_ != INVALID_HANDLE_VALUE;
    }

    [[nodiscard]] bool listen() noexcept {
        operation_ = win32::operation_at(0);
        operation_.hEvent = event_;
        return ::ReadDirectoryChangesW(top_, changes_.data(), kBufferBytes, TRUE, kFilter, nullptr,
                                       &operation_, nullptr) != 0;
    }

    // The system may write to the buffer until the operation has completed, cancelled or not.
    void close_top() noexcept {
        if (top_ == INVALID_HANDLE_VALUE) {
            return;
        }
        DWORD bytes = 0;
        (void)::CancelIoEx(top_, &operation_);
        (void)::GetOverlappedResult(top_, &operation_, &bytes, TRUE);
        ::CloseHandle(std::exchange(top_, INVALID_HANDLE_VALUE));
    }

    void end(const std::function<void(WatchId, What, std::string_view)>& on_change) {
        ::CloseHandle(std::exchange(top_, INVALID_HANDLE_VALUE));
        if (const auto top = ids_.find(top_path_); top != ids_.end()) {
            const WatchId id = top->second;
            paths_.erase(id);
            ids_.erase(top);
            on_change(id, What::ended, {});
        }
    }

    void report(const std::function<void(WatchId, What, std::string_view)>& on_change) const {
        const auto* bytes = reinterpret_cast<const char*>(changes_.data());
        for (std::size_t at = 0;;) {
            FILE_NOTIFY_INFORMATION change;
            std::memcpy(&change, bytes + at, offsetof(FILE_NOTIFY_INFORMATION, FileName));
            std::wstring name(change.FileNameLength / sizeof(wchar_t), L'\0');
            std::memcpy(name.data(), bytes + at + offsetof(FILE_NOTIFY_INFORMATION, FileName),
                        change.FileNameLength);
            report_one(name, on_change);
            if (change.NextEntryOffset == 0) {
                return;
            }
            at += change.NextEntryOffset;
        }
    }

    // The kind of the change is not known: the content may have changed.
    void report_one(const std::wstring& path,
                    const std::function<void(WatchId, What, std::string_view)>& on_change) const {
        const std::size_t separator = path.rfind(L'\\');
        std::wstring directory = top_path_;
        if (separator != std::wstring::npos) {
            directory += (directory.ends_with(L'\\') ? L"" : L"\\") + path.substr(0, separator);
        }
        const auto found = ids_.find(directory);
        const auto name =
            win32::to_utf8(separator == std::wstring::npos ? path : path.substr(separator + 1));
        if (found != ids_.end() && name && !name->empty()) {
            on_change(found->second, What::content, *name);
        }
    }

    HANDLE event_;
    HANDLE top_ = INVALID_HANDLE_VALUE;
    OVERLAPPED operation_{};
    std::vector<DWORD> changes_;  // aligned as the call requires
    std::wstring top_path_;
    std::map<std::wstring, WatchId, LessWithoutCase> ids_;
    std::map<WatchId, std::wstring> paths_;
    WatchId next_id_ = 0;
    std::atomic<bool> signalled_{false};
};

}  // namespace

Result<std::unique_ptr<Watcher>> Watcher::create() {
    HANDLE event = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);
    if (event == nullptr) {
        const DWORD error = ::GetLastError();
        return fail(win32::status_of(error), "event: " + win32::text_of(error),
                    static_cast<int>(error));
    }
    return std::make_unique<DirectoryWatcher>(event);
}

}  // namespace sluice::http

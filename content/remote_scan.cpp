#include "content/remote_scan.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "content/memory_file.h"
#include "core/clock.h"

namespace sluice::http {

namespace {

constexpr std::size_t kScanDepthMax = 64;
// As long as a missing name is assumed to be in the middle of a change (tree_absence.cpp).
constexpr auto kRecheckPause = std::chrono::milliseconds(100);
// Limits of one batch of opened files, for which the next files wait.
constexpr std::uint64_t kBatchBytes = 16ULL * 1024 * 1024;
constexpr std::size_t kBatchFiles = 64;
constexpr std::size_t kCopyBytes = 256 * 1024;
constexpr int kAttempts = 3;

std::optional<fs::Root> open_root(const RemoteTask& task) {
    auto root = fs::Root::open(task.root.empty() ? "/" : task.root, false);
    return root ? std::optional(std::move(*root)) : std::nullopt;
}

// Opens a directory by its path below another; "" is that one itself.
std::expected<fs::Opened, Status> open_path(const fs::Root& root, fs::Opened from,
                                            std::string_view path) {
    while (!path.empty()) {
        const std::string name(path.substr(0, path.find('/')));
        path.remove_prefix(std::min(path.size(), name.size() + 1));
        auto next = root.open_below(from.file, name, fs::Kind::unknown);
        if (!next) {
            return next;
        }
        from = std::move(*next);
    }
    return from;
}

std::expected<fs::Opened, Status> open_volume(const fs::Root& root, const RemoteTask& task) {
    auto top = root.reopen();
    if (!top) {
        return std::unexpected(top.error());
    }
    fs::Opened from{.file = std::move(*top), .info = root.info()};
    return open_path(
        root, std::move(from),
        std::string_view(task.path).substr(std::min(task.path.size(), task.root.size() + 1)));
}

class Scanner {
  public:
    Scanner(const RemoteTask& task, const fs::Root& root) : task_(task), root_(root) {}

    std::shared_ptr<RemoteDirectory> scan_directory(fs::File directory, const fs::Info& info,
                                                    const RemoteDirectory* before) {
        auto seen = std::make_shared<RemoteDirectory>();
        seen->info = info;
        std::vector<std::pair<std::string, fs::Kind>> names;
        fs::Listing listing(std::move(directory));
        std::expected<bool, Status> more = true;
        while (more && *more) {
            more = listing.next([&](std::string_view name, fs::Kind kind) {
                if (fs::servable_name(name)) {
                    names.emplace_back(name, kind);
                }
            });
            ++*task_.answers;
        }
        seen->listed = more ? Status::ok : more.error();
        if (seen->listed != Status::ok) {
            if (before != nullptr) {
                seen->items = before->items;
            }
            return seen;
        }
        above_.push_back(info);
        for (const auto& [name, kind] : names) {
            if (count_ >= task_.items_max || task_.stop.stop_requested()) {
                before = nullptr;  // all the rest would be missing
                break;
            }
            seen->items.emplace(name, examine(listing.directory(), name, kind, before));
        }
        above_.pop_back();
        if (before != nullptr) {
            note_missing(seen, *before);
        }
        return seen;
    }

    void recheck_missing() {
        if (missing_.empty() || task_.stop.stop_requested()) {
            return;
        }
        std::this_thread::sleep_for(kRecheckPause);
        for (const auto& [directory, path, name] : std::exchange(missing_, {})) {
            auto volume = open_volume(root_, task_);
            if (!volume) {
                return;
            }
            above_ = {volume->info};
            if (const auto opened = open_path(root_, std::move(*volume), path)) {
                auto item = examine(opened->file, name, fs::Kind::unknown, nullptr);
                if (item.status != Status::not_found) {
                    directory->items.emplace(name, std::move(item));
                }
            }
        }
    }

  private:
    RemoteItem examine(const fs::File& directory, const std::string& name, fs::Kind kind,
                       const RemoteDirectory* before) {
        ++count_;
        RemoteItem item{.kind = kind};
        if (kind == fs::Kind::file || kind == fs::Kind::unknown) {
            const auto info = fs::info_below(directory, name, false);
            ++*task_.answers;
            item.status = info ? Status::ok : info.error();
            if (!info || info->kind == fs::Kind::file) {
                item.info = info.value_or(fs::Info{});
                item.kind = fs::Kind::file;
                return item;
            }
            item.kind = info->kind;
        }
        auto opened = item.kind == fs::Kind::other ? std::unexpected(Status::not_supported)
                                                   : root_.open_below(directory, name, item.kind);
        ++*task_.answers;
        item.status = opened ? Status::ok : opened.error();
        if (!opened || !may_enter(*opened)) {
            item.status = opened ? Status::not_supported : opened.error();
            return item;
        }
        item.info = opened->info;
        if (item.info.kind == fs::Kind::directory) {
            const RemoteItem* known = before != nullptr && before->items.contains(name)
                                          ? &before->items.find(name)->second
                                          : nullptr;
            const std::size_t length = path_.size();
            path_ += path_.empty() ? name : '/' + name;
            item.directory = scan_directory(std::move(opened->file), opened->info,
                                            known != nullptr ? known->directory.get() : nullptr);
            path_.resize(length);
        }
        return item;
    }

    bool may_enter(const fs::Opened& opened) const {
        if (opened.through_link && opened.info.device != above_.front().device) {
            return false;
        }
        return opened.info.kind != fs::Kind::directory ||
               (above_.size() < kScanDepthMax &&
                !(opened.through_link &&
                  std::any_of(above_.begin(), above_.end(), [&](const fs::Info& above) {
                      return above.same_object(opened.info);
                  })));
    }

    void note_missing(const std::shared_ptr<RemoteDirectory>& seen, const RemoteDirectory& before) {
        for (const auto& [name, item] : before.items) {
            if (!seen->items.contains(name)) {
                missing_.push_back({seen, path_, name});
            }
        }
    }

    const RemoteTask& task_;
    const fs::Root& root_;
    std::uint64_t count_ = 0;
    std::vector<fs::Info> above_;
    std::string path_;  // of the directory being listed, below the volume
    struct Missing {
        std::shared_ptr<RemoteDirectory> directory;
        std::string path;
        std::string name;
    };
    std::vector<Missing> missing_;
};

// Waits while the file may change once more without showing it.
void wait_for_clock_tick(const fs::Info& info) {
    if (fs::changed_just_now(info.stamp.ctime_ns, fs::wall_now_ns(), fs::kRacyNs)) {
        std::this_thread::sleep_for(std::chrono::nanoseconds(fs::kRacyNs));
    }
}

std::expected<fs::File, Status> copy(const fs::Opened& from, const RemoteTask& task) {
    auto memory = MemoryFile::create();
    if (!memory) {
        return std::unexpected(memory.error().status);
    }
    const auto buffer = std::make_unique_for_overwrite<char[]>(kCopyBytes);
    std::uint64_t at = 0;
    for (;;) {
        const auto got = fs::read_at(from.file, at, buffer.get(), kCopyBytes);
        ++*task.answers;
        if (!got) {
            return std::unexpected(got.error());
        }
        if (*got == 0) {
            break;
        }
        at += *got;
        if (at > from.info.stamp.size || task.stop.stop_requested()) {
            return std::unexpected(Status::changed);
        }
        if (const Status wrote = memory->write(at - *got, buffer.get(), *got);
            wrote != Status::ok) {
            return std::unexpected(wrote);
        }
    }
    if (at != from.info.stamp.size) {
        return std::unexpected(Status::changed);
    }
    return std::move(*memory).into_file();
}

RemoteFile take(fs::Opened opened, const RemoteTask& task) {
    if (opened.info.kind != fs::Kind::file) {
        return std::unexpected(Status::not_found);
    }
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        if (opened.info.stamp.size > task.copy_max) {
            opened.source = fs::Source::remote;
            return opened;
        }
        wait_for_clock_tick(opened.info);
        auto copied = copy(opened, task);
        const auto after = fs::info_of(opened.file);
        ++*task.answers;
        if (!after) {
            return std::unexpected(after.error());
        }
        if (copied && after->unchanged(opened.info)) {
            opened.file = std::move(*copied);
            opened.source = fs::Source::copy;
            return opened;
        }
        if (!copied && copied.error() != Status::changed) {
            return std::unexpected(copied.error());
        }
        opened.info = *after;
    }
    return std::unexpected(Status::changed);
}

}  // namespace

std::shared_ptr<const RemoteDirectory> scan(const RemoteTask& task,
                                            const std::shared_ptr<const RemoteDirectory>& before) {
    const auto root = open_root(task);
    if (!root) {
        return before;
    }
    auto volume = open_volume(*root, task);
    ++*task.answers;
    if (!volume) {
        auto kept = before != nullptr ? std::make_shared<RemoteDirectory>(*before) : nullptr;
        if (kept != nullptr) {
            kept->listed = volume.error();
        }
        return kept;
    }
    if (volume->info.kind == fs::Kind::file) {  // a single file is mounted
        auto file = std::make_shared<RemoteDirectory>();
        file->info = volume->info;
        return file;
    }
    Scanner scanner(task, *root);
    const auto seen = scanner.scan_directory(std::move(volume->file), volume->info, before.get());
    scanner.recheck_missing();
    return seen;
}

std::map<std::string, RemoteFile> open_files(const RemoteTask& task,
                                             const std::vector<std::string>& paths) {
    std::map<std::string, RemoteFile> files;
    const auto root = open_root(task);
    if (!root) {
        return files;
    }
    std::uint64_t bytes = 0;
    for (const std::string& path : paths) {
        if (files.size() >= kBatchFiles || bytes >= kBatchBytes || task.stop.stop_requested()) {
            break;
        }
        auto volume = open_volume(*root, task);
        auto opened = volume ? open_path(*root, std::move(*volume), path) : std::move(volume);
        ++*task.answers;
        if (!opened) {
            files.emplace(path, std::unexpected(opened.error()));
            continue;
        }
        bytes += opened->info.stamp.size > task.copy_max ? 0 : opened->info.stamp.size;
        files.emplace(path, take(std::move(*opened), task));
    }
    return files;
}

}  // namespace sluice::http

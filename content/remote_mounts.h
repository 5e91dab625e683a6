// RemoteMounts: remote mounts below the root (network, user-space and unknown file systems), which
// may not answer. Each is scanned by a thread of its own, and the tree sees what that thread saw
// last. The tree never waits, and while a file system does not answer, what was seen of it stays.
//
// A volume is one such file system: it begins where it is mounted, by the mount table, and includes
// all that is below. It is scanned again and again. When the tree wants a file, the volume's thread
// opens it and copies it into memory. A file that is too large for that is served from the file
// itself. Closing a file may block, too, even at the end of the process; the volume's thread does
// it while the file system answers, and at the end the system does it.
//
// OWNERSHIP AND THREADS. Loader's thread; what the volumes' threads run is in remote_scan.h. At the
// end these threads are detached.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "content/background.h"
#include "content/files.h"
#include "content/mounts.h"
#include "content/remote_scan.h"
#include "core/clock.h"

namespace sluice::http {

class RemoteMounts final : public fs::RemoteFilesystems {
  public:
    struct Options {
        std::uint64_t items_max = 0;  // of each volume
        std::function<void(std::string_view)> warn;
        std::function<void()> wake;  // called on any thread when step() has something to do
        bool threads = true;
    };
    explicit RemoteMounts(Options options) : options_(std::move(options)) {}
    // Destroy it before the files that were opened.
    ~RemoteMounts() override;
    RemoteMounts(const RemoteMounts&) = delete;
    RemoteMounts& operator=(const RemoteMounts&) = delete;

    // Sets what is mounted below the root. A volume whose mount has changed starts anew.
    void set_mounts(const Mounts& mounts, const std::string& root);
    // Takes the results of the threads and starts what is due next. take_news() says what the tree
    // has to look at then. Files larger than `copy_max` are not copied.
    void step(Nanos now, std::uint64_t copy_max);
    [[nodiscard]] Nanos next_due() const;
    // Whether everything was scanned once, and all requested files were opened.
    [[nodiscard]] bool idle() const;

    struct News {
        std::vector<std::string> volumes;  // scanned, by path below the root
        std::vector<std::string> files;    // opened, by full path
    };
    [[nodiscard]] News take_news() { return std::exchange(news_, {}); }

    [[nodiscard]] bool empty() const noexcept override { return volumes_.empty(); }
    [[nodiscard]] bool may_begin_at(std::string_view name) const override;
    [[nodiscard]] bool has(std::string_view path) const override;
    [[nodiscard]] std::expected<fs::Info, Status> info(std::string_view path, bool follow) override;
    [[nodiscard]] std::expected<fs::Opened, Status> open(std::string_view path) override;
    [[nodiscard]] Status list(
        std::string_view path,
        const std::function<void(std::string_view, fs::Kind)>& visit) override;

  private:
    // Files that are not used any more and have to be closed.
    struct Unused {
        std::vector<std::intptr_t> handles;
        std::shared_ptr<BackgroundWork> closes;  // closes them now: the volume is gone
        bool left = false;                       // they are left to the system
    };
    struct Volume {
        Mount mount;
        std::string path;  // canonical
        std::shared_ptr<BackgroundWork> work;
        std::shared_ptr<const RemoteDirectory> seen;
        bool scanned = false;  // at least once
        std::set<std::string> wanted;
        std::map<std::string, RemoteFile> files;  // opened, by path below the volume
        Nanos files_until = kNever;
        Nanos scan_due = 0;
        bool busy = false;
        std::shared_ptr<Unused> unused = std::make_shared<Unused>();
        // To notice when it stops answering.
        std::shared_ptr<std::atomic<std::uint64_t>> answers =
            std::make_shared<std::atomic<std::uint64_t>>();
        std::uint64_t answered = 0;
        Nanos answered_at = 0;
        bool unresponsive = false;
    };
    // Where a path leads: the volume, the item there, and the path below the volume.
    struct Location {
        Volume* volume = nullptr;
        const RemoteItem* item = nullptr;            // null: the volume itself
        const RemoteDirectory* directory = nullptr;  // null: no directory
        std::string_view below;
    };
    [[nodiscard]] std::expected<Location, Status> find(std::string_view path);
    [[nodiscard]] Volume* volume_of(std::string_view path) const;
    [[nodiscard]] RemoteTask task_of(const Volume& volume) const;
    void give_up(Volume& volume);
    static void close_later(Unused& unused, std::intptr_t handle);
    void start_scan(Volume& volume, const std::string& served);
    void open_wanted(Volume& volume);
    void check_answers(Volume& volume, const std::string& served, Nanos now) const;

    Options options_;
    std::string root_;
    std::map<std::string, std::shared_ptr<Volume>, std::less<>> volumes_;  // by path below the root
    std::vector<std::weak_ptr<Unused>> gone_;  // of volumes that are gone
    News news_;
    Nanos now_ = 0;
    std::uint64_t copy_max_ = 0;
};

}  // namespace sluice::http

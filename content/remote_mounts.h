// RemoteMounts: file systems below the root that may not answer. Each is scanned at by a thread of
// its own, and the tree sees what that thread saw last: it never waits, and while one does not
// answer, what was seen of it stays.
//
// A volume begins where such a file system is mounted, by the table of mounts, and holds all that
// is below. It is scanned through again and again; a file is opened by its thread when the tree
// wants it, and copied into memory unless it is too large. What is too large is served from the
// file itself. Closing one may wait, too, and then not even the end of the process ends it: that is
// done by the volume's thread while it gets answers, and at the end by the system.
//
// OWNERSHIP AND THREADS. Loader's thread; what its own threads touch is in remote_scan.h. At the
// end they are left behind.
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
    // To be destroyed before the files that were opened.
    ~RemoteMounts() override;
    RemoteMounts(const RemoteMounts&) = delete;
    RemoteMounts& operator=(const RemoteMounts&) = delete;

    // What is mounted below the root. A volume where something else is mounted begins anew.
    void set_mounts(const Mounts& mounts, const std::string& root);
    // Takes what was seen, and has the next scanned at. What to look at in turn is in news().
    // Files that are larger than `copy_max` are not copied.
    void step(Nanos now, std::uint64_t copy_max);
    [[nodiscard]] Nanos next_due() const;
    // Whether everything was seen once, and all files that were wanted were opened.
    [[nodiscard]] bool idle() const;

    struct News {
        std::vector<std::string>
            volumes;                     // that were scanned through, by their paths below the root
        std::vector<std::string> files;  // that were opened, by their whole paths
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
    // Files that nobody uses any more.
    struct Unused {
        std::vector<std::intptr_t> handles;
        std::shared_ptr<BackgroundWork> closes;  // at once: the volume is gone
        bool left = false;                       // to the system
    };
    struct Volume {
        Mount mount;
        std::string path;  // canonical
        std::shared_ptr<BackgroundWork> work;
        std::shared_ptr<const RemoteDirectory> seen;
        bool scanned = false;  // through, once at least
        std::set<std::string> wanted;
        std::map<std::string, RemoteFile> files;  // opened, by their paths below the volume
        Nanos files_until = kNever;
        Nanos look_due = 0;
        bool busy = false;
        std::shared_ptr<Unused> unused = std::make_shared<Unused>();
        // For knowing whether it answers.
        std::shared_ptr<std::atomic<std::uint64_t>> answers =
            std::make_shared<std::atomic<std::uint64_t>>();
        std::uint64_t answered = 0;
        Nanos answered_at = 0;
        bool unresponsive = false;
    };
    // Where a path leads: the volume, what lies there, and its path below the volume.
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
    void look(Volume& volume, const std::string& served);
    void open_wanted(Volume& volume);
    void check_answers(Volume& volume, const std::string& served, Nanos now) const;

    Options options_;
    std::string root_;
    std::map<std::string, std::shared_ptr<Volume>, std::less<>>
        volumes_;                              // by their paths below the root
    std::vector<std::weak_ptr<Unused>> gone_;  // of volumes that are
    News news_;
    Nanos now_ = 0;
    std::uint64_t copy_max_ = 0;
};

}  // namespace sluice::http

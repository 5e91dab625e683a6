// DigestQueue: the files that wait for a digest of their bytes, and the one whose digest is being
// made in the background.
//
// OWNERSHIP AND THREADS. Loader's thread; the job on the other thread has nothing but its own open
// file. Nodes are told to it while they wait and must be forgotten before they go. It outlives the
// BackgroundWork, whose jobs report to it. Nothing fails: a file that changed while it was read, or
// could not be, comes back without a digest. One that grew meanwhile comes back with that of the
// bytes it had before: they are read twice, and were there between the two readings, all at once.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "content/background.h"
#include "content/files.h"
#include "content/nodes.h"
#include "core/clock.h"
#include "http/content_digest.h"

namespace sluice::http {

class DigestQueue {
  public:
    explicit DigestQueue(BackgroundWork& background) : background_(background) {}

    // Not before `when`; the earlier comes first. In the place of an earlier wish.
    void want(FileNode& node, Nanos when);
    // As soon as possible: someone waits for it.
    void want_first(FileNode& node) { want(node, 0); }
    [[nodiscard]] static bool waits(const FileNode& node);
    void forget(const FileNode& node);

    // Whose turn it is, taken out of the queue; null while a digest is being made or none is due.
    [[nodiscard]] FileNode* next(Nanos now);
    void start(FileNode& node, fs::Opened opened);

    struct Result {
        FileNode* node;  // null: it has been forgotten meanwhile
        fs::Info info;
        std::optional<ContentDigest> digest;
    };
    [[nodiscard]] std::vector<Result> take_results() { return std::exchange(results_, {}); }

    // When next() will have one, as far as only time is missing.
    [[nodiscard]] Nanos next_due() const;
    [[nodiscard]] std::size_t unfinished() const { return waiting_.size() + (busy_ ? 1 : 0); }

  private:
    BackgroundWork& background_;
    std::map<std::pair<Nanos, std::uint64_t>, FileNode*> waiting_;
    std::uint64_t seq_ = 0;
    FileNode* running_ = nullptr;
    bool busy_ = false;
    std::vector<Result> results_;
};

}  // namespace sluice::http

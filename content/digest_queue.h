// DigestQueue: the files that wait for a digest of their bytes, and the one that is being read for
// its digest in the background.
//
// OWNERSHIP AND THREADS. Loader's thread; the job on the other thread has only its own open file. A
// node must be forgotten here before it is destroyed. The queue outlives the BackgroundWork, whose
// jobs report to it. Nothing fails: a file that changed while it was read, or could not be read,
// comes back without a digest. A file that grew meanwhile comes back with the digest of the bytes
// it had before: they are read twice, so they were all there at one moment, between the two
// readings.
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

    // Not before `when`; the earlier comes first. Replaces an earlier request for the same node.
    void want(FileNode& node, Nanos when);
    // As soon as possible: a request waits for it.
    void want_first(FileNode& node) { want(node, 0); }
    [[nodiscard]] static bool waits(const FileNode& node);
    void forget(const FileNode& node);

    // The node whose turn it is, taken out of the queue; null while a digest is being made or none
    // is due.
    [[nodiscard]] FileNode* next(Nanos now);
    void start(FileNode& node, fs::Opened opened);

    struct Result {
        FileNode* node;  // null: forgotten meanwhile
        fs::Info info;
        std::optional<ContentDigest> digest;
    };
    [[nodiscard]] std::vector<Result> take_results() { return std::exchange(results_, {}); }

    // When next() will have one, if only time is missing.
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

// The tree's part in digests: which file is next, and what follows from a result.
#include <algorithm>
#include <string>
#include <utility>

#include "content/tree.h"

namespace sluice::http {

namespace {

// Entries are rebuilt with their digests in groups, because each publication copies the table.
constexpr Nanos kDigestGather = 200 * kMillisecond;

}  // namespace

void ContentTree::want_digest(FileNode& file) {
    if (file.racy || !ContentLoader::wants_digest(file)) {
        return;
    }
    const Tracking& tracking = *file.tracking;
    if (tracking.candidate && tracking.digested &&
        tracking.digested->info.unchanged(*tracking.candidate)) {
        return;  // it exists; the next look takes it
    }
    const Nanos stable_at = tracking.changed_at.value_or(now_) + ContentLoader::kStable;
    const bool follows_growth = tracking.growing && tracking.digest != nullptr;
    const bool waits = DigestQueue::waits(file);
    const bool asked_for = waits && !follows_growth && file.opened_at != 0;
    if (tracking.candidate || asked_for) {
        digests_.want_first(file);
    } else if (follows_growth) {
        digests_.want(file, stable_at);
    } else if (!waits) {
        digests_.want(file, tracking.busy && !tracking.growing ? stable_at : now_);
    }
}

void ContentTree::step_digests(const fs::Root& root) {
    take_digests();
    const Slice slice(options_);
    while (FileNode* file = digests_.next(now_)) {
        start_digest(root, *file);
        if (slice.over()) {
            break;
        }
    }
    if (now_ < digested_due_ && digests_.unfinished() != 0) {
        return;
    }
    digested_due_ = kNever;
    for (const auto& [directory, name] : std::exchange(digested_, {})) {
        if (DirNode* dir = find_directory(directory)) {
            mark_dirty(*dir, name);
            build_dirty(*dir);
        }
    }
}

Nanos ContentTree::next_digest() const {
    return std::min(digests_.next_due(), digested_due_);
}

void ContentTree::take_digests() {
    for (DigestQueue::Result& result : digests_.take_results()) {
        if (result.node == nullptr) {
            continue;
        }
        FileNode& file = *result.node;
        const bool taken =
            result.digest && loader_.take_digest(file, result.info, std::move(*result.digest));
        if (taken) {
            digested_.emplace(file.parent->path, file.name);
            digested_due_ = std::min(digested_due_, now_ + kDigestGather);
        } else if (result.digest && file.by_stamp() && file.tracking->candidate) {
            want_names(file.parent->path, {{file.name, FileEvent::content}});
        } else if (ContentLoader::wants_digest(file) && !DigestQueue::waits(file)) {
            digests_.want(file, now_ + ContentLoader::kStable);  // it is being changed
        }
    }
}

void ContentTree::start_digest(const fs::Root& root, FileNode& file) {
    if (!ContentLoader::wants_digest(file)) {
        return;
    }
    auto opened = open_again(root, file);
    if (!opened) {
        return;  // a removal is reported; without descriptors it stays as it is
    }
    if (loader_.racy(opened->info)) {
        digests_.want(file, now_ + fs::kRacyPauseNs);  // other bytes may appear with the same info
        return;
    }
    if (loader_.moves_to_memory(file)) {
        DirNode& dir = *file.parent;
        const ContentLoader::Look look{FileEvent::content, overdue(file), now_};
        follow_up(dir, file, loader_.move_to_memory(file, std::move(*opened), look));
        build_dirty(dir);
        return;
    }
    digests_.start(file, std::move(*opened));
}

}  // namespace sluice::http

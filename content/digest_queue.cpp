#include "content/digest_queue.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <stop_token>

namespace sluice::http {

namespace {

// After this many bytes the job checks whether to stop and whether the file is still the same.
constexpr std::uint64_t kLookBytes = 4 * 1024 * 1024;

// Reads the file once; `go_on` is called from time to time.
std::optional<ContentDigest> read_digest(const fs::Opened& opened,
                                         const std::function<bool()>& go_on) {
    const auto buffer = std::make_unique_for_overwrite<char[]>(ContentDigest::kBlockBytes);
    const std::uint64_t size = opened.info.stamp.size;
    DigestMaker maker;
    std::uint64_t next_look = kLookBytes;
    for (std::uint64_t at = 0; at < size;) {
        const auto got =
            fs::read_once(opened.file, at, buffer.get(),
                          std::min<std::uint64_t>(ContentDigest::kBlockBytes, size - at));
        if (!got || *got == 0) {
            return std::nullopt;
        }
        maker.add(buffer.get(), *got);
        at += *got;
        if (at >= next_look) {
            next_look += kLookBytes;
            if (!go_on()) {
                return std::nullopt;
            }
        }
    }
    return maker.finish();
}

std::optional<ContentDigest> digest_of(const fs::Opened& opened, const std::stop_token& stop) {
    enum class State : std::uint8_t { same, grown, other };
    const auto state = [&opened] {
        const auto now = fs::info_of(opened.file);
        return !now                                       ? State::other
               : now->unchanged(opened.info)              ? State::same
               : now->stamp.size > opened.info.stamp.size ? State::grown
                                                          : State::other;
    };
    const auto go_on = [&] { return !stop.stop_requested() && state() != State::other; };
    auto digest = read_digest(opened, go_on);
    if (!digest || state() == State::same) {
        return digest;
    }
    if (state() == State::other) {
        return std::nullopt;
    }
    const auto again = read_digest(opened, go_on);
    return again && again->whole == digest->whole && again->blocks == digest->blocks
               ? std::move(digest)
               : std::nullopt;
}

}  // namespace

void DigestQueue::want(FileNode& node, Nanos when) {
    Tracking& tracking = *node.tracking;
    if (waits(node)) {
        waiting_.erase({tracking.wanted_at, tracking.wanted_seq});
    }
    tracking.wanted_at = when;
    tracking.wanted_seq = ++seq_;
    waiting_.emplace(std::pair(when, seq_), &node);
}

bool DigestQueue::waits(const FileNode& node) {
    return node.tracking != nullptr && node.tracking->wanted_seq != 0;
}

void DigestQueue::forget(const FileNode& node) {
    if (waits(node)) {
        waiting_.erase({node.tracking->wanted_at, node.tracking->wanted_seq});
        node.tracking->wanted_seq = 0;
    }
    if (running_ == &node) {
        running_ = nullptr;
    }
    for (Result& result : results_) {
        if (result.node == &node) {
            result.node = nullptr;
        }
    }
}

FileNode* DigestQueue::next(Nanos now) {
    if (busy_ || waiting_.empty() || waiting_.begin()->first.first > now) {
        return nullptr;
    }
    FileNode* node = waiting_.begin()->second;
    waiting_.erase(waiting_.begin());
    node->tracking->wanted_seq = 0;
    return node;
}

void DigestQueue::start(FileNode& node, fs::Opened opened) {
    running_ = &node;
    busy_ = true;
    background_.submit([this, opened = std::move(opened)](const std::stop_token& stop) {
        auto digest = digest_of(opened, stop);
        return [this, info = opened.info, digest = std::move(digest)]() mutable {
            results_.push_back({std::exchange(running_, nullptr), info, std::move(digest)});
            busy_ = false;
        };
    });
}

Nanos DigestQueue::next_due() const {
    return busy_ || waiting_.empty() ? kNever : waiting_.begin()->first.first;
}

}  // namespace sluice::http

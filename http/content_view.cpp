#include <algorithm>
#include <utility>

#include "core/check.h"
#include "http/content.h"
#include "http/load_queue.h"

namespace sluice::http {

namespace {

// Old snapshots with pins left that need no further allocation: each is a published change during
// one slow transfer.
constexpr std::size_t kPinnedReserve = 16;

// Release: whatever this thread read through the snapshot comes before the loader frees it.
void let_go(const Snapshot* snapshot) noexcept {
    if (snapshot != nullptr) {
        snapshot->holders.fetch_sub(1, std::memory_order_release);
    }
}

}  // namespace

ContentView::ContentView() {
    old_.reserve(kPinnedReserve);
}

ContentView::~ContentView() {
    let_go(offer_.exchange(nullptr, std::memory_order_acquire));
    let_go(current_);
    for (const Pinned& pinned : old_) {
        let_go(pinned.snapshot);
    }
}

void ContentView::offer(const Snapshot* snapshot) noexcept {
    snapshot->holders.fetch_add(1, std::memory_order_relaxed);
    let_go(offer_.exchange(snapshot, std::memory_order_acq_rel));
}

bool ContentView::refresh() noexcept {
    // The plain load keeps the common case free of a locked instruction.
    if (offer_.load(std::memory_order_relaxed) == nullptr) {
        return false;
    }
    const Snapshot* next = offer_.exchange(nullptr, std::memory_order_acquire);
    if (next == nullptr) {
        return false;
    }
    if (current_pins_ != 0) {
        old_.push_back({current_, std::exchange(current_pins_, 0)});
    } else {
        let_go(current_);
    }
    current_ = next;
    return true;
}

const Snapshot* ContentView::pin() noexcept {
    DCHECK(ready());
    ++current_pins_;
    return current_;
}

void ContentView::unpin(const Snapshot* snapshot) noexcept {
    if (snapshot == current_) {
        CHECK(current_pins_ != 0);
        --current_pins_;
        return;
    }
    const auto pinned = std::find_if(old_.begin(), old_.end(), [snapshot](const Pinned& candidate) {
        return candidate.snapshot == snapshot;
    });
    CHECK(pinned != old_.end());
    if (--pinned->pins == 0) {
        *pinned = old_.back();
        old_.pop_back();
        let_go(snapshot);
    }
}

bool ContentView::request_load(const Entry& entry) noexcept {
    return queue_ != nullptr && queue_->push(&entry);
}

}  // namespace sluice::http

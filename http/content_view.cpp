#include <utility>

#include "core/check.h"
#include "http/content_view.h"
#include "http/load_queue.h"

namespace sluice::http {

namespace {

// Release: whatever this thread read through the snapshot comes before the loader frees it.
void let_go(const Snapshot* snapshot) noexcept {
    if (snapshot != nullptr) {
        snapshot->holders.fetch_sub(1, std::memory_order_release);
    }
}

}  // namespace

ContentView::~ContentView() {
    CHECK(pins_ == nullptr);
    let_go(offer_.exchange(nullptr, std::memory_order_acquire));
    let_go(current_);
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
    // The entries that are still being sent get holders of their own before the snapshot goes, so
    // that a loader which sees that nobody holds the snapshot sees these counts, too.
    for (EntryPin* pin = std::exchange(pins_, nullptr); pin != nullptr; pin = pin->after_) {
        pin->entry_->holders.fetch_add(1, std::memory_order_relaxed);
        pin->listed_ = false;
    }
    let_go(current_);
    current_ = next;
    return true;
}

void ContentView::pin(EntryPin& pin, const Entry& entry) noexcept {
    DCHECK(ready());
    CHECK(pin.entry_ == nullptr);
    pin.entry_ = &entry;
    pin.before_ = nullptr;
    pin.after_ = pins_;
    pin.listed_ = true;
    if (pins_ != nullptr) {
        pins_->before_ = &pin;
    }
    pins_ = &pin;
}

void ContentView::unpin(EntryPin& pin) noexcept {
    const Entry* entry = std::exchange(pin.entry_, nullptr);
    CHECK(entry != nullptr);
    if (!pin.listed_) {
        // Release: as for a snapshot.
        entry->holders.fetch_sub(1, std::memory_order_release);
        return;
    }
    pin.listed_ = false;
    (pin.before_ != nullptr ? pin.before_->after_ : pins_) = pin.after_;
    if (pin.after_ != nullptr) {
        pin.after_->before_ = pin.before_;
    }
}

bool ContentView::request_load(const Entry& entry) noexcept {
    return queue_ != nullptr && queue_->push(&entry);
}

}  // namespace sluice::http

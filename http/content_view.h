// ContentView: one worker's window on the content.
//
// A pin keeps one entry, not the snapshot it was found in: a snapshot of 100,000 entries has a
// table of some 5 MB, and each slow download could keep another one alive while the site is being
// edited.
#pragma once

#include <atomic>

#include "http/snapshot.h"

namespace sluice::http {

class LoadQueue;

// Keeps an entry alive while its bytes are being sent. Lives in the sender, and does not move while
// it holds one. Worker's thread.
class EntryPin {
  public:
    EntryPin() = default;
    EntryPin(const EntryPin&) = delete;
    EntryPin& operator=(const EntryPin&) = delete;

    [[nodiscard]] const Entry* entry() const noexcept { return entry_; }  // null: holds none

  private:
    friend class ContentView;
    const Entry* entry_ = nullptr;
    // Among the pins of the view's current snapshot; `listed_` until that is replaced.
    EntryPin* before_ = nullptr;
    EntryPin* after_ = nullptr;
    bool listed_ = false;
};

// One worker's window on the content. The loader puts the newest snapshot into `offer`; the worker
// takes it between two requests. Worker's thread only, except offer().
class ContentView {
  public:
    // For the loader: replaces an offer that was not taken yet, and lets go of that one.
    // Any thread.
    void offer(const Snapshot* snapshot) noexcept;

    // Takes a waiting offer; true when the current snapshot changed.
    bool refresh() noexcept;
    [[nodiscard]] const Snapshot& current() const noexcept { return *current_; }
    [[nodiscard]] bool ready() const noexcept { return current_ != nullptr; }

    // Keeps an entry of the current snapshot alive beyond the next refresh(). Each pin() needs an
    // unpin() before the view goes.
    void pin(EntryPin& pin, const Entry& entry) noexcept;
    void unpin(EntryPin& pin) noexcept;

    // Asks the loader for an unloaded entry of the current snapshot; the answer is a new snapshot.
    // False when the bounded queue is full.
    [[nodiscard]] bool request_load(const Entry& entry) noexcept;

    ContentView() = default;
    ~ContentView();
    ContentView(const ContentView&) = delete;
    ContentView& operator=(const ContentView&) = delete;

    // The store does it, in the beginning.
    void connect(LoadQueue* queue) noexcept { queue_ = queue; }

  private:
    std::atomic<const Snapshot*> offer_{nullptr};
    const Snapshot* current_ = nullptr;
    EntryPin* pins_ = nullptr;  // of entries of the current snapshot
    LoadQueue* queue_ = nullptr;
};

}  // namespace sluice::http

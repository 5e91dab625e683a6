// LoaderThread: the content's thread. It opens the store, keeps the views in step with it, and may
// block on disks, so that no other thread does.
//
// OWNERSHIP AND THREADS. Created, used and destroyed on one thread, control's. The store is
// created, and store and views are destroyed, on the loader's; each view is for one worker, between
// opened() and stop(). The callbacks run on the loader's thread.
//
// FAILURE. opened() returns the error of ContentStore::open(). A disk that does not answer blocks
// the thread: ended() stays false after stop(), and the destructor would block as long.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "content/store.h"
#include "core/result.h"
#include "serve/events.h"

namespace sluice {

class LoaderThread {
  public:
    struct Calls {
        std::function<void()> state_changed;  // opened() or ended() has changed
        std::function<void()> published;      // a view has a new snapshot
    };
    [[nodiscard]] static Result<std::unique_ptr<LoaderThread>> start(http::ContentOptions options,
                                                                     unsigned views, Calls calls);
    ~LoaderThread();
    LoaderThread(const LoaderThread&) = delete;
    LoaderThread& operator=(const LoaderThread&) = delete;

    // Null until the root was scanned, or opening it failed.
    [[nodiscard]] const Result<void>* opened() const noexcept;
    [[nodiscard]] http::ContentView& view(unsigned number) { return *views_[number]; }
    // Schedules a new walk of everything.
    void look_again() noexcept;
    // Asks the thread to end. No view may be used any more.
    void stop() noexcept;
    // Store and views are destroyed.
    [[nodiscard]] bool ended() const noexcept;

  private:
    LoaderThread(http::ContentOptions options, unsigned views, Calls calls,
                 std::unique_ptr<Events> events);
    void run(const std::stop_token& stop);
    [[nodiscard]] Result<void> open(const std::stop_token& stop);

    http::ContentOptions options_;
    const Calls calls_;
    const std::unique_ptr<Events> events_;
    std::vector<std::unique_ptr<http::ContentView>> views_;
    std::unique_ptr<http::ContentStore> store_;
    Result<void> opened_;
    std::atomic<bool> opened_set_{false};
    std::atomic<bool> look_again_{false};
    std::atomic<bool> ended_{false};
    std::jthread thread_;
};

}  // namespace sluice

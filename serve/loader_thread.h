// LoaderThread: the thread of the content. It opens the store, keeps the views in step with it, and
// may wait for disks: whoever looks on never does.
//
// OWNERSHIP AND THREADS. Made, asked and destroyed on one thread, control's. The store and the
// views are made and destroyed on the loader's; each view is for one worker, between opened() and
// stop(). The callbacks come on the loader's thread.
//
// FAILURE. What ContentStore::open() says, through opened(). A disk that does not answer holds the
// thread: ended() stays false after stop(), and the destructor would wait as long.
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
        std::function<void()> state_changed;  // opened() or ended() says something new
        std::function<void()> published;      // a view has something new to offer
    };
    [[nodiscard]] static Result<std::unique_ptr<LoaderThread>> start(http::ContentOptions options,
                                                                     unsigned views, Calls calls);
    ~LoaderThread();
    LoaderThread(const LoaderThread&) = delete;
    LoaderThread& operator=(const LoaderThread&) = delete;

    // Null until the root was looked through, or could not be.
    [[nodiscard]] const Result<void>* opened() const noexcept;
    [[nodiscard]] http::ContentView& view(unsigned number) { return *views_[number]; }
    // Looks at everything again soon.
    void look_again() noexcept;
    // Asks for the end. Nobody uses a view any more.
    void stop() noexcept;
    // Store and views are gone.
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

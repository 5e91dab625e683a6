// Service: content, workers and access log, wired together, running until a signal.
//
// OWNERSHIP AND THREADS. Created, run and destroyed on one thread, control's, which touches no
// file. Loader and log have threads of their own, which may block on disks; each worker has one,
// too.
//
// FAILURE. A part that cannot be started (a root, a port, a log file) is reported in one line, and
// everything that was started has ended when run() returns. A thread that is blocked by a disk
// cannot be joined: run() says so, and the process has to end without it, because the destructor
// would wait for it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string_view>

#include "backends/registry.h"
#include "core/server.h"
#include "serve/config.h"
#include "serve/control.h"
#include "serve/loader_thread.h"
#include "serve/log_thread.h"

namespace sluice {

class Service {
  public:
    using Say = std::function<void(std::string_view)>;  // one line for the operator; any thread

    Service(ServeConfig config, ChosenBackend backend, std::unique_ptr<Signals> signals,
            std::unique_ptr<Events> events, Say say);
    ~Service();

    enum class End : std::uint8_t {
        orderly,
        thread_left,  // see FAILURE
    };
    struct Outcome {
        Result<void> started;
        End end = End::orderly;
    };
    // Runs until a signal to stop, or until the start fails, which has been reported then.
    [[nodiscard]] Outcome run();

  private:
    [[nodiscard]] Result<void> start();
    [[nodiscard]] Result<void> start_loader();
    [[nodiscard]] Result<void> start_log();
    [[nodiscard]] Result<bool> ready() const;
    [[nodiscard]] Result<void> start_server();
    void announce() const;
    void say_refusals();
    [[nodiscard]] End end();
    [[nodiscard]] bool end_workers();
    [[nodiscard]] bool end_log();
    [[nodiscard]] bool end_loader();

    const ServeConfig config_;
    const unsigned workers_;
    const ChosenBackend backend_;
    const Say say_;
    Control control_;
    // Destroyed in reverse order: workers first, then what they use.
    std::unique_ptr<LoaderThread> loader_;
    std::unique_ptr<LogThread> log_;         // null: no access log
    std::atomic<Server*> running_{nullptr};  // for wakes from the loader
    std::unique_ptr<Server> server_;
    Nanos drained_by_ = 0;
};

}  // namespace sluice

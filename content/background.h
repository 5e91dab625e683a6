// BackgroundWork: one thread of low priority for what the loader wants to know but need not wait
// for: hashes of large files, whether a compressed sibling is the same bytes.
//
// Or one for a file system that may not answer (remote_mounts.h).
//
// OWNERSHIP AND THREADS. Belongs to the loader: submit(), drain() and the destructor are its
// thread's. A job runs on the other thread and touches nothing but what it captured; what it
// returns is called on the loader's thread by drain(), unless the owner has gone by then. A job
// that may take long looks at its stop token and returns early when it is asked to stop.
//
// Jobs run one at a time, in the order in which they were submitted. Nothing fails: a job's errors
// are in what it returns. When no thread can be made, the loader does the jobs itself in drain().
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace sluice::http {

class BackgroundWork {
  public:
    using Finish = std::move_only_function<void()>;
    using Job = std::move_only_function<Finish(const std::stop_token&)>;

    enum class AtEnd : std::uint8_t {
        wait,   // for the job that is running
        leave,  // it behind, with the jobs that wait: it may never end
    };
    // `wake` is called on the other thread when there is something for drain(), and must not wait.
    // Without a thread, drain() does the jobs.
    explicit BackgroundWork(std::function<void()> wake, bool with_thread = true,
                            AtEnd at_end = AtEnd::wait);
    // Asks the running job to stop and waits for it; jobs that wait are dropped, and so is what
    // drain() has not called. Or leaves the thread behind, which then does the jobs that wait.
    ~BackgroundWork();
    BackgroundWork(const BackgroundWork&) = delete;
    BackgroundWork& operator=(const BackgroundWork&) = delete;

    void submit(Job job);
    // Calls what the jobs that have ended returned.
    void drain();
    // Jobs that have not ended yet.
    [[nodiscard]] std::size_t pending() const;

  private:
    // What the thread needs, which may be there for longer than the owner.
    struct Shared {
        std::mutex mutex;
        std::condition_variable_any submitted;
        std::function<void()> wake;
        std::deque<Job> jobs;
        std::vector<Finish> finished;
        bool running = false;
        bool left_behind = false;
    };
    static void run(Shared& shared, const std::stop_token& stop);

    const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
    const bool with_thread_;
    const AtEnd at_end_;
    std::jthread thread_;  // made with the first job
};

}  // namespace sluice::http

// BackgroundWork: one thread of low priority for what the loader wants to know but does not wait
// for: hashes of large files, whether a compressed sibling holds the same bytes. Each remote mount
// has one, too (remote_mounts.h).
//
// OWNERSHIP AND THREADS. Belongs to the loader: submit(), drain() and the destructor are called on
// the loader's thread. A job runs on the other thread and touches only what it captured. drain()
// calls what the job returned, on the loader's thread, unless the owner has gone by then. A job
// that may take long polls its stop token and returns early when it is asked to stop.
//
// Jobs run one at a time, in the order in which they were submitted. Nothing fails: a job's errors
// are in what it returns. When no thread can be created, drain() runs the jobs itself.
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
        leave,  // detach it, with the queued jobs: the running one may never end
    };
    // `wake` is called on the other thread when there is something for drain(); it must not block.
    // Without a thread, drain() runs the jobs.
    explicit BackgroundWork(std::function<void()> wake, bool with_thread = true,
                            AtEnd at_end = AtEnd::wait);
    // AtEnd::wait: asks the running job to stop and waits for it; queued jobs are dropped, and so
    // are results that drain() has not called. AtEnd::leave: detaches the thread, which then runs
    // the queued jobs.
    ~BackgroundWork();
    BackgroundWork(const BackgroundWork&) = delete;
    BackgroundWork& operator=(const BackgroundWork&) = delete;

    void submit(Job job);
    // Calls what the finished jobs returned.
    void drain();
    // Jobs that have not finished yet.
    [[nodiscard]] std::size_t pending() const;

  private:
    // What the thread needs; it may outlive the owner.
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
    std::jthread thread_;  // started with the first job
};

}  // namespace sluice::http

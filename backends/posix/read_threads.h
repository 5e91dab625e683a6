// ReadThreads: a few threads that read files for a loop that must not wait for disks. For epoll;
// io_uring has the kernel's.
//
// They are started one by one when a read finds none that is idle, and stay. Reads of file systems
// that may not answer hold some of them at most, so that the disks are still read.
//
// OWNERSHIP AND THREADS. Owned by a backend, used on its thread. After it is made it allocates
// nothing except the threads. The destructor waits for the reads that are under way.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "backends/posix/file_read.h"

namespace sluice::posix {

class ReadThreads {
  public:
    static constexpr std::size_t kThreads = 8;
    static constexpr std::size_t kRemoteMax = 6;  // of these for remote files

    // `reads_max` at once. `wake` is called on any thread when take() has something.
    ReadThreads(std::size_t reads_max, std::function<void()> wake);
    ~ReadThreads();
    ReadThreads(const ReadThreads&) = delete;
    ReadThreads& operator=(const ReadThreads&) = delete;

    // False: there is no thread, and the system gives none.
    [[nodiscard]] bool begin(const FileRead& read) noexcept;
    // Reads that begin() has taken and take() has not given back.
    [[nodiscard]] bool busy() const { return out_ > 0; }
    // Calls ended(read) for those that are over.
    template <typename Ended>
    void take(Ended&& ended) noexcept {
        taken_.clear();
        {
            const std::scoped_lock lock(mutex_);
            std::swap(taken_, ended_);
        }
        out_ -= taken_.size();
        for (const FileRead& read : taken_) {
            ended(read);
        }
    }

  private:
    // First in, first out, in memory that was reserved.
    class Queue {
      public:
        explicit Queue(std::size_t reads_max) { reads_.reserve(reads_max); }
        [[nodiscard]] bool empty() const { return size() == 0; }
        [[nodiscard]] std::size_t size() const { return reads_.size() - first_; }
        void push(const FileRead& read) noexcept;
        [[nodiscard]] FileRead pop() noexcept;

      private:
        std::vector<FileRead> reads_;
        std::size_t first_ = 0;
    };

    [[nodiscard]] bool start_thread() noexcept;
    void run() noexcept;
    [[nodiscard]] bool can_run() const noexcept;

    const std::function<void()> wake_;
    std::size_t out_ = 0;
    std::vector<FileRead> taken_;
    std::vector<std::thread> threads_;

    std::mutex mutex_;  // guards all that follows
    std::condition_variable work_;
    Queue local_;
    Queue remote_;
    std::vector<FileRead> ended_;
    std::size_t idle_ = 0;  // threads that wait for work
    std::size_t remote_running_ = 0;
    bool stopping_ = false;
};

}  // namespace sluice::posix

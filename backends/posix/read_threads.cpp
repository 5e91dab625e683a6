#include "backends/posix/read_threads.h"

#include <system_error>
#include <utility>

#include "core/check.h"

namespace sluice::posix {

void ReadThreads::Queue::push(const FileRead& read) noexcept {
    if (reads_.size() == reads_.capacity()) {
        reads_.erase(reads_.begin(), reads_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
    }
    CHECK(reads_.size() < reads_.capacity());
    reads_.push_back(read);
}

FileRead ReadThreads::Queue::pop() noexcept {
    const FileRead read = reads_[first_++];
    if (empty()) {
        reads_.clear();
        first_ = 0;
    }
    return read;
}

ReadThreads::ReadThreads(std::size_t reads_max, std::function<void()> wake)
    : wake_(std::move(wake)), local_(reads_max), remote_(reads_max) {
    taken_.reserve(reads_max);
    ended_.reserve(reads_max);
    threads_.reserve(kThreads);
}

ReadThreads::~ReadThreads() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
    }
    work_.notify_all();
    for (std::thread& thread : threads_) {
        thread.join();
    }
}

bool ReadThreads::begin(const FileRead& read) noexcept {
    bool idle = false;
    Queue& queue = read.range.remote ? remote_ : local_;
    {
        const std::scoped_lock lock(mutex_);
        queue.push(read);
        idle = local_.size() + remote_.size() <= idle_;
    }
    if (!idle && threads_.size() < kThreads && !start_thread() && threads_.empty()) {
        const std::scoped_lock lock(mutex_);
        (void)queue.pop();
        return false;
    }
    ++out_;
    work_.notify_one();
    return true;
}

// False: the system gives no more of them, or no memory for one.
bool ReadThreads::start_thread() noexcept {
    try {
        threads_.emplace_back([this] { run(); });
        return true;
    } catch (const std::system_error&) {
        return false;
    }
}

bool ReadThreads::can_run() const noexcept {
    return !local_.empty() || (!remote_.empty() && remote_running_ < kRemoteMax);
}

void ReadThreads::run() noexcept {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (!can_run()) {
            ++idle_;
            work_.wait(lock);
            --idle_;
            continue;
        }
        FileRead read = local_.empty() ? remote_.pop() : local_.pop();
        remote_running_ += read.range.remote ? 1 : 0;
        lock.unlock();
        read.wait();
        lock.lock();
        remote_running_ -= read.range.remote ? 1 : 0;
        ended_.push_back(read);
        lock.unlock();
        wake_();
        lock.lock();
    }
}

}  // namespace sluice::posix

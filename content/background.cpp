#include "content/background.h"

#include <system_error>
#include <utility>

#include "system/cpu.h"

namespace sluice::http {

BackgroundWork::BackgroundWork(std::function<void()> wake, bool with_thread, AtEnd at_end)
    : with_thread_(with_thread), at_end_(at_end) {
    shared_->wake = std::move(wake);
}

BackgroundWork::~BackgroundWork() {
    thread_.request_stop();
    if (at_end_ == AtEnd::leave) {
        const std::lock_guard lock(shared_->mutex);
        shared_->left_behind = true;
        if (thread_.joinable()) {
            thread_.detach();
        }
    } else if (thread_.joinable()) {
        thread_.join();
    }
}

void BackgroundWork::submit(Job job) {
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->jobs.push_back(std::move(job));
    }
    if (!with_thread_) {
        shared_->wake();
    } else if (!thread_.joinable()) {
        try {
            thread_ = std::jthread(
                [shared = shared_](const std::stop_token& stop) { run(*shared, stop); });
        } catch (const std::system_error&) {
            shared_->wake();  // no thread available: drain() runs the job
        }
    }
    shared_->submitted.notify_one();
}

void BackgroundWork::run(Shared& shared, const std::stop_token& stop) {
    name_this_thread("background");
    lower_this_threads_priority();
    std::unique_lock lock(shared.mutex);
    while (shared.submitted.wait(lock, stop, [&shared] { return !shared.jobs.empty(); })) {
        Job job = std::move(shared.jobs.front());
        shared.jobs.pop_front();
        shared.running = true;
        lock.unlock();
        Finish finish = job(stop);
        job = nullptr;
        lock.lock();
        shared.running = false;
        shared.finished.push_back(std::move(finish));
        if (shared.left_behind) {
            continue;  // queued jobs may have files to close
        }
        shared.wake();
        if (stop.stop_requested()) {
            return;
        }
    }
}

void BackgroundWork::drain() {
    std::unique_lock lock(shared_->mutex);
    while (!thread_.joinable() && !shared_->jobs.empty()) {
        Job job = std::move(shared_->jobs.front());
        shared_->jobs.pop_front();
        lock.unlock();
        Finish finish = job(std::stop_token());
        lock.lock();
        shared_->finished.push_back(std::move(finish));
    }
    auto finished = std::exchange(shared_->finished, {});
    lock.unlock();
    for (Finish& finish : finished) {
        if (finish != nullptr) {
            finish();
        }
    }
}

std::size_t BackgroundWork::pending() const {
    const std::lock_guard lock(shared_->mutex);
    return shared_->jobs.size() + (shared_->running ? 1 : 0);
}

}  // namespace sluice::http

#include "core/mailbox.h"

#include <utility>

namespace sluice {

Mailbox::Mailbox() {
    waiting_.reserve(kMessagesMax);
    running_.reserve(kMessagesMax);
}

bool Mailbox::post(Message message) {
    const std::scoped_lock lock(mutex_);
    if (closed_ || waiting_.size() == kMessagesMax) {
        return false;
    }
    waiting_.push_back(std::move(message));
    posted_.store(true, std::memory_order_release);
    return true;
}

void Mailbox::run(Reactor& reactor) noexcept {
    if (!posted_.load(std::memory_order_acquire)) {
        return;
    }
    {
        const std::scoped_lock lock(mutex_);
        running_.swap(waiting_);
        posted_.store(false, std::memory_order_relaxed);
    }
    for (const Message& message : running_) {
        message(reactor);
    }
    running_.clear();
}

void Mailbox::close() noexcept {
    std::vector<Message> dropped;  // destroyed without the lock: destructors may do anything
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    dropped.swap(waiting_);
}

}  // namespace sluice

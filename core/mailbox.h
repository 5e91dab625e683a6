// Mailbox: messages from other threads to a running reactor, bounded in number, run in order on the
// reactor's thread.
//
// post() may be called from any thread; the rest is the reactor's. Messages must not throw.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <vector>

namespace sluice {

class Reactor;

class Mailbox {
  public:
    using Message = std::function<void(Reactor&)>;
    static constexpr std::size_t kMessagesMax = 64;  // that wait at once

    Mailbox();
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    // False: it is full, or closed.
    [[nodiscard]] bool post(Message message);
    // Runs what was posted before. What the messages themselves post waits for the next call.
    void run(Reactor& reactor) noexcept;
    // Takes no more messages, and drops those that wait.
    void close() noexcept;

  private:
    std::atomic<bool> posted_{false};  // so that a turn without messages needs no lock
    std::mutex mutex_;
    std::vector<Message> waiting_;
    bool closed_ = false;
    std::vector<Message> running_;  // the reactor's alone
};

}  // namespace sluice

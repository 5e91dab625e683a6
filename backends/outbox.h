// Outbox: completions on their way to the caller. Verbs and the harvest append; poll() hands over
// what has gathered, up to the limit of one batch. Two vectors take turns, so that the records of
// one poll stay valid until the next while new ones arrive. Grows to its high-water mark and then
// never allocates.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "core/backend.h"

namespace sluice {

class Outbox {
  public:
    explicit Outbox(std::size_t batch_max) : batch_max_(batch_max) {
        filling_.reserve(batch_max);
        handed_.reserve(batch_max);
    }
    Completion& add(Token token, Status status) noexcept {
        Completion& completion = filling_.emplace_back();
        completion.token = token;
        completion.status = status;
        return completion;
    }
    // A completed send. A quiet success does not make poll() hurry.
    void add_send(Token token, Status status, std::uint64_t bytes, SendUrgency urgency) noexcept {
        add(token, status).bytes = bytes;
        if (urgency == SendUrgency::quiet && status == Status::ok) {
            ++quiet_;
        }
    }
    [[nodiscard]] bool urgent() const { return filling_.size() > quiet_; }
    [[nodiscard]] std::size_t size() const { return filling_.size(); }
    [[nodiscard]] std::span<const Completion> hand_over() noexcept {
        quiet_ = 0;
        if (filling_.size() <= batch_max_) {
            std::swap(filling_, handed_);
            filling_.clear();
        } else {
            const auto end = filling_.begin() + static_cast<std::ptrdiff_t>(batch_max_);
            handed_.assign(filling_.begin(), end);
            filling_.erase(filling_.begin(), end);
        }
        return handed_;
    }
    // What was never handed over; the owner closes the sockets in it.
    [[nodiscard]] std::span<const Completion> left() const { return filling_; }

  private:
    std::size_t batch_max_;
    std::vector<Completion> filling_;
    std::vector<Completion> handed_;
    std::size_t quiet_ = 0;
};

}  // namespace sluice

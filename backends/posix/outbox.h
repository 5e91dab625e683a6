// Outbox: completions on their way to the caller. Verbs and the harvest append; poll() hands over
// what has gathered. Two vectors take turns, so that the records of one poll stay valid until the
// next while new ones arrive. Grows to its high-water mark and then never allocates.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "core/backend.h"

namespace sluice::posix {

class Outbox {
  public:
    explicit Outbox(std::size_t expected) {
        filling_.reserve(expected);
        handed_.reserve(expected);
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
        std::swap(filling_, handed_);
        filling_.clear();
        quiet_ = 0;
        return handed_;
    }

  private:
    std::vector<Completion> filling_;
    std::vector<Completion> handed_;
    std::size_t quiet_ = 0;
};

}  // namespace sluice::posix

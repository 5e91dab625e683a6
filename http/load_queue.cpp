#include "http/load_queue.h"

#include <algorithm>
#include <utility>

namespace sluice::http {

bool LoadQueue::push(const Entry* entry) noexcept {
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count_);
        if (std::find(waiting_.begin(), end, entry) != end) {
            return true;
        }
        if (count_ == kCapacity) {
            return false;
        }
        first = count_ == 0;
        waiting_[count_++] = entry;
    }
    if (first) {
        wake_();
    }
    return true;
}

std::size_t LoadQueue::drain(Batch& out) noexcept {
    const std::lock_guard lock(mutex_);
    std::copy_n(waiting_.begin(), count_, out.begin());
    return std::exchange(count_, 0);
}

}  // namespace sluice::http

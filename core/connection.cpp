#include "core/connection.h"

#include <algorithm>
#include <new>

#include "core/check.h"
#include "core/reserve.h"

namespace sluice {

namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kExchangeBytes =
    (sizeof(Exchange) + kAlignment - 1) / kAlignment * kAlignment;
// Input that grew beyond this is given back to the allocator when the exchange is released.
constexpr std::size_t kInputKeptBytes = 16 * 1024;
// A trim gives back this part of what is unused, and never so many that the loop would stand still
// for a millisecond.
constexpr std::size_t kTrimPart = 4;
constexpr std::size_t kTrimMax = 512;

}  // namespace

void PieceInParts::sealed(std::size_t bytes) {
    std::uint32_t gone = 0;
    for (; gone < rest.slice_count && bytes >= rest.slices[gone].size; ++gone) {
        bytes -= rest.slices[gone].size;
    }
    std::copy(rest.slices.begin() + gone, rest.slices.begin() + rest.slice_count,
              rest.slices.begin());
    rest.slice_count -= gone;
    if (bytes > 0) {
        rest.slices[0].data += bytes;
        rest.slices[0].size -= bytes;
    }
}

ExchangePool::ExchangePool(std::size_t session_bytes) : memory_(kExchangeBytes + session_bytes) {}

ExchangePool::~ExchangePool() {
    for (Exchange* exchange : made_) {
        exchange->~Exchange();
    }
}

Exchange* ExchangePool::acquire() noexcept {
    if (!free_.empty()) {
        Exchange* exchange = free_.back();
        free_.pop_back();
        return exchange;
    }
    // Room for it in both lists, so that release() never allocates.
    if (!reserve_more(made_, 1) || !reserve_more(free_, made_.size() + 1)) {
        return nullptr;
    }
    void* memory = memory_.acquire();
    if (memory == nullptr) {
        return nullptr;
    }
    auto* exchange = new (memory) Exchange{};
    exchange->index = made_.size();
    made_.push_back(exchange);
    return exchange;
}

void ExchangePool::trim(Nanos now) noexcept {
    unused_ = std::min(unused_, free_.size());
    if (now >= trim_at_) {
        const std::size_t surplus = unused_ > kKept ? unused_ - kKept : 0;
        give_back(std::min((surplus + kTrimPart - 1) / kTrimPart, kTrimMax));
        trim_at_ = kNever;
    }
    if (trim_at_ == kNever && free_.size() > kKept) {
        trim_at_ = now + kTrimPause;
        unused_ = free_.size();
    }
}

// Those that have been unused longest.
void ExchangePool::give_back(std::size_t count) noexcept {
    const auto end = free_.begin() + static_cast<std::ptrdiff_t>(count);
    std::for_each(free_.begin(), end, [this](Exchange* exchange) {
        made_.back()->index = exchange->index;
        made_[exchange->index] = made_.back();
        made_.pop_back();
        exchange->~Exchange();
        memory_.release(exchange);
    });
    free_.erase(free_.begin(), end);
}

void ExchangePool::release(Exchange* exchange) noexcept {
    CHECK(exchange != nullptr && exchange->session == nullptr);
    exchange->input_taken = 0;
    exchange->input.clear();
    if (exchange->input.capacity() > kInputKeptBytes) {
        std::vector<char>().swap(exchange->input);
    }
    exchange->peer.family = Family::none;
    exchange->acknowledged.reset();
    exchange->full_duplex = false;
    exchange->slot = kNoSlot;
    free_.push_back(exchange);
}

void* ExchangePool::session_storage(Exchange* exchange) noexcept {
    return reinterpret_cast<char*>(exchange) + kExchangeBytes;
}

}  // namespace sluice

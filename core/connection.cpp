#include "core/connection.h"

#include <new>

#include "core/check.h"

namespace sluice {

namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kExchangeBytes =
    (sizeof(Exchange) + kAlignment - 1) / kAlignment * kAlignment;
// Input that grew beyond this is given back to the allocator when the exchange is released.
constexpr std::size_t kInputKeptBytes = 16 * 1024;

}  // namespace

ExchangePool::ExchangePool(std::size_t session_bytes)
    : stride_((kExchangeBytes + session_bytes + kAlignment - 1) / kAlignment * kAlignment) {}

ExchangePool::~ExchangePool() {
    for (Exchange* exchange : made_) {
        exchange->~Exchange();
        ::operator delete (exchange, std::align_val_t{kAlignment});
    }
}

Exchange* ExchangePool::acquire() noexcept {
    if (!free_.empty()) {
        Exchange* exchange = free_.back();
        free_.pop_back();
        return exchange;
    }
    void* memory = ::operator new (stride_, std::align_val_t{kAlignment}, std::nothrow);
    if (memory == nullptr) {
        return nullptr;
    }
    auto* exchange = new (memory) Exchange{};
    made_.push_back(exchange);
    if (free_.capacity() < made_.size()) {
        free_.reserve(made_.capacity());  // so that release() never allocates
    }
    return exchange;
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
    exchange->slot = kNoSlot;
    free_.push_back(exchange);
}

void* ExchangePool::session_storage(Exchange* exchange) noexcept {
    return reinterpret_cast<char*>(exchange) + kExchangeBytes;
}

}  // namespace sluice

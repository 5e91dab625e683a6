#include "core/connection.h"

#include <algorithm>
#include <new>

#include "core/check.h"
#include "core/reserve.h"

namespace sluice {

namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kRequestContextBytes =
    (sizeof(RequestContext) + kAlignment - 1) / kAlignment * kAlignment;
// Input that grew beyond this is given back to the allocator when the request is released.
constexpr std::size_t kInputKeptBytes = 16 * 1024;
// A trim gives back one in kTrimPart of the unused ones, but never so many that the loop would
// stand still for a millisecond.
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

RequestContextPool::RequestContextPool(std::size_t session_bytes)
    : memory_(kRequestContextBytes + session_bytes) {}

RequestContextPool::~RequestContextPool() {
    for (RequestContext* request : made_) {
        request->~RequestContext();
    }
}

RequestContext* RequestContextPool::acquire() noexcept {
    if (!free_.empty()) {
        RequestContext* request = free_.back();
        free_.pop_back();
        return request;
    }
    // Room for it in both lists, so that release() never allocates.
    if (!reserve_more(made_, 1) || !reserve_more(free_, made_.size() + 1)) {
        return nullptr;
    }
    void* memory = memory_.acquire();
    if (memory == nullptr) {
        return nullptr;
    }
    auto* request = new (memory) RequestContext{};
    request->index = made_.size();
    made_.push_back(request);
    return request;
}

void RequestContextPool::trim(Nanos now) noexcept {
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
void RequestContextPool::give_back(std::size_t count) noexcept {
    const auto end = free_.begin() + static_cast<std::ptrdiff_t>(count);
    std::for_each(free_.begin(), end, [this](RequestContext* request) {
        made_.back()->index = request->index;
        made_[request->index] = made_.back();
        made_.pop_back();
        request->~RequestContext();
        memory_.release(request);
    });
    free_.erase(free_.begin(), end);
}

void RequestContextPool::release(RequestContext* request) noexcept {
    CHECK(request != nullptr && request->session == nullptr);
    request->input_taken = 0;
    request->input.clear();
    if (request->input.capacity() > kInputKeptBytes) {
        std::vector<char>().swap(request->input);
    }
    request->peer.family = Family::none;
    request->acknowledged.reset();
    request->full_duplex = false;
    request->slot = kNoSlot;
    free_.push_back(request);
}

void* RequestContextPool::session_storage(RequestContext* request) noexcept {
    return reinterpret_cast<char*>(request) + kRequestContextBytes;
}

}  // namespace sluice

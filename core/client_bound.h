// ClientBound: how many connections one client may have at once. A client is an IPv4 address or an
// IPv6 network of 64 bits, which is what one customer has at least (RFC 6177 section 2). Unix
// sockets have no address and no bound.
//
// Made once, used by every worker. Any thread; the others wait only while one counts. It holds only
// clients that are connected, so the limit of connections bounds its size.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "core/clock.h"
#include "core/endpoint.h"

namespace sluice {

class ClientBound {
  public:
    using Address = std::array<std::uint8_t, 16>;  // as in Endpoint
    struct Refusals {
        std::uint64_t count = 0;
        Endpoint last;
    };

    // `on_refusal` is called on the refusing thread when there is something to take, once a minute
    // at most.
    ClientBound(std::uint32_t connections_max, std::function<void()> on_refusal);

    // Counts one more connection; false: it is one too many, or there is no memory to count it in,
    // and it is not counted.
    [[nodiscard]] bool enter(Family family, const Address& address, Nanos now) noexcept;
    // One that was counted is gone.
    void leave(Family family, const Address& address) noexcept;
    // What was refused until now; nothing when on_refusal has not been called since the last time.
    [[nodiscard]] Refusals take_refusals() noexcept;

  private:
    struct alignas(64) Shard {
        std::mutex mutex;
        std::unordered_map<std::uint64_t, std::uint32_t> connections;
    };
    [[nodiscard]] static std::optional<std::uint64_t> client(Family family,
                                                             const Address& address) noexcept;
    [[nodiscard]] Shard& shard_of(std::uint64_t key) noexcept { return shards_[key >> 60]; }
    [[nodiscard]] static std::uint32_t* find_or_add(Shard& shard, std::uint64_t key) noexcept;
    void note_refusal(Family family, const Address& address, Nanos now) noexcept;

    const std::uint32_t connections_max_;
    const std::function<void()> on_refusal_;
    const std::uint64_t secret_;
    std::array<Shard, 16> shards_;
    std::mutex refusals_mutex_;
    Refusals refusals_;
    Nanos quiet_until_ = 0;
    bool due_ = false;
};

}  // namespace sluice

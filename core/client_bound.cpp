#include "core/client_bound.h"

#include <algorithm>
#include <new>
#include <random>
#include <utility>

#include "core/check.h"

namespace sluice {

namespace {

constexpr Nanos kQuietTime = 60 * kSecond;

// An IPv4 address within IPv6 (RFC 4291 section 2.5.5.2), as a socket for both sees it.
constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::uint64_t number(const std::uint8_t* bytes, int count) {
    std::uint64_t value = 0;
    for (int i = 0; i < count; ++i) {
        value = value << 8 | bytes[i];
    }
    return value;
}

// Odd, so that multiplying by it maps different numbers to different ones. Secret, so that nobody
// can choose addresses that meet in one place of a table.
std::uint64_t make_secret() {
    std::random_device random;
    return (std::uint64_t{random()} << 32 | random()) | 1;
}

}  // namespace

ClientBound::ClientBound(std::uint32_t connections_max, std::function<void()> on_refusal)
    : connections_max_(connections_max),
      on_refusal_(std::move(on_refusal)),
      secret_(make_secret()) {}

std::optional<std::uint64_t> ClientBound::client(Family family, const Address& address) noexcept {
    // No network has a prefix with these sixteen bits (RFC 4291 section 2.4: 2000::/3 is global).
    constexpr std::uint64_t kIpv4 = 0xff00ULL << 48;
    if (family == Family::ipv4) {
        return kIpv4 | number(address.data(), 4);
    }
    if (family != Family::ipv6) {
        return std::nullopt;
    }
    return std::equal(kMapped.begin(), kMapped.end(), address.begin())
               ? kIpv4 | number(address.data() + kMapped.size(), 4)
               : number(address.data(), 8);
}

// Null: out of memory.
std::uint32_t* ClientBound::find_or_add(Shard& shard, std::uint64_t key) noexcept {
    try {
        return &shard.connections[key];
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

bool ClientBound::enter(Family family, const Address& address, Nanos now) noexcept {
    const auto found = client(family, address);
    if (!found) {
        return true;
    }
    const std::uint64_t key = *found * secret_;
    Shard& shard = shard_of(key);
    {
        const std::lock_guard lock(shard.mutex);
        std::uint32_t* connections = find_or_add(shard, key);
        if (connections == nullptr) {
            return false;
        }
        if (*connections < connections_max_) {
            ++*connections;
            return true;
        }
    }
    note_refusal(family, address, now);
    return false;
}

void ClientBound::leave(Family family, const Address& address) noexcept {
    const auto found = client(family, address);
    if (!found) {
        return;
    }
    const std::uint64_t key = *found * secret_;
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto entry = shard.connections.find(key);
    CHECK(entry != shard.connections.end());
    if (--entry->second == 0) {
        shard.connections.erase(entry);
    }
}

void ClientBound::note_refusal(Family family, const Address& address, Nanos now) noexcept {
    bool tell = false;
    {
        const std::lock_guard lock(refusals_mutex_);
        ++refusals_.count;
        refusals_.last.family = family;
        refusals_.last.address = address;
        if (now >= quiet_until_) {
            quiet_until_ = now + kQuietTime;
            due_ = tell = true;
        }
    }
    if (tell) {
        on_refusal_();
    }
}

ClientBound::Refusals ClientBound::take_refusals() noexcept {
    const std::lock_guard lock(refusals_mutex_);
    return std::exchange(due_, false) ? std::exchange(refusals_, {}) : Refusals{};
}

}  // namespace sluice

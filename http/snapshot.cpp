// Snapshot: the table from path to entry. Linear probing at a load of at most one half, so that a
// miss ends after one or two neighbouring buckets.
#include <algorithm>
#include <bit>
#include <utility>

#include "core/check.h"
#include "http/content.h"

// Inline, because the hash of a short path is a dozen instructions and the call would not be.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice::http {

namespace {

constexpr std::uint64_t kBucketsMin = 8;

std::uint64_t hash_path(std::string_view path) noexcept {
    return XXH3_64bits(path.data(), path.size());
}

// The low bits choose the bucket; the high ones are what a bucket remembers.
std::uint32_t tag(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash >> 32);
}

}  // namespace

Snapshot::Snapshot(std::vector<const Entry*> entries, std::uint64_t version)
    : entries_(std::move(entries)), version_(version) {
    CHECK(entries_.size() < UINT32_MAX / 2);
    const std::uint64_t count = std::bit_ceil(std::max(kBucketsMin, entries_.size() * 2));
    buckets_.resize(count);
    mask_ = count - 1;
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
        insert(entries_[i], hash_path(entries_[i]->path), i);
    }
}

void Snapshot::insert(const Entry* entry, std::uint64_t hash, std::uint32_t index) noexcept {
    std::uint64_t at = hash & mask_;
    while (buckets_[at].entry != nullptr) {
        DCHECK(buckets_[at].hash != tag(hash) || buckets_[at].entry->path != entry->path);
        at = (at + 1) & mask_;
    }
    buckets_[at] = {entry, tag(hash), index};
}

const Entry* Snapshot::find(std::string_view path) const noexcept {
    const std::uint64_t hash = hash_path(path);
    for (std::uint64_t at = hash & mask_;; at = (at + 1) & mask_) {
        const Bucket& bucket = buckets_[at];
        if (bucket.entry == nullptr) {
            return nullptr;
        }
        if (bucket.hash == tag(hash) && bucket.entry->path == path) {
            return bucket.entry;
        }
    }
}

}  // namespace sluice::http

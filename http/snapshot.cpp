// Snapshot: the table from path to entry. Linear probing at a load of at most one half, so that a
// miss ends after one or two neighbouring buckets.
#include <algorithm>
#include <bit>
#include <utility>

#include "core/check.h"
#include "http/snapshot.h"

// Inline, because hashing a short path takes a dozen instructions and a call would take more.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice::http {

namespace {

constexpr std::size_t kBucketsMin = 8;

std::uint32_t hash_path(std::string_view path) noexcept {
    return static_cast<std::uint32_t>(XXH3_64bits(path.data(), path.size()));
}

}  // namespace

void Snapshot::size_for(std::size_t entries) {
    CHECK(entries < UINT32_MAX / 4);
    const std::size_t count = std::bit_ceil(std::max(kBucketsMin, entries * 2));
    buckets_.resize(count);
    mask_ = count - 1;
}

void Snapshot::place(const Bucket& bucket) noexcept {
    std::uint64_t at = bucket.hash & mask_;
    while (buckets_[at].entry != nullptr) {
        DCHECK(buckets_[at].hash != bucket.hash || buckets_[at].entry->path != bucket.entry->path);
        at = (at + 1) & mask_;
    }
    buckets_[at] = bucket;
}

Snapshot::Snapshot(std::vector<const Entry*> entries, std::uint64_t version)
    : entries_(std::move(entries)), version_(version) {
    size_for(entries_.size());
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
        place({entries_[i], hash_path(entries_[i]->path), i});
    }
}

Snapshot::Snapshot(const Snapshot& base, std::span<const Change> changes, std::uint64_t version)
    : version_(version) {
    const auto added = static_cast<std::size_t>(
        std::count_if(changes.begin(), changes.end(),
                      [](const Change& change) { return change.before == nullptr; }));
    entries_.reserve(base.entries_.size() + added);
    entries_ = base.entries_;
    size_for(entries_.size() + added);
    if (mask_ == base.mask_) {
        buckets_ = base.buckets_;
    } else {
        for (const Bucket& bucket : base.buckets_) {
            if (bucket.entry != nullptr) {
                place(bucket);
            }
        }
    }
    for (const Change& change : changes) {
        if (change.before == nullptr) {
            const auto index = static_cast<std::uint32_t>(entries_.size());
            entries_.push_back(change.after);
            place({change.after, hash_path(change.after->path), index});
        } else if (change.after == nullptr) {
            erase(change.before);
        } else {
            Bucket& bucket = bucket_of(change.before);
            bucket.entry = change.after;
            entries_[bucket.index] = change.after;
        }
    }
}

Snapshot::Bucket& Snapshot::bucket_of(const Entry* entry) noexcept {
    for (std::uint64_t at = hash_path(entry->path) & mask_;; at = (at + 1) & mask_) {
        CHECK(buckets_[at].entry != nullptr);
        if (buckets_[at].entry == entry) {
            return buckets_[at];
        }
    }
}

void Snapshot::erase(const Entry* entry) noexcept {
    Bucket* bucket = &bucket_of(entry);
    // The last entry of the list moves into the gap.
    const Entry* moved = entries_.back();
    bucket_of(moved).index = bucket->index;
    entries_[bucket->index] = moved;
    entries_.pop_back();
    // Entries behind the gap that would no longer be found move up into it, so that no tombstone
    // is needed.
    std::uint64_t gap = static_cast<std::uint64_t>(bucket - buckets_.data());
    for (std::uint64_t at = (gap + 1) & mask_; buckets_[at].entry != nullptr;
         at = (at + 1) & mask_) {
        const std::uint64_t home = buckets_[at].hash & mask_;
        if (((at - home) & mask_) >= ((at - gap) & mask_)) {
            buckets_[gap] = buckets_[at];
            gap = at;
        }
    }
    buckets_[gap] = Bucket{};
}

const Entry* Snapshot::find(std::string_view path) const noexcept {
    const std::uint32_t hash = hash_path(path);
    for (std::uint64_t at = hash & mask_;; at = (at + 1) & mask_) {
        const Bucket& bucket = buckets_[at];
        if (bucket.entry == nullptr) {
            return nullptr;
        }
        if (bucket.hash == hash && bucket.entry->path == path) {
            return bucket.entry;
        }
    }
}

}  // namespace sluice::http

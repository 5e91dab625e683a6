// Snapshot: the whole tree at one moment: path -> Entry. Made by the loader's thread, and never
// changed once published.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "http/entry.h"

namespace sluice::http {

// Open addressing over XXH3 hashes. Immutable.
class Snapshot {
  public:
    // `entries` stay owned by the loader and outlive the snapshot.
    Snapshot(std::vector<const Entry*> entries, std::uint64_t version);

    // An entry that takes the place of another with the same path. Null before: the path is new;
    // null after: it is gone.
    struct Change {
        const Entry* before = nullptr;
        const Entry* after = nullptr;
    };
    // A snapshot that differs from `base` by these changes, applied in their order. Costs a copy
    // of the table, not a look at every entry.
    Snapshot(const Snapshot& base, std::span<const Change> changes, std::uint64_t version);

    [[nodiscard]] const Entry* find(std::string_view path) const noexcept;
    [[nodiscard]] std::uint64_t version() const { return version_; }
    [[nodiscard]] const std::vector<const Entry*>& entries() const { return entries_; }

    // How many holders (the loader itself, views) still look at it; the loader frees it at 0.
    mutable std::atomic<std::uint32_t> holders{0};

  private:
    // The entry itself, and not only its index, so that a look-up touches three lines of memory:
    // the bucket, the entry, the entry's path.
    struct Bucket {
        const Entry* entry = nullptr;  // null: empty
        std::uint32_t hash = 0;        // the low half, which also says where the entry belongs
        std::uint32_t index = 0;       // into entries_
    };
    void size_for(std::size_t entries);
    void place(const Bucket& bucket) noexcept;
    [[nodiscard]] Bucket& bucket_of(const Entry* entry) noexcept;
    void erase(const Entry* entry) noexcept;

    std::vector<const Entry*> entries_;
    std::vector<Bucket> buckets_;
    std::uint64_t mask_ = 0;
    std::uint64_t version_ = 0;
};

}  // namespace sluice::http

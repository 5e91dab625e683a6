#include "http/live_body.h"

#include <utility>

#include "http/content_digest.h"
#include "system/file.h"

namespace sluice::http {

bool LiveBody::moved(bool stuck) noexcept {
    if (!entry_->live_file()) {
        return false;
    }
    if (entry_->live != nullptr) {
        digest_ = entry_->live->digest.load(std::memory_order_acquire);
    }
    const auto info = fs::info_of(entry_->file);
    if (!info || info->stamp.size < entry_->size) {
        return false;
    }
    if (digest_ != nullptr) {
        return true;
    }
    const bool same = info->stamp.size == stamp_.size && info->stamp.mtime_ns == stamp_.mtime_ns;
    const bool moved = info->stamp != std::exchange(stamp_, info->stamp);
    return same && (moved || !stuck);
}

bool LiveBody::holds(std::uint64_t offset) const noexcept {
    const std::uint64_t block = offset / ContentDigest::kBlockBytes;
    const std::uint64_t begin = block * ContentDigest::kBlockBytes;
    const std::uint64_t size = digest_->block_bytes(block);
    char* bytes = block_->bytes.get();
    block_->size = 0;
    for (std::uint64_t got = 0; got < size;) {
        const auto more = fs::read_at(entry_->file, begin + got, bytes + got, size - got);
        if (!more || *more == 0) {
            return false;
        }
        got += *more;
    }
    if (!digest_->has(block, {bytes, size})) {
        return false;
    }
    block_->hash = digest_->blocks[block];
    block_->size = size;
    return true;
}

// A block in memory that has the promised hash and size need not be read again.
std::string_view LiveBody::verified(std::uint64_t offset) const noexcept {
    const std::uint64_t block = offset / ContentDigest::kBlockBytes;
    const std::uint64_t size = digest_->block_bytes(block);
    const bool there = block_->size == size && block_->hash == digest_->blocks[block];
    if (!there && !holds(offset)) {
        return {};
    }
    return {block_->bytes.get() + offset % ContentDigest::kBlockBytes,
            size - offset % ContentDigest::kBlockBytes};
}

}  // namespace sluice::http

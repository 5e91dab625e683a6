#include "http/body_stream.h"

#include <algorithm>
#include <cstring>

#include "http/content_digest.h"

namespace sluice::http {

namespace {

// How many blocks of what was lent are verified between two sends. One would keep pace, since a
// piece of verified bytes is shorter than a block.
constexpr int kBlocksAtOnce = 4;

}  // namespace

BodyStream::BodyStream(const ResponsePlan& plan, std::uint64_t live_tail_bytes,
                       VerifiedBlock& block) noexcept
    : plan_(plan),
      live_tail_bytes_(live_tail_bytes),
      closed_(plan.shape != BodyShape::multipart),
      live_(*plan.entry, block) {
    if (plan_.shape == BodyShape::whole) {
        plan_.range_count = 1;
        plan_.ranges[0] = {0, plan_.entry->size};
    }
    for (std::uint8_t i = 0; i < plan_.range_count; ++i) {
        total_ += plan_.ranges[i].length;
    }
    left_ = total_;
}

std::size_t BodyStream::next(char* out, std::size_t room, Slice& slice, FileRange& file) noexcept {
    // The last bytes are held back until all of it is known to be good.
    if (live_.verifying() && !verify_lent(left_ <= room)) {
        broken_ = true;
        return 0;
    }
    const bool multipart = plan_.shape == BodyShape::multipart;
    std::size_t used = 0;
    while (index_ < plan_.range_count) {
        if (multipart && !opened_) {
            if (room - used < kHeadBytesMax) {
                return used;
            }
            used += write_part_head(plan_, index_, out + used);
            opened_ = true;
        }
        const Entry& entry = *plan_.entry;
        const std::uint64_t left = range_left();
        if (live_.verifying()) {
            used += copy_verified(out + used, room - used);
            if (broken_ || used == room) {
                return used;
            }
            continue;
        }
        if (!entry.in_memory()) {
            take_file(file);
            return used;
        }
        if (left > kBodyCopyMax || left > room - used) {
            take_slice(slice);
            return used;
        }
        const std::string_view bytes =
            entry.memory().substr(plan_.ranges[index_].first + offset_, left);
        std::memcpy(out + used, bytes.data(), bytes.size());
        used += bytes.size();
        advance(left);
    }
    if (!closed_ && room - used >= kHeadBytesMax) {
        used += write_part_head(plan_, plan_.range_count, out + used);
        closed_ = true;
    }
    return used;
}

bool BodyStream::finished() const noexcept {
    return index_ == plan_.range_count && closed_;
}

void BodyStream::take_slice(Slice& slice) noexcept {
    const std::string_view bytes =
        plan_.entry->memory().substr(plan_.ranges[index_].first + offset_);
    slice = {bytes.data(), std::min<std::uint64_t>(range_left(), kPieceBytesMax)};
    advance(slice.size);
}

void BodyStream::take_file(FileRange& file) noexcept {
    const Entry& entry = *plan_.entry;
    file.file = entry.file;
    file.offset = entry.file_offset + plan_.ranges[index_].first + offset_;
    file.length = std::min<std::uint64_t>(range_left(), kPieceBytesMax);
    if (entry.live_file()) {
        file.stamp = live_.stamp();
        file.remote = entry.live != nullptr && entry.live->remote;
        copying_ = left_ <= live_tail_bytes_;
        if (!copying_) {
            file.length = std::min(file.length, left_ - live_tail_bytes_);
        }
    }
    file_bytes_ = file.length;
    advance(file.length);
}

// ---- Live files --------------------------------------------------------------------------------

void BodyStream::sent() noexcept {
    if (file_bytes_ == 0) {
        return;
    }
    if (!copying_) {
        lent_ = handed_out();
    }
    // A copy is checked before it leaves.
    good_ = handed_out() - (copying_ ? file_bytes_ : 0);
    file_bytes_ = 0;
}

bool BodyStream::changed(std::uint64_t bytes) noexcept {
    take_back(file_bytes_ - bytes);
    file_bytes_ = 0;
    if (!copying_) {
        lent_ = handed_out();
    }
    if (!live_.moved(bytes == 0)) {
        return false;
    }
    verified_ = good_ - std::min(good_, live_tail_bytes_);
    return left_ != 0 || !live_.verifying() || verify_lent(true);
}

// Copies as many of the body's next bytes as fit, out of blocks that still hold what was promised.
std::size_t BodyStream::copy_verified(char* out, std::size_t room) noexcept {
    const std::string_view bytes = live_.verified(plan_.ranges[index_].first + offset_);
    const std::uint64_t size = std::min<std::uint64_t>({bytes.size(), room, range_left()});
    if (size == 0) {
        broken_ = true;
        return 0;
    }
    std::memcpy(out, bytes.data(), size);
    advance(size);
    return size;
}

// Verifies those lent bytes that the peer must have read by now, or `all` of them. Looking earlier
// would prove nothing: until the peer has read them, an edit still reaches them.
bool BodyStream::verify_lent(bool all) noexcept {
    const std::uint64_t read = handed_out() - std::min(handed_out(), live_tail_bytes_);
    std::uint64_t range_begin = 0;
    std::uint8_t range = 0;
    for (int blocks = 0; verified_ < lent_ && (all || blocks < kBlocksAtOnce); ++blocks) {
        while (verified_ >= range_begin + plan_.ranges[range].length) {
            range_begin += plan_.ranges[range++].length;
        }
        const std::uint64_t inside = verified_ - range_begin;
        const std::uint64_t offset = plan_.ranges[range].first + inside;
        const std::uint64_t block_left =
            ContentDigest::kBlockBytes - offset % ContentDigest::kBlockBytes;
        const std::uint64_t size =
            std::min({plan_.ranges[range].length - inside, block_left, lent_ - verified_});
        if (!all && verified_ + size > read) {
            return true;
        }
        if (!live_.holds(offset)) {
            return false;
        }
        verified_ += size;
    }
    return true;
}

// ---- Places ------------------------------------------------------------------------------------

std::uint64_t BodyStream::range_left() const noexcept {
    return plan_.ranges[index_].length - offset_;
}

void BodyStream::advance(std::uint64_t bytes) noexcept {
    left_ -= bytes;
    offset_ += bytes;
    if (range_left() == 0) {
        offset_ = 0;
        opened_ = false;
        ++index_;
    }
}

// `bytes` of the range that was handed out last did not leave.
void BodyStream::take_back(std::uint64_t bytes) noexcept {
    if (bytes == 0) {
        return;
    }
    left_ += bytes;
    if (offset_ == 0) {
        --index_;
        offset_ = plan_.ranges[index_].length;
        opened_ = true;
    }
    offset_ -= bytes;
}

}  // namespace sluice::http

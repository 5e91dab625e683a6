#include "http/body_stream.h"

#include <algorithm>
#include <cstring>

namespace sluice::http {

BodyStream::BodyStream(const ResponsePlan& plan, std::uint64_t live_tail_bytes) noexcept
    : plan_(plan), live_tail_bytes_(live_tail_bytes), closed_(plan.shape != BodyShape::multipart) {
    if (plan_.shape == BodyShape::whole) {
        plan_.range_count = 1;
        plan_.ranges[0] = {0, plan_.entry->size};
    }
    for (std::uint8_t i = 0; i < plan_.range_count; ++i) {
        left_ += plan_.ranges[i].length;
    }
}

std::size_t BodyStream::next(char* out, std::size_t room, Slice& slice, FileRange& file) noexcept {
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
        file.stamp = &entry.stamp;
        file.copy = left_ <= live_tail_bytes_;
        file.length = std::min<std::uint64_t>(file.length,
                                              file.copy ? kFileCopyMax : left_ - live_tail_bytes_);
    }
    advance(file.length);
}

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

}  // namespace sluice::http

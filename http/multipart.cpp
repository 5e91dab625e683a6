#include "http/multipart.h"

#include <xxhash.h>

#include "core/check.h"
#include "http/writer.h"

namespace sluice::http {

Boundary::Boundary(const Entry& entry) noexcept {
    const XXH128_hash_t hash = XXH3_128bits(entry.etag.data(), entry.etag.size());
    constexpr std::string_view kHex = "0123456789abcdef";
    for (std::size_t i = 0; i < 16; ++i) {
        const unsigned shift = 60 - 4 * static_cast<unsigned>(i);
        text_[i] = kHex[(hash.high64 >> shift) & 0xf];
        text_[16 + i] = kHex[(hash.low64 >> shift) & 0xf];
    }
}

MultipartType::MultipartType(const Entry& entry) noexcept {
    Writer writer(text_.data(), text_.size());
    writer.put("multipart/byteranges; boundary=");
    writer.put(Boundary(entry).text());
    size_ = writer.written();
}

ContentRange::ContentRange(const ByteRange& range, std::uint64_t size) noexcept {
    Writer writer(text_.data(), text_.size());
    writer.put("bytes ");
    writer.put_number(range.first);
    writer.put("-");
    writer.put_number(range.first + range.length - 1);
    writer.put("/");
    writer.put_number(size);
    size_ = writer.written();
}

ContentRange::ContentRange(std::uint64_t size) noexcept {
    Writer writer(text_.data(), text_.size());
    writer.put("bytes */");
    writer.put_number(size);
    size_ = writer.written();
}

std::size_t write_part_head(const ResponsePlan& plan, std::size_t index, char* out) noexcept {
    DCHECK(plan.shape == BodyShape::multipart && index <= plan.range_count);
    const Entry& entry = *plan.entry;
    Writer writer(out, kHeadBytesMax);
    // RFC 2046 section 5.1.1: the line end before a delimiter belongs to the delimiter. The first
    // delimiter has none, because nothing comes before it.
    writer.put(index == 0 ? "--" : "\r\n--");
    writer.put(Boundary(entry).text());
    if (index == plan.range_count) {
        writer.put("--\r\n");
    } else {
        writer.put("\r\nContent-Type: ");
        writer.put(entry.content_type);
        writer.put("\r\nContent-Range: ");
        writer.put(ContentRange(plan.ranges[index], entry.size).text());
        writer.put("\r\n\r\n");
    }
    CHECK(writer.written() > 0);
    return writer.written();
}

std::uint64_t multipart_bytes(const ResponsePlan& plan) noexcept {
    std::array<char, kHeadBytesMax> scratch;
    std::uint64_t total = 0;
    for (std::size_t i = 0; i <= plan.range_count; ++i) {
        total += write_part_head(plan, i, scratch.data());
        total += i < plan.range_count ? plan.ranges[i].length : 0;
    }
    return total;
}

}  // namespace sluice::http

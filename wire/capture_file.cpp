#include "wire/capture_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice::wire {

namespace {

constexpr std::uint32_t kMicroMagic = 0xa1b2c3d4;
constexpr std::uint32_t kNanoMagic = 0xa1b23c4d;
constexpr std::uint32_t kOrderMagic = 0x1a2b3c4d;
constexpr std::size_t kFileHeaderBytes = 24;
constexpr std::size_t kRecordHeaderBytes = 16;
constexpr std::size_t kBlockHeaderBytes = 8;
constexpr std::size_t kInterfacesMax = 1024;
constexpr std::size_t kReadBytes = 256 << 10;  // the C library's default is 4 KiB

enum Block : std::uint32_t {
    kSection = 0x0a0d0d0a,
    kInterface = 1,
    kOldPacket = 2,
    kSimplePacket = 3,
    kPacket = 6,
};
enum Option : std::uint16_t { kOptionsEnd = 0, kResolution = 9, kTimeOffset = 14 };

std::uint64_t power(std::uint64_t base, unsigned exponent) {
    std::uint64_t value = 1;
    while (exponent-- > 0) {
        value *= base;
    }
    return value;
}

// No number of units overflows; seconds that 64 bits cannot hold wrap around.
Nanos to_time(std::uint64_t units, std::uint64_t units_per_second, std::int64_t offset_seconds) {
    const std::uint64_t seconds =
        units / units_per_second + static_cast<std::uint64_t>(offset_seconds);
    const std::uint64_t rest = units % units_per_second;
    const auto nanos = units_per_second <= 1'000'000'000
                           ? rest * 1'000'000'000 / units_per_second
                           : rest / (units_per_second / 1'000'000'000);
    return frame_time(static_cast<std::int64_t>(seconds), static_cast<Nanos>(nanos));
}

}  // namespace

Nanos frame_time(std::int64_t seconds, Nanos nanos) noexcept {
    constexpr std::int64_t kSecondsMax = 9'000'000'000;
    return std::clamp<std::int64_t>(seconds, 0, kSecondsMax) * kSecond + nanos;
}

Link link_of(int link_type) noexcept {
    switch (link_type) {
        case 0: return Link::null;
        case 1: return Link::ethernet;
        case 101:  // raw IP; 228 and 229 are its two versions
        case 228:
        case 229: return Link::raw;
        case 108: return Link::loop;
        case 113: return Link::cooked_v1;
        case 276: return Link::cooked_v2;
        default: return Link::unknown;
    }
}

std::string unknown_link(std::string_view source, int link_type) {
    return fmt::format(
        "cannot read {}: its link type is number {} (pcap-linktype(7)); known are Ethernet, Linux "
        "cooked (v1, v2), null/loopback and raw IP",
        source, link_type);
}

void CaptureFile::Close::operator()(std::FILE* file) const noexcept {
    if (file != stdin) {
        (void)std::fclose(file);
    }
}

Result<CaptureFile> CaptureFile::open(const std::string& path) {
    std::FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
    if (file == nullptr) {
        return fail(Status::io_error, fmt::format("cannot read {}: {}", path, std::strerror(errno)),
                    errno);
    }
    (void)std::setvbuf(file, nullptr, _IOFBF, kReadBytes);
    CaptureFile capture(file);
    if (const std::string why = capture.begin(); !why.empty()) {
        return fail(Status::io_error, fmt::format("cannot read {}: {}", path, why));
    }
    return capture;
}

// Appends to block_.
CaptureFile::Got CaptureFile::read(std::size_t bytes) {
    const std::size_t before = block_.size();
    block_.resize(before + bytes);
    const std::size_t got = std::fread(block_.data() + before, 1, bytes, file_.get());
    block_.resize(before + got);
    return got == bytes ? Got::all : before + got == 0 ? Got::end : Got::part;
}

std::uint16_t CaptureFile::u16(std::size_t at) const {
    std::uint16_t value = 0;
    std::memcpy(&value, block_.data() + at, sizeof value);
    return swapped_ ? std::byteswap(value) : value;
}

std::uint32_t CaptureFile::u32(std::size_t at) const {
    std::uint32_t value = 0;
    std::memcpy(&value, block_.data() + at, sizeof value);
    return swapped_ ? std::byteswap(value) : value;
}

bool CaptureFile::failed(std::string why) {
    ended_ = true;
    error_ = std::move(why);
    return false;
}

// Says why the file is no capture. Empty: it is one, and its link type is known.
std::string CaptureFile::begin() {
    if (read(4) != Got::all) {
        return "it is empty, or too short for a capture";
    }
    const std::uint32_t magic = u32(0);
    if (magic == kSection) {
        blocks_ = true;
        if (read(kBlockHeaderBytes - 4) != Got::all || !on_section()) {
            return error_.empty() ? "it breaks off in its header" : error_;
        }
        // Blocks before the first interface say nothing about packets.
        while (interfaces_.empty()) {
            if (!next_block()) {
                return error_.empty() ? "it names no interface" : error_;
            }
            if (block_type_ == kInterface && !on_interface(block_.size() - 4)) {
                return error_;
            }
        }
        return {};
    }
    swapped_ = magic == std::byteswap(kMicroMagic) || magic == std::byteswap(kNanoMagic);
    if (u32(0) != kMicroMagic && u32(0) != kNanoMagic) {
        return "unknown file format";
    }
    if (read(kFileHeaderBytes - 4) != Got::all) {
        return "it breaks off in its header";
    }
    if (u16(4) != 2) {
        return fmt::format("its format is of version {}.{}", u16(4), u16(6));
    }
    Interface only;
    only.units_per_second = u32(0) == kNanoMagic ? 1'000'000'000 : 1'000'000;
    only.snap_length = u32(16);
    interfaces_.push_back(only);
    snap_length_ = only.snap_length == 0 || only.snap_length > kFrameBytesMax ? kFrameBytesMax
                                                                              : only.snap_length;
    link_type_ = static_cast<int>(u32(20) & 0xffff);  // the upper bits tell of a check sequence
    return {};
}

const CaptureFile::Record* CaptureFile::next() {
    if (ended_) {
        return nullptr;
    }
    if (!blocks_) {
        return next_record();
    }
    while (next_block()) {
        switch (block_type_) {
            case kInterface:
                if (!on_interface(block_.size() - 4)) {
                    return nullptr;
                }
                break;
            case kOldPacket:
            case kSimplePacket:
            case kPacket: return on_packet();
            default: break;  // name resolution, statistics, decryption secrets
        }
    }
    return nullptr;
}

const CaptureFile::Record* CaptureFile::next_record() {
    block_.clear();
    const Got got = read(kRecordHeaderBytes);
    if (got != Got::all) {
        ended_ = true;
        error_ = got == Got::part ? "it breaks off in the header of a frame" : "";
        return nullptr;
    }
    const std::uint32_t captured = u32(8);
    record_.length = u32(12);
    record_.time = to_time(u32(4), interfaces_[0].units_per_second, u32(0));
    if (captured > kFrameBytesMax) {
        (void)failed(fmt::format("a frame claims {} bytes", captured));
        return nullptr;
    }
    block_.clear();
    if (read(captured) != Got::all && captured > 0) {
        (void)failed("it breaks off within a frame");
        return nullptr;
    }
    record_.bytes = {block_.data(), std::min<std::size_t>(block_.size(), snap_length_)};
    return &record_;
}

// Reads one whole block: type, length, body, length again. Handles a new section.
bool CaptureFile::next_block() {
    block_.clear();
    const Got got = read(kBlockHeaderBytes);
    if (got != Got::all) {
        ended_ = true;
        error_ = got == Got::part ? "it breaks off in the header of a block" : "";
        return false;
    }
    block_type_ = u32(0);
    if (block_type_ == kSection) {
        return on_section();
    }
    const std::uint32_t length = u32(4);
    if (length < kBlockHeaderBytes + 4 || length % 4 != 0 || length > kBlockBytesMax) {
        return failed(fmt::format("a block claims {} bytes", length));
    }
    if (read(length - kBlockHeaderBytes) != Got::all) {
        return failed("it breaks off within a block");
    }
    if (u32(length - 4) != length) {
        return failed("a block's two lengths differ");
    }
    return true;
}

// The block's header has been read. Its length is in the section's byte order, which the next field
// names.
bool CaptureFile::on_section() {
    block_type_ = kSection;
    interfaces_.clear();
    if (read(4) != Got::all) {
        return failed("it breaks off in the header of a section");
    }
    swapped_ = false;
    swapped_ = u32(8) == std::byteswap(kOrderMagic);
    const std::uint32_t length = u32(4);
    if (u32(8) != kOrderMagic || length < 28 || length % 4 != 0 || length > kBlockBytesMax) {
        return failed("a section's header is damaged");
    }
    if (read(length - 12) != Got::all) {
        return failed("it breaks off in the header of a section");
    }
    if (u16(12) != 1) {
        return failed(fmt::format("its format is of version {}.{}", u16(12), u16(14)));
    }
    return true;
}

bool CaptureFile::on_interface(std::size_t end) {
    if (end < 16 || interfaces_.size() >= kInterfacesMax) {
        return failed("the description of an interface is damaged");
    }
    const int link_type = u16(8);
    if (link_type_ >= 0 && link_type != link_type_) {
        return failed("its interfaces are of different link types");
    }
    Interface interface;
    interface.snap_length = u32(12);
    if (interface.snap_length == 0 || interface.snap_length > kFrameBytesMax) {
        interface.snap_length = kFrameBytesMax;
    }
    if (link_type_ < 0) {
        link_type_ = link_type;
        snap_length_ = interface.snap_length;
    }
    read_options(interface, 16, end);
    interfaces_.push_back(interface);
    return true;
}

void CaptureFile::read_options(Interface& interface, std::size_t at, std::size_t end) const {
    while (at + 4 <= end) {
        const std::uint16_t code = u16(at);
        const std::size_t size = u16(at + 2);
        at += 4;
        if (code == kOptionsEnd || size > end - at) {
            return;
        }
        if (code == kResolution && size == 1) {
            const auto value = static_cast<std::uint8_t>(block_[at]);
            const unsigned exponent = value & 0x7fU;
            // With more, the units of a second do not fit in 64 bits.
            if ((value & 0x80U) != 0 ? exponent < 64 : exponent < 20) {
                interface.units_per_second = power((value & 0x80U) != 0 ? 2 : 10, exponent);
            }
        } else if (code == kTimeOffset && size == 8) {
            const std::uint64_t first = u32(at);
            const std::uint64_t second = u32(at + 4);
            const bool little = (std::endian::native == std::endian::little) != swapped_;
            interface.offset_seconds =
                static_cast<std::int64_t>(little ? second << 32 | first : first << 32 | second);
        }
        at += (size + 3) / 4 * 4;
    }
}

const CaptureFile::Record* CaptureFile::on_packet() {
    const std::size_t body = block_.size() - 4;
    const std::size_t fields = block_type_ == kSimplePacket ? 4 : 20;
    if (body < kBlockHeaderBytes + fields) {
        (void)failed("the block of a frame is too short");
        return nullptr;
    }
    const std::size_t at = block_type_ == kOldPacket ? u16(8) : block_type_ == kPacket ? u32(8) : 0;
    if (at >= interfaces_.size()) {
        (void)failed("a frame names an interface that is not described");
        return nullptr;
    }
    const Interface& interface = interfaces_[at];
    std::uint32_t captured = 0;
    if (block_type_ == kSimplePacket) {
        record_.length = u32(8);
        record_.time = 0;
        captured = std::min(record_.length, interface.snap_length);
    } else {
        const std::uint64_t units = std::uint64_t{u32(12)} << 32 | u32(16);
        record_.time = to_time(units, interface.units_per_second, interface.offset_seconds);
        captured = u32(20);
        record_.length = u32(24);
    }
    const std::size_t begin = kBlockHeaderBytes + fields;
    if (captured > kFrameBytesMax || captured > body - begin) {
        (void)failed(fmt::format("a frame claims {} bytes", captured));
        return nullptr;
    }
    record_.bytes = {block_.data() + begin, std::min(captured, interface.snap_length)};
    return &record_;
}

}  // namespace sluice::wire

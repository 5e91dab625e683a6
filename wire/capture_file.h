// CaptureFile: a reader of pcap and pcapng files that needs no libpcap. It takes what libpcap
// takes: both byte orders, micro- and nanoseconds, any number of interfaces that share one link
// type.
//
// OWNERSHIP. A record's bytes belong to the reader until the next call of next(). THREADS. One.
// ERRORS. Opening says why it failed. Later damage ends the records, and error() says so.
// Memory is bounded by kBlockBytesMax, whatever the file claims.
// Source: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "wire/capture.h"

namespace sluice::wire {

// From a number that files use (pcap-linktype(7)).
[[nodiscard]] Link link_of(int link_type) noexcept;
// Why a file or an interface is not read: "its link type is ...".
[[nodiscard]] std::string unknown_link(std::string_view source, int link_type);
// A frame's time. A damaged file may name any second, and 64 bits of nanoseconds cannot hold them
// all. The time is clamped to a range (1970 to 2255) in which differences cannot overflow either.
[[nodiscard]] Nanos frame_time(std::int64_t seconds, Nanos nanos) noexcept;

class CaptureFile {
  public:
    static constexpr std::uint32_t kFrameBytesMax = 256 << 10;
    static constexpr std::uint32_t kBlockBytesMax = 1 << 20;

    struct Record {
        Nanos time = 0;
        std::uint32_t length = 0;
        std::string_view bytes;
    };

    // "-" is standard input.
    [[nodiscard]] static Result<CaptureFile> open(const std::string& path);

    // The next record, or null at the end.
    [[nodiscard]] const Record* next();
    // One line that says why the records ended before the file did, or empty.
    [[nodiscard]] const std::string& error() const { return error_; }
    [[nodiscard]] int link_type() const { return link_type_; }
    [[nodiscard]] std::uint32_t snap_length() const { return snap_length_; }

  private:
    struct Close {
        void operator()(std::FILE* file) const noexcept;
    };
    struct Interface {
        std::uint32_t snap_length = 0;
        std::uint64_t units_per_second = 1'000'000;
        std::int64_t offset_seconds = 0;
    };
    enum class Got : std::uint8_t { all, end, part };

    explicit CaptureFile(std::FILE* file) : file_(file) {}
    [[nodiscard]] Got read(std::size_t bytes);
    [[nodiscard]] std::uint16_t u16(std::size_t at) const;
    [[nodiscard]] std::uint32_t u32(std::size_t at) const;
    [[nodiscard]] std::string begin();
    [[nodiscard]] const Record* next_record();
    [[nodiscard]] bool next_block();
    [[nodiscard]] bool on_section();
    [[nodiscard]] bool on_interface(std::size_t end);
    void read_options(Interface& interface, std::size_t at, std::size_t end) const;
    [[nodiscard]] const Record* on_packet();
    [[nodiscard]] bool failed(std::string why);

    std::unique_ptr<std::FILE, Close> file_;
    std::vector<char> block_;
    std::vector<Interface> interfaces_;  // of the section; a pcap file has one
    Record record_;
    std::uint32_t block_type_ = 0;
    std::uint32_t snap_length_ = 0;
    int link_type_ = -1;
    bool swapped_ = false;
    bool blocks_ = false;  // pcapng
    bool ended_ = false;
    std::string error_;
};

}  // namespace sluice::wire

// Capture: frames, one after the other, from a pcap or pcapng file (capture_file.h) or from a live
// interface (live_capture.h).
//
// OWNERSHIP. A Frame's bytes belong to the capture and are valid until the next call of next().
// THREADS. One. ERRORS. Opening says what was tried and why it failed. A file that breaks off or is
// damaged further on ends the frames; error() then says so, and what came before stays good.
// Memory is bounded by the largest frame that is accepted (256 KiB), whatever the file's size.
// Source: pcap(3PCAP), pcap-linktype(7).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"

namespace sluice::wire {

// What the first bytes of a frame are.
enum class Link : std::uint8_t { ethernet, cooked_v1, cooked_v2, null, loop, raw, unknown };

struct Frame {
    std::uint64_t number = 0;  // from 1, as captured
    Nanos time = 0;            // since 1970
    std::uint32_t length = 0;  // on the wire; bytes.size() is what was captured of it
    Link link = Link::unknown;
    std::string_view bytes;
};

class Capture {
  public:
    // "-" is standard input.
    [[nodiscard]] static Result<Capture> open_file(const std::string& path);
    // Live, from `interface`, limited by a filter of pcap-filter(7); of each frame the first
    // `snap_bytes`. An error says which right is missing and how to get it.
    [[nodiscard]] static Result<Capture> open_live(const std::string& interface,
                                                   const std::string& filter,
                                                   int snap_bytes = kSnapBytesMax);
    // Of a whole frame, be it assembled by the network card.
    static constexpr int kSnapBytesMax = 256 << 10;

    Capture(Capture&&) noexcept;
    Capture& operator=(Capture&&) noexcept;
    ~Capture();

    // The next frame, or null: the file's end, an error, or (live) nothing within 50 ms.
    [[nodiscard]] const Frame* next();

    // Empty, or one line on why the frames ended before the file did.
    [[nodiscard]] const std::string& error() const { return error_; }
    // Live captures only end by an error.
    [[nodiscard]] bool ended() const { return ended_; }
    [[nodiscard]] Link link() const { return link_; }
    [[nodiscard]] int link_type() const { return link_type_; }  // the number that files use
    [[nodiscard]] std::uint32_t snap_length() const;
    // Frames that the kernel could not hand over (live).
    [[nodiscard]] std::uint64_t dropped() const;

  private:
    struct Source;  // a file or an interface

    Capture(std::unique_ptr<Source> source, int link_type);

    std::unique_ptr<Source> source_;
    Frame frame_;
    Link link_ = Link::unknown;
    int link_type_ = 0;
    bool ended_ = false;
    std::string error_;
};

}  // namespace sluice::wire

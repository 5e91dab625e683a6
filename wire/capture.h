// Capture: frames, one after the other, from a pcap or pcapng file (capture_file.h) or from a live
// interface (live_capture.h).
//
// OWNERSHIP. A Frame's bytes belong to the capture and are valid until the next call of next().
// THREADS. One. ERRORS. Opening says what was tried and why it failed. Frames end where a file
// breaks off or is damaged; error() then says so, and the earlier frames stay good.
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

// The link-layer header at the start of a frame.
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
    // Live, from `interface`, limited by a filter of pcap-filter(7). Keeps the first `snap_bytes`
    // of each frame. An error says which right is missing and how to get it.
    [[nodiscard]] static Result<Capture> open_live(const std::string& interface,
                                                   const std::string& filter,
                                                   int snap_bytes = kSnapBytesMax);
    // Enough for a whole frame, even one that the network card assembled (offload).
    static constexpr int kSnapBytesMax = 256 << 10;

    Capture(Capture&&) noexcept;
    Capture& operator=(Capture&&) noexcept;
    ~Capture();

    // The next frame. Null at the file's end, on an error, or (live) after 50 ms without a frame.
    [[nodiscard]] const Frame* next();

    // One line that says why the frames ended before the file did, or empty.
    [[nodiscard]] const std::string& error() const { return error_; }
    // Live captures end only by an error.
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

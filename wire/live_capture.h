// LiveCapture: frames from an interface of this machine. On Linux libpcap reads them. It is loaded
// when the first capture opens, so that everything else runs without it. On Windows open() fails.
//
// OWNERSHIP. A frame's bytes belong to the capture until the next call of next(). THREADS. One.
// ERRORS. Opening says why it failed and what helps. error() says why the frames ended.
// Source: pcap(3PCAP), pcap-linktype(7).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/result.h"
#include "wire/capture_file.h"

namespace sluice::wire {

class LiveCapture {
  public:
    // As Capture::open_live().
    [[nodiscard]] static Result<LiveCapture> open(const std::string& interface,
                                                  const std::string& filter, int snap_bytes);

    LiveCapture(LiveCapture&&) noexcept;
    LiveCapture& operator=(LiveCapture&&) noexcept;
    ~LiveCapture();

    // The next frame. Null on an error, or after 50 ms without a frame.
    [[nodiscard]] const CaptureFile::Record* next();
    [[nodiscard]] const std::string& error() const { return error_; }
    [[nodiscard]] int link_type() const;
    [[nodiscard]] std::uint32_t snap_length() const;
    [[nodiscard]] std::uint64_t dropped() const;

  private:
    struct Handle;  // libpcap's
    explicit LiveCapture(std::unique_ptr<Handle> handle);

    std::unique_ptr<Handle> handle_;
    CaptureFile::Record record_;
    std::string error_;
};

}  // namespace sluice::wire

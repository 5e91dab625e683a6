#include <fmt/format.h>

#include "wire/live_capture.h"

namespace sluice::wire {

struct LiveCapture::Handle {};

LiveCapture::LiveCapture(LiveCapture&&) noexcept = default;
LiveCapture& LiveCapture::operator=(LiveCapture&&) noexcept = default;
LiveCapture::~LiveCapture() = default;

Result<LiveCapture> LiveCapture::open(const std::string& interface, const std::string&, int) {
    return fail(
        Status::not_supported,
        fmt::format("cannot capture on {}: this system has no capture for ordinary "
                    "programs; capture by another one (pktmon, Wireshark) and name the file",
                    interface));
}

const CaptureFile::Record* LiveCapture::next() {
    return nullptr;
}

int LiveCapture::link_type() const {
    return -1;
}

std::uint32_t LiveCapture::snap_length() const {
    return 0;
}

std::uint64_t LiveCapture::dropped() const {
    return 0;
}

}  // namespace sluice::wire

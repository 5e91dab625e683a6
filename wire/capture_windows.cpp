#include <fcntl.h>
#include <fmt/format.h>
#include <io.h>

#include <cstdio>
#include <utility>

#include "wire/capture.h"
#include "wire/capture_file.h"

namespace sluice::wire {

struct Capture::Source {
    CaptureFile file;
};

Capture::Capture(std::unique_ptr<Source> source, int link_type)
    : source_(std::move(source)), link_(link_of(link_type)), link_type_(link_type) {}

Capture::Capture(Capture&&) noexcept = default;
Capture& Capture::operator=(Capture&&) noexcept = default;
Capture::~Capture() = default;

Result<Capture> Capture::open_file(const std::string& path) {
    if (path == "-") {
        (void)::_setmode(::_fileno(stdin), _O_BINARY);
    }
    auto file = CaptureFile::open(path);
    if (!file) {
        return std::unexpected(file.error());
    }
    const int link_type = file->link_type();
    if (wire::link_of(link_type) == Link::unknown) {
        return fail(Status::not_supported, unknown_link(path, fmt::format("number {}", link_type)));
    }
    return Capture(std::make_unique<Source>(Source{std::move(*file)}), link_type);
}

Result<Capture> Capture::open_live(const std::string& interface, const std::string&, int) {
    return fail(
        Status::not_supported,
        fmt::format("cannot capture on {}: this system has no capture for ordinary "
                    "programs; capture by another one (pktmon, Wireshark) and name the file",
                    interface));
}

const Frame* Capture::next() {
    if (ended_) {
        return nullptr;
    }
    const CaptureFile::Record* record = source_->file.next();
    if (record == nullptr) {
        ended_ = true;
        if (const std::string& why = source_->file.error(); !why.empty()) {
            error_ = fmt::format("the capture breaks off after frame {}: {}", frame_.number, why);
        }
        return nullptr;
    }
    ++frame_.number;
    frame_.time = record->time;
    frame_.length = record->length;
    frame_.link = link_;
    frame_.bytes = record->bytes;
    return &frame_;
}

std::uint32_t Capture::snap_length() const {
    return source_->file.snap_length();
}

std::uint64_t Capture::dropped() const {
    return 0;
}

}  // namespace sluice::wire

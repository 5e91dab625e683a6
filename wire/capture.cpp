#include "wire/capture.h"

#include <fmt/format.h>

#include <utility>
#include <variant>

#include "wire/capture_file.h"
#include "wire/live_capture.h"

namespace sluice::wire {

struct Capture::Source {
    std::variant<CaptureFile, LiveCapture> from;
};

Capture::Capture(std::unique_ptr<Source> source, int link_type)
    : source_(std::move(source)), link_(link_of(link_type)), link_type_(link_type) {}

Capture::Capture(Capture&&) noexcept = default;
Capture& Capture::operator=(Capture&&) noexcept = default;
Capture::~Capture() = default;

Result<Capture> Capture::open_file(const std::string& path) {
    auto file = CaptureFile::open(path);
    if (!file) {
        return std::unexpected(file.error());
    }
    const int link_type = file->link_type();
    if (wire::link_of(link_type) == Link::unknown) {
        return fail(Status::not_supported, unknown_link(path, link_type));
    }
    return Capture(std::make_unique<Source>(Source{std::move(*file)}), link_type);
}

Result<Capture> Capture::open_live(const std::string& interface, const std::string& filter,
                                   int snap_bytes) {
    auto live = LiveCapture::open(interface, filter, snap_bytes);
    if (!live) {
        return std::unexpected(live.error());
    }
    const int link_type = live->link_type();
    if (wire::link_of(link_type) == Link::unknown) {
        return fail(Status::not_supported, unknown_link(interface, link_type));
    }
    return Capture(std::make_unique<Source>(Source{std::move(*live)}), link_type);
}

const Frame* Capture::next() {
    if (ended_) {
        return nullptr;
    }
    const CaptureFile::Record* record =
        std::visit([](auto& from) { return from.next(); }, source_->from);
    if (record == nullptr) {
        const std::string& why = std::visit(
            [](auto& from) -> const std::string& { return from.error(); }, source_->from);
        // From an interface a frame may still come.
        ended_ = std::holds_alternative<CaptureFile>(source_->from) || !why.empty();
        if (!why.empty()) {
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
    return std::visit([](auto& from) { return from.snap_length(); }, source_->from);
}

std::uint64_t Capture::dropped() const {
    const auto* live = std::get_if<LiveCapture>(&source_->from);
    return live == nullptr ? 0 : live->dropped();
}

}  // namespace sluice::wire

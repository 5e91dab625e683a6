// send, send_file and read: the window takes what it has room for, and the caller's memory is
// watched from the call to the completion.
#include <algorithm>
#include <cstring>

#include "backends/sim/allocation.h"
#include "backends/sim/backend.h"
#include "backends/sim/file.h"

namespace sluice {

namespace {

constexpr std::size_t kFilePieceMax = 64 * 1024;  // bytes read from a file at a time
constexpr char kUnread = 0x5c;                    // what a read's memory holds until its end

// Appends up to `bytes` from the file; false when the file does not have them all.
bool append_from_file(std::string& to, const FileRange& range, std::uint64_t at,
                      std::size_t bytes) {
    const std::size_t before = to.size();
    to.resize(before + bytes);
    std::size_t done = 0;
    while (done < bytes) {
        const std::size_t got = sim_read_at(range.file, range.offset + at + done,
                                            to.data() + before + done, bytes - done);
        if (got == 0) {
            break;
        }
        done += got;
    }
    to.resize(before + done);
    return done == bytes;
}

bool still_carries(const FileRange& range) {
    return !range.stamped() || *range.stamp == sim_stamp_of(range.file);
}

}  // namespace

// FNV-1a over the addresses and the bytes, the latter by words for speed.
std::uint64_t SimBackend::fingerprint(const Sending& sending) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    const auto mix = [&hash](std::uint64_t value) { hash = (hash ^ value) * 0x100000001b3U; };
    for (std::size_t i = 0; i < sending.slice_count; ++i) {
        const Slice& slice = sending.slices[i];
        std::size_t at = 0;
        for (; at + sizeof(std::uint64_t) <= slice.size; at += sizeof(std::uint64_t)) {
            std::uint64_t word = 0;
            __builtin_memcpy(&word, slice.data + at, sizeof(word));
            mix(word);
        }
        for (; at < slice.size; ++at) {
            mix(static_cast<unsigned char>(slice.data[at]));
        }
    }
    return hash;
}

void SimBackend::start_send(Token token, std::span<const Slice> slices, const FileRange* range,
                            SendUrgency urgency) {
    SlotData& data = bound_slot(token, OpKind::send);
    CHECK(data.state == SlotState::open);
    CHECK(data.send == Op::none);
    CHECK(!data.fin_wanted);
    CHECK(slices.size() <= kSlicesMax);
    data.send = Op::running;
    data.sending = Sending{};
    std::ranges::copy(slices, data.sending.slices.begin());
    data.sending.slice_count = slices.size();
    data.sending.urgency = urgency;
    if (range != nullptr) {
        data.sending.file = *range;
    }
    data.sending.fingerprint = fingerprint(data.sending);
    mark(token.slot());
}

void SimBackend::progress_send(Slot slot) {
    SlotData& data = slots_[slot];
    if (data.send != Op::running) {
        return;
    }
    if (network_.find(data.socket)->broken != Status::ok) {
        finish(slot, OpKind::send, network_.find(data.socket)->broken, data.sending.bytes);
        return;
    }
    const std::optional<Status> status =
        send_slices(data) ? send_range(data) : std::optional<Status>();
    if (status) {
        finish(slot, OpKind::send, *status, data.sending.bytes);
    } else {
        data.sending.waited = true;
    }
}

// True when all slices have left.
bool SimBackend::send_slices(SlotData& data) {
    Sending& sending = data.sending;
    for (; sending.slice < sending.slice_count; ++sending.slice, sending.slice_at = 0) {
        const Slice& slice = sending.slices[sending.slice];
        const std::size_t wanted = slice.size - sending.slice_at;
        if (wanted == 0) {
            continue;
        }
        const std::size_t taken =
            network_.write(data.socket, {slice.data + sending.slice_at, wanted});
        sending.slice_at += taken;
        sending.bytes += taken;
        if (taken < wanted) {
            return false;
        }
    }
    return true;
}

// The status when the operation is over; none while the window is full.
std::optional<Status> SimBackend::send_range(SlotData& data) {
    Sending& sending = data.sending;
    const FileRange& range = sending.file;
    if (range.length == 0) {
        return Status::ok;
    }
    while (sending.file_at < range.length) {
        const std::size_t room = network_.find(data.socket)->room();
        const std::uint64_t left = range.length - sending.file_at;
        const std::size_t wanted = std::min({left, std::uint64_t{room}, kFilePieceMax});
        if (wanted == 0) {
            return std::nullopt;
        }
        std::string piece;
        if (!append_from_file(piece, range, sending.file_at, wanted)) {
            return Status::changed;
        }
        if (range.stamped() && network_.random().chance(network_.faults().file_changed)) {
            return Status::changed;
        }
        const std::size_t taken = network_.write(data.socket, piece);
        sending.file_at += taken;
        sending.bytes += taken;
    }
    return still_carries(range) ? Status::ok : Status::changed;
}

// --- Reading files --------------------------------------------------------------------------

bool SimBackend::in_memory(const FileRange&) const noexcept {
    return !network_.random().chance(network_.faults().file_cold);
}

void SimBackend::read(Token token, const FileRange& range, char* into) noexcept {
    const SimPlenty plenty;
    SlotData& data = bound_slot(token, OpKind::read);
    CHECK(data.state == SlotState::open);
    CHECK(data.read == Op::none);
    data.read = Op::running;
    data.reading = {range, into};
    std::memset(into, kUnread, static_cast<std::size_t>(range.length));
    later(network_.random().between<Nanos>(0, network_.options().disk_latency_max),
          [this, token] { finish_read(token.slot()); });
}

// The bytes are those that the file has when the read ends; close() does not make it end earlier.
void SimBackend::finish_read(Slot slot) {
    SlotData& data = slots_[slot];
    const FileRange& range = data.reading.range;
    std::string bytes;
    const bool whole = append_from_file(bytes, range, 0, static_cast<std::size_t>(range.length));
    std::ranges::copy(bytes, data.reading.into);
    const bool moved = range.stamped() && network_.random().chance(network_.faults().file_changed);
    finish(slot, OpKind::read,
           whole && !moved && still_carries(range) ? Status::ok : Status::changed, bytes.size());
    end_close(slot);
}

}  // namespace sluice

#include "wire/fragments.h"

#include <algorithm>

namespace sluice::wire {

namespace {

constexpr std::uint32_t kUnit = 8;

}  // namespace

std::list<Fragments::Datagram>::iterator Fragments::find(const IpPacket& piece) {
    auto at = std::find_if(datagrams_.begin(), datagrams_.end(), [&](const Datagram& one) {
        return one.id == piece.id && one.from == piece.from && one.to == piece.to &&
               (one.protocol == piece.protocol || piece.from.size == 16);
    });
    if (at != datagrams_.end()) {
        return at;
    }
    if (datagrams_.size() == kDatagramsMax) {
        datagrams_.pop_front();
    }
    Datagram fresh;
    fresh.from = piece.from;
    fresh.to = piece.to;
    fresh.id = piece.id;
    fresh.protocol = piece.protocol;
    return datagrams_.insert(datagrams_.end(), std::move(fresh));
}

bool Fragments::add(IpPacket& piece) {
    const std::uint32_t end = piece.offset + piece.length;
    const bool uneven = piece.more_fragments && piece.length % kUnit != 0;
    const auto at = find(piece);
    Datagram& datagram = *at;
    if (piece.length == 0 || uneven || end > kDatagramBytesMax ||
        piece.payload.size() < piece.length || (datagram.total != 0 && end > datagram.total)) {
        datagrams_.erase(at);
        return false;
    }
    if (!piece.more_fragments) {
        datagram.total = end;
    }
    if (piece.offset == 0) {
        datagram.protocol = piece.protocol;
    }
    if (datagram.bytes.size() < end) {
        datagram.bytes.resize(end);
        datagram.filled.resize((end + kUnit - 1) / kUnit);
    }
    for (std::uint32_t done = 0; done < piece.length; done += kUnit) {
        const std::uint32_t unit = (piece.offset + done) / kUnit;
        if (datagram.filled[unit]) {
            continue;
        }
        const std::uint32_t size = std::min(kUnit, piece.length - done);
        datagram.bytes.replace(piece.offset + done, size, piece.payload.substr(done, size));
        datagram.filled[unit] = true;
        datagram.have += size;
    }
    if (datagram.total == 0 || datagram.have != datagram.total ||
        datagram.bytes.size() != datagram.total) {
        return false;
    }
    whole_ = std::move(datagram.bytes);
    piece.protocol = datagram.protocol;
    piece.ip_bytes = piece.ip_bytes - piece.length + datagram.total;
    piece.length = datagram.total;
    piece.payload = whole_;
    piece.fragment = piece.more_fragments = false;
    piece.offset = 0;
    datagrams_.erase(at);
    return true;
}

}  // namespace sluice::wire

#include "wire/fragments.h"

#include <algorithm>

namespace sluice::wire {

namespace {

constexpr std::uint32_t kUnit = 8;

}  // namespace

std::list<Fragments::Datagram>::iterator Fragments::find(const IpPacket& packet) {
    auto at = std::find_if(datagrams_.begin(), datagrams_.end(), [&](const Datagram& one) {
        return one.id == packet.id && one.from == packet.from && one.to == packet.to &&
               (one.protocol == packet.protocol || packet.from.size == 16);
    });
    if (at != datagrams_.end()) {
        return at;
    }
    if (datagrams_.size() == kDatagramsMax) {
        datagrams_.pop_front();
    }
    Datagram fresh;
    fresh.from = packet.from;
    fresh.to = packet.to;
    fresh.id = packet.id;
    fresh.protocol = packet.protocol;
    return datagrams_.insert(datagrams_.end(), std::move(fresh));
}

bool Fragments::add(IpPacket& packet) {
    const std::uint32_t end = packet.offset + packet.length;
    const bool uneven = packet.more_fragments && packet.length % kUnit != 0;
    const auto at = find(packet);
    Datagram& datagram = *at;
    if (packet.length == 0 || uneven || end > kDatagramBytesMax ||
        packet.payload.size() < packet.length || (datagram.total != 0 && end > datagram.total)) {
        datagrams_.erase(at);
        return false;
    }
    if (!packet.more_fragments) {
        datagram.total = end;
    }
    if (packet.offset == 0) {
        datagram.protocol = packet.protocol;
    }
    if (datagram.bytes.size() < end) {
        datagram.bytes.resize(end);
        datagram.filled.resize((end + kUnit - 1) / kUnit);
    }
    for (std::uint32_t done = 0; done < packet.length; done += kUnit) {
        const std::uint32_t unit = (packet.offset + done) / kUnit;
        if (datagram.filled[unit]) {
            continue;
        }
        const std::uint32_t size = std::min(kUnit, packet.length - done);
        datagram.bytes.replace(packet.offset + done, size, packet.payload.substr(done, size));
        datagram.filled[unit] = true;
        datagram.have += size;
    }
    if (datagram.total == 0 || datagram.have != datagram.total ||
        datagram.bytes.size() != datagram.total) {
        return false;
    }
    whole_ = std::move(datagram.bytes);
    packet.protocol = datagram.protocol;
    packet.ip_bytes = packet.ip_bytes - packet.length + datagram.total;
    packet.length = datagram.total;
    packet.payload = whole_;
    packet.fragment = packet.more_fragments = false;
    packet.offset = 0;
    datagrams_.erase(at);
    return true;
}

}  // namespace sluice::wire

// Reassembly of IP fragments. A fragmented datagram yields its segment in the frame that completes
// it.
//
// Bounded: kDatagramsMax datagrams at once, each at most 64 KiB; a new one evicts the oldest. Where
// fragments overlap, the bytes that came first count (RFC 5722 forbids overlaps in IPv6; in IPv4
// hosts differ). A datagram is given up when one of its fragments was not captured whole. Sources:
// RFC 791 section 3.2, RFC 8200 section 4.5.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "wire/packet.h"

namespace sluice::wire {

class Fragments {
  public:
    static constexpr std::size_t kDatagramsMax = 64;
    static constexpr std::uint32_t kDatagramBytesMax = 65'535;

    // True when `packet` completed its datagram. It then is the whole datagram, and its payload
    // stays valid until the next call.
    [[nodiscard]] bool add(IpPacket& packet);

    [[nodiscard]] std::size_t waiting() const { return datagrams_.size(); }

  private:
    struct Datagram {
        Address from;
        Address to;
        std::uint32_t id = 0;
        std::uint8_t protocol = 0;
        std::uint32_t total = 0;  // 0: the last fragment has not come
        std::uint32_t have = 0;   // bytes filled
        std::string bytes;
        std::vector<bool> filled;  // by units of 8 bytes
    };

    [[nodiscard]] std::list<Datagram>::iterator find(const IpPacket& packet);

    std::list<Datagram> datagrams_;
    std::string whole_;
};

}  // namespace sluice::wire

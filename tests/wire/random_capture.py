"""Captures of TCP conversations over a bad network: loss, reordering and duplication before and after
the tap, retransmissions, duplicate ACKs, zero windows, resets. Made from a seed, written as pcap with
nanosecond stamps (raw IPv4 or IPv6). The peers are simple, but their numbers are consistent."""

import random
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


class Tap:
    def __init__(self, path):
        self.out = open(path, "wb")
        self.out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 101))

    def write(self, time_ns, packet):
        self.out.write(struct.pack("<IIII", time_ns // 10**9, time_ns % 10**9, len(packet),
                                   len(packet)) + packet)

    def close(self):
        self.out.close()


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def segment(source, target, seq, ack, flags, window, payload=b"", options=b"", ident=0, v6=False):
    options += b"\1" * (-len(options) % 4)
    head = struct.pack(">HHIIHHHH", source[1], target[1], seq % 2**32, ack % 2**32,
                       (5 + len(options) // 4) << 12 | flags, window, 0, 0)
    tcp = head + options + payload
    if v6:
        pseudo = source[0] + target[0] + struct.pack(">II", len(tcp), 6)
    else:
        pseudo = source[0] + target[0] + struct.pack(">HH", 6, len(tcp))
    tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp)) + tcp[18:]
    if v6:
        return struct.pack(">IHBB", 6 << 28, len(tcp), 6, 64) + source[0] + target[0] + tcp
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), ident % 65536, 0x4000, 64, 6, 0)
    ip += source[0] + target[0]
    return ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:] + tcp


class Conversation:
    """One connection: what each side sends goes to `events` as (time, packet)."""

    def __init__(self, rng, port, start, v6):
        self.rng, self.v6 = rng, v6
        net = bytes.fromhex("20010db8") + bytes(11) if v6 else bytes([192, 0, 2])
        self.ends = [(net + b"\1", port), (net + b"\2", 8080)]
        self.seq = [rng.randrange(2**32), rng.randrange(2**32)]
        self.acked = [self.seq[1], self.seq[0]]  # what each side has acknowledged
        self.window = [rng.choice([1000, 29200, 65535]), rng.choice([1000, 28960, 65535])]
        self.scale = rng.random() < 0.6
        self.shift = [rng.randrange(0, 9), rng.randrange(0, 9)]
        self.now = start
        self.ident = rng.randrange(60000)
        self.events = []
        self.quality = rng.choice([0.0, 0.0, 0.05, 0.2])

    def put(self, side, flags, seq=None, ack=None, payload=b"", options=b"", window=None):
        rng = self.rng
        self.ident += 1
        self.now += rng.choice([1000, 20_000, 300_000, 2_000_000, 30_000_000]) + rng.randrange(999)
        packet = segment(self.ends[side], self.ends[1 - side],
                         self.seq[side] if seq is None else seq,
                         (self.acked[side] if ack is None else ack) if flags & ACK else 0, flags,
                         self.window[side] if window is None else window, payload, options,
                         self.ident, self.v6)
        if rng.random() < self.quality * 0.4:
            return  # never reached the tap
        late = rng.randrange(5_000_000) if rng.random() < self.quality and not flags & SYN else 0
        self.events.append((self.now + late, packet))
        # A late SYN, after data, makes tshark restart its relative numbers.
        if rng.random() < self.quality * 0.3 and not flags & SYN:
            self.events.append((self.now + late + rng.randrange(1, 40_000_000), packet))

    def handshake(self):
        options = b"\2\4\x05\xb4\4\2"
        for side in (0, 1):
            extra = bytes([1, 3, 3, self.shift[side]]) if self.scale or self.rng.random() < 0.1 else b""
            flags = SYN if side == 0 else SYN | ACK
            self.acked[1] = self.seq[0]
            self.put(side, flags, options=options + extra, window=65535)
            if self.rng.random() < 0.1:
                self.put(side, flags, options=options + extra, window=65535)
            self.seq[side] += 1
            if side == 0:
                self.acked[1] = self.seq[0]
            else:
                self.acked[0] = self.seq[1]
        self.put(0, ACK)

    def data(self, side, payload):
        rng = self.rng
        at = 0
        while at < len(payload):
            size = rng.choice([1, 7, 100, 536, 1460, 1460, 9000])
            part = payload[at:at + size]
            self.put(side, PSH | ACK if at + size >= len(payload) else ACK, payload=part)
            self.seq[side] += len(part)
            at += size
            other = 1 - side
            dice = rng.random()
            if dice < 0.5:
                self.acked[other] = self.seq[side]
                self.put(other, ACK)
            elif dice < 0.65:
                for _ in range(rng.randrange(1, 5)):
                    self.put(other, ACK)
            elif dice < 0.75:  # a retransmission of earlier bytes
                back = rng.randrange(1, len(part) + 1)
                self.put(side, ACK, seq=self.seq[side] - back, payload=part[-back:])
            elif dice < 0.8:
                window = self.window[other]
                self.window[other] = 0
                self.acked[other] = self.seq[side]
                self.put(other, ACK)
                if rng.random() < 0.7:
                    self.put(side, ACK, payload=b"p")
                    self.put(other, ACK)
                    self.window[other] = window
                    if rng.random() < 0.5:
                        self.acked[other] = self.seq[side] + 1
                        self.seq[side] += 1
                        self.put(other, ACK)
                    else:
                        self.put(other, ACK)
                else:
                    self.window[other] = window
                    self.put(other, ACK)
            elif dice < 0.85:
                self.put(side, ACK, seq=self.seq[side] - 1, payload=rng.choice([b"", b"k"]))
                self.acked[other] = self.seq[side]
                self.put(other, ACK)
        self.acked[1 - side] = self.seq[side]

    def close(self):
        rng = self.rng
        dice = rng.random()
        first = rng.randrange(2)
        if dice < 0.2:
            self.put(first, RST | rng.choice([0, ACK]))
            return
        if dice < 0.3:
            return
        self.put(first, FIN | ACK)
        if rng.random() < 0.15:
            self.put(first, FIN | ACK)
        self.seq[first] += 1
        if rng.random() < 0.8:  # else both at once
            self.acked[1 - first] = self.seq[first]
        if rng.random() < 0.4:
            self.put(1 - first, ACK)
        self.put(1 - first, FIN | ACK)
        self.seq[1 - first] += 1
        self.acked = [self.seq[1], self.seq[0]]
        self.put(first, ACK)
        if rng.random() < 0.3:
            self.put(1 - first, ACK)


def write(path, seed, conversations=12):
    rng = random.Random(seed)
    events = []
    for index in range(conversations):
        v6 = rng.random() < 0.3
        port = 40000 + rng.randrange(8) if rng.random() < 0.3 else 50000 + index
        conversation = Conversation(rng, port, 1_700_000_000 * 10**9 + rng.randrange(10**9) * index, v6)
        if rng.random() < 0.9:
            conversation.handshake()
        for _ in range(rng.randrange(4)):
            conversation.data(0, rng.randbytes(rng.choice([1, 80, 700, 4000])))
            conversation.data(1, rng.randbytes(rng.choice([1, 300, 5000, 30000])))
        conversation.close()
        events += conversation.events
    events.sort(key=lambda event: event[0])
    tap = Tap(path)
    for time, packet in events:
        tap.write(time, packet)
    tap.close()

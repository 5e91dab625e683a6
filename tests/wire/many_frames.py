#!/usr/bin/env python3
"""Writes the captures for the speed figures of docs/wire.md: many small frames, the same at each run.

    many_frames.py messages FILE    each frame is a whole HTTP message; connections are kept alive
    many_frames.py visits FILE      three exchanges on each connection, each with its own ACKs,
                                    with handshake and close
"""

import struct
import sys

from random_capture import ACK, FIN, PSH, SYN, Tap, segment

FRAMES = 1_200_000
OPEN = 64  # connections at once
SERVER = (bytes([192, 0, 2, 1]), 8080)
REQUEST = (b"GET /index.html HTTP/1.1\r\nHost: 192.0.2.1:8080\r\nUser-Agent: curl/7.88.1\r\n"
           b"Accept: text/html,application/xhtml+xml\r\nAccept-Encoding: gzip, br\r\n"
           b"Connection: keep-alive\r\n\r\n")
BODY = b"<!doctype html><title>A small page</title><p>" + b"Some text. " * 20
RESPONSE = (b"HTTP/1.1 200 OK\r\nServer: sluice\r\nDate: Mon, 02 Nov 2026 10:00:00 GMT\r\n"
            b"Content-Type: text/html; charset=utf-8\r\nETag: \"5f3a9c0d2b1e4786\"\r\n"
            b"Last-Modified: Sun, 01 Nov 2026 09:00:00 GMT\r\nAccept-Ranges: bytes\r\n"
            b"Vary: Accept-Encoding\r\nContent-Length: %d\r\n\r\n" % len(BODY)) + BODY
OFFER = bytes([2, 4, 5, 180, 4, 2, 3, 3, 7])  # MSS 1460, SACK permitted, window scale 7


def visit(number, exchanges, acknowledges):
    """The packets of one connection, one after the other."""
    client = (bytes([192, 0, 2, 2 + number // 25_000 % 250]), 1024 + number % 50_000)
    ends, seq = (client, SERVER), [number * 77_777 + 1, number * 55_555 + 2]
    stamp = 0

    def packet(side, flags, payload=b"", options=None):
        nonlocal stamp
        stamp += 1
        if options is None:
            options = b"\1\1" + struct.pack(">BBII", 8, 10, stamp, stamp - 1)
        made = segment(ends[side], ends[1 - side], seq[side], seq[1 - side] if flags & ACK else 0,
                       flags, 502, payload, options, stamp)
        seq[side] += len(payload) + (1 if flags & (SYN | FIN) else 0)
        return made

    yield packet(0, SYN, options=OFFER)
    yield packet(1, SYN | ACK, options=OFFER)
    yield packet(0, ACK)
    for _ in range(exchanges):
        yield packet(0, PSH | ACK, REQUEST)
        if acknowledges:
            yield packet(1, ACK)
        yield packet(1, PSH | ACK, RESPONSE)
        if acknowledges:
            yield packet(0, ACK)
    yield packet(0, FIN | ACK)
    yield packet(1, FIN | ACK)
    yield packet(0, ACK)


def main():
    mix, path = sys.argv[1:]
    exchanges = {"messages": FRAMES // OPEN // 2, "visits": 3}[mix]
    tap, time, number, lanes = Tap(path), 1_700_000_000 * 10**9, 0, []
    written = 0
    while written < FRAMES:
        while len(lanes) < OPEN:
            lanes.append(visit(number, exchanges, mix == "visits"))
            number += 1
        for lane in lanes[:]:
            packet = next(lane, None)
            if packet is None:
                lanes.remove(lane)
                continue
            time += 1_000
            tap.write(time, packet)
            written += 1
    tap.close()


if __name__ == "__main__":
    main()
